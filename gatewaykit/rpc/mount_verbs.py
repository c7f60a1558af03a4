"""The verbs of the TTS-160 mount; see `gatewaykit.interfaces.IMount`.

Angles are degrees, right ascension hours, longitude counts east. Each verb fails with
`NotFound` where no mount is configured, except `MountStatus`, and with `DeviceUnavailable`,
`DeviceTimeout`, `DeviceGarbled` or `DeviceRefused` where the mount is the reason; what moves
it also with `MotionStopped`. After a `DeviceTimeout`, a `DeviceGarbled` or a `CallTimeout`
the mount may have begun to move: nothing that moves is repeated.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from twisted.protocols import amp

from gatewaykit.access import Role
from gatewaykit.errors import DeviceRefused, GatewayError, MisuseError
from gatewaykit.rpc.arguments import (
    JSON,
    Flag,
    Moment,
    Number,
    Text,
    Whole,
    Words,
)
from gatewaykit.rpc.verb import Verb

DIRECTIONS = ("north", "south", "east", "west")
TRACKING_RATES = ("sidereal", "lunar", "solar")
REPLIES = ("auto", "blind", "bool", "string")
MOST_VARIABLES = 200
"""In one call; the firmware's tables have fewer."""
MOST_RATE_DEG_S = 3.5
"""Of an axis (facts/tts160.md 7.2)."""
MOST_PULSE_MS = 9999
"""Four digits (facts/tts160.md 2.2)."""

# Commands that only read (facts/tts160.md 1.6): a program that lives on them polls all night.
_READS = re.compile(
    r"\x06|:(?:G[RDAZSLCGtgWrdcTMNOP]|GV[PNDTF]|D|ra"
    r"|\*(?:G[RDAZrdtg]|E|P[Gq]|TRG|gRG|R[RD]|![0-8]|!G [A-Z0-9,]+))#"
)

# Of these, what every mount of this kind answers, as its drivers show (facts/tts160.md 2.1):
# who may only look must not keep the line busy with questions that have no answer.
_ANSWERED = re.compile(
    r":(?:G[RDAZSLCGtgW]|GV[PND]|\*(?:G[RDAZrdtg]|E|P[Gq]|TRG|gRG|R[RD]|!G [A-Z0-9,]+))#"
)


def _right_ascension(*, optional: bool = False) -> Number:
    return Number(0, 24, "hours", below=True, optional=optional)


def _declination(*, optional: bool = False) -> Number:
    return Number(-90, 90, "degrees", optional=optional)


def _direction() -> Text:
    return Text("|".join(DIRECTIONS), ", ".join(DIRECTIONS))


class MountStatus(Verb):
    """Position and state, also where no mount is there or configured. Never fails.

    ``available``, with ``state`` (``absent``, ``starting``, ``ready``, ``degraded``) and
    ``reason`` (None while available); ``dialect`` and ``firmware``; ``right_ascension_h``,
    ``declination_deg`` in ``equinox`` (``JNow`` or ``J2000``), ``altitude_deg``,
    ``azimuth_deg``, ``local_sidereal_time_h``, ``latitude_deg``, ``longitude_deg``; the
    stored target; ``tracking`` and ``tracking_rate``, ``slewing`` (parking too), ``moving``
    (directions), ``parked``, ``aligned_stars``. What is not known is None. ``at``, ``age_s``
    and ``stale`` tell how old it is: while the mount is gone the last values stay.
    """

    role = Role.VIEWER
    response: ClassVar = [(b"mount", JSON())]


class MountVariables(Verb):
    """Values of the firmware's variables, by the names (``RA``) or ids (``T17``) asked for.

    Whole numbers, floats, lists of 9 (matrices) and of 4 (quaternions w, x, y, z); None for
    a float that is no number. Angles are radians, as in the mount.
    """

    role = Role.VIEWER
    arguments: ClassVar = [
        (
            b"variables",
            Words(
                r"[A-Za-z][A-Za-z0-9_]{0,31}",
                MOST_VARIABLES,
                f"1 to {MOST_VARIABLES} names or ids of variables",
            ),
        )
    ]
    response: ClassVar = [(b"values", JSON())]


class MountCommand(Verb):
    """Pass a command on, with all that its answer was.

    `text` has a character for each byte, of `:*!S` payloads too. `type` says how an answer
    is to be read where the command is none that is known: ``blind`` (there is none),
    ``bool`` (one character), ``string`` (text up to ``#``), or ``auto`` (what comes tells).

    The answer has a ``kind`` (``none``, ``bool``, ``text``, ``goto``, ``date``, ``binary``,
    ``case``, ``set``) and, by that, ``value`` (bool, date), ``text`` (text, goto, date;
    without its ``#``), ``code`` (goto; 0 if it has begun), ``format`` and ``values`` (binary,
    case), ``case`` (its number), ``entries`` (set; pairs of type and value). ``values`` is a
    dictionary if a format of its types was registered (`RegisterBinaryFormat`).

    What moves the mount is checked as by the verbs for it; an axis has a lease, as with
    `MountMoveAxis`, which renews it.

    Who may look may pass on what reads only and is answered by every such mount.
    """

    role = Role.OPERATOR
    changes = True
    in_session = True
    arguments: ClassVar = [
        (b"text", Text(r"[\x00-\xff]{1,200}", "1 to 200 characters up to U+00FF")),
        (b"type", Text("|".join(REPLIES), ", ".join(REPLIES), optional=True)),
    ]
    response: ClassVar = [(b"answer", JSON())]

    @classmethod
    def has_effect(cls, arguments: dict[str, str]) -> bool:
        return not _READS.fullmatch(arguments.get("text", ""))

    @classmethod
    def weighed_as(cls, arguments: dict[str, str]) -> str:
        looks = _ANSWERED.fullmatch(arguments.get("text", ""))
        return MountVariables.name() if looks else cls.name()

    @classmethod
    def refusal(cls, result: dict[str, Any]) -> GatewayError | None:
        """Of the mount, or ours, told as the mount's answer."""
        answer = result["answer"]
        if answer.get("code") or answer.get("value") is False:
            return DeviceRefused("the mount", "the command", str(answer))
        return None


class MountCase(Verb):
    """A block of the legacy protocol: its format, and its values.

    They are a list, or a dictionary if a format of its types was registered; one that is
    named ``case2`` is for block 2 alone.
    """

    role = Role.VIEWER
    in_session = True
    arguments: ClassVar = [(b"number", Whole(0, 8))]
    response: ClassVar = [(b"format", amp.Unicode()), (b"values", JSON())]


class RegisterBinaryFormat(Verb):
    """Have binary values of a format by name, for as long as the connection lasts.

    Of two formats with the same types the newer one counts, and one of the same name is
    replaced. It changes nothing for others, so whoever may look may do it.
    """

    role = Role.VIEWER
    in_session = True
    arguments: ClassVar = [
        (b"name", Text(r"[^\x00-\x1f\x7f-\x9f]{1,64}", "1 to 64 characters")),
        (b"format", Text(r"[ -~]{1,100}", "types with counts, such as 2i1B")),
        (
            b"field_names",
            Words(
                r"[^\x00-\x1f\x7f-\x9f]{1,64}",
                1000,
                "a name of 1 to 64 characters for each value",
                optional=True,
            ),
        ),
    ]


class MountSlew(Verb):
    """Begin to slew to right ascension and declination, in the mount's equinox, or to
    altitude and azimuth; answered when the mount has begun."""

    role = Role.OPERATOR
    changes = True
    arguments: ClassVar = [
        (b"right_ascension_h", _right_ascension(optional=True)),
        (b"declination_deg", _declination(optional=True)),
        (b"altitude_deg", Number(-90, 90, "degrees", optional=True)),
        (b"azimuth_deg", Number(0, 360, "degrees", below=True, optional=True)),
    ]

    @classmethod
    def check(cls, arguments: dict[str, Any]) -> None:
        given = {name for name, value in arguments.items() if value is not None}
        pairs = (
            {"right_ascension_h", "declination_deg"},
            {"altitude_deg", "azimuth_deg"},
        )
        if given not in pairs:
            raise MisuseError(
                "coordinates",
                ", ".join(sorted(given)),
                "right_ascension_h and declination_deg, or altitude_deg and azimuth_deg",
            )


class MountStop(Verb):
    """Stop everything, at once, whoever moves it; answered when the mount has been told."""

    role = Role.OPERATOR
    changes = True
    in_session = True


class MountSync(Verb):
    """Tell the mount where it points; gives the text that it answers."""

    role = Role.OPERATOR
    changes = True
    arguments: ClassVar = [
        (b"right_ascension_h", _right_ascension()),
        (b"declination_deg", _declination()),
    ]
    response: ClassVar = [(b"text", amp.Unicode())]


class MountPark(Verb):
    """Begin to park."""

    role = Role.OPERATOR
    changes = True


class MountUnpark(Verb):
    """End parking; `DeviceRefused` where the firmware cannot."""

    role = Role.OPERATOR
    changes = True


class MountTracking(Verb):
    """Switch tracking on or off, or choose its rate, or both."""

    role = Role.OPERATOR
    changes = True
    arguments: ClassVar = [
        (b"on", Flag(optional=True)),
        (
            b"rate",
            Text("|".join(TRACKING_RATES), ", ".join(TRACKING_RATES), optional=True),
        ),
    ]

    @classmethod
    def check(cls, arguments: dict[str, Any]) -> None:
        if arguments.get("on") is None and arguments.get("rate") is None:
            raise MisuseError("on", None, "on, rate, or both")


class MountGuide(Verb):
    """One pulse; answered when it has been sent. North is up in altitude, and west up in
    azimuth (facts/tts160.md 2.2)."""

    role = Role.OPERATOR
    changes = True
    arguments: ClassVar = [
        (b"direction", _direction()),
        (b"duration_ms", Whole(0, MOST_PULSE_MS)),
    ]


class MountMoveAxis(Verb):
    """Move to a direction, and go on only as long as the lease is renewed.

    Without a rate it is the one chosen last; a rate of 0 stops the axis. Tells the lease in
    seconds: it stops unless this comes again within that time with `renew`, and when the
    connection ends. To renew begins nothing: it fails with `MotionStopped` once the axis no
    longer moves for this client, whatever ended it. Renewals are not in the audit trail.
    """

    role = Role.OPERATOR
    changes = True
    in_session = True
    arguments: ClassVar = [
        (b"direction", _direction()),
        (
            b"rate_deg_s",
            Number(0, MOST_RATE_DEG_S, "degrees per second", optional=True),
        ),
        (b"renew", Flag(optional=True)),
    ]
    response: ClassVar = [(b"lease_s", amp.Float())]

    @classmethod
    def check(cls, arguments: dict[str, Any]) -> None:
        rate_deg_s = arguments.get("rate_deg_s")
        if arguments.get("renew") and rate_deg_s is not None:
            raise MisuseError("rate_deg_s", rate_deg_s, "none together with renew")

    @classmethod
    def has_effect(cls, arguments: dict[str, str]) -> bool:
        return arguments.get("renew") != "True"


class MountSite(Verb):
    """Set the place (both coordinates), the offset of local time from UTC in hours, east of
    Greenwich positive, and the time; what is given."""

    role = Role.OPERATOR
    changes = True
    arguments: ClassVar = [
        (b"latitude_deg", Number(-90, 90, "degrees", optional=True)),
        (b"longitude_deg", Number(-180, 180, "degrees", optional=True)),
        (b"utc_offset_h", Number(-12, 14, "hours", optional=True)),
        (b"at", Moment(optional=True)),
    ]

    @classmethod
    def check(cls, arguments: dict[str, Any]) -> None:
        given = {name for name, value in arguments.items() if value is not None}
        if not given:
            raise MisuseError("latitude_deg", None, "something to set")
        if len(given & {"latitude_deg", "longitude_deg"}) == 1:
            value = arguments.get("latitude_deg")
            raise MisuseError("latitude_deg", value, "together with longitude_deg only")


class ClearBuffers(Verb):
    """Drop what the mount sent unasked, and make sure that its line is in step."""

    role = Role.OPERATOR
    changes = True
