"""The verbs with which people say what a device is, and whether it is theirs.

Refusing a device, and taking that back, stays with `SetPolicy`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.protocols import amp

from gatewaykit.access import Role
from gatewaykit.errors import MisuseError
from gatewaykit.rpc.arguments import Printable, Text, Whole, Words, imei
from gatewaykit.rpc.verb import Verb

LOWEST_OFFSET_MIN = -12 * 60
HIGHEST_OFFSET_MIN = 14 * 60
MOST_NAME = 64
"""Characters of a name and of a group's."""
FIELDS = ("name", "group", "model", "timezone_offset", "block_level", "password_ref")


class Offset(Text):
    """The offset of local time from UTC, east of Greenwich positive."""

    def __init__(self, *, optional: bool = False) -> None:
        super().__init__(
            "[+-][01][0-9]:[0-5][0-9]",
            "+HH:MM or -HH:MM, -12:00 to +14:00",
            optional=optional,
        )

    def _check(self, text: str) -> str:
        checked = super()._check(text)
        if not LOWEST_OFFSET_MIN <= minutes_of(checked) <= HIGHEST_OFFSET_MIN:
            raise ValueError(self.allowed)
        return checked


def minutes_of(offset: str) -> int:
    """-210 for ``-03:30``."""
    minutes = int(offset[1:3]) * 60 + int(offset[4:6])
    return -minutes if offset.startswith("-") else minutes


def _fields() -> list[tuple[bytes, amp.Argument]]:
    model = Text(
        "[A-Za-z0-9+ ]{2,20}", "2 to 20 letters, digits, + and spaces", optional=True
    )
    reference = Text(
        r"[A-Za-z0-9_.\-]{1,64}",
        "1 to 64 letters, digits, underscores, points and hyphens",
        optional=True,
    )
    return [
        (b"name", Printable(MOST_NAME, optional=True)),
        (b"group", Printable(MOST_NAME, optional=True)),
        (b"model", model),
        (b"timezone_offset", Offset(optional=True)),
        (b"block_level", Whole(0, 1, optional=True)),
        (b"password_ref", reference),
    ]


class RegisterDevice(Verb):
    """Register a device that is not registered yet, whether it was ever heard of or not. It
    is accepted from now on.

    `timezone_offset` is that of its clock, `block_level` the level of output 1 that blocks
    the vehicle, `password_ref` the name of a password that is kept elsewhere. Fails with
    `CommandRefused` for one that is registered, or refused by an admin.
    """

    role = Role.DISPATCHER
    changes = True
    arguments: ClassVar = [(b"imei", imei()), *_fields()]


class UpdateDevice(Verb):
    """Change what is given of a known device's registration; `clear` names what to take
    away."""

    role = Role.DISPATCHER
    changes = True
    arguments: ClassVar = [
        (b"imei", imei()),
        *_fields(),
        (
            b"clear",
            Words("|".join(FIELDS), len(FIELDS), ", ".join(FIELDS), optional=True),
        ),
    ]

    @classmethod
    def check(cls, arguments: dict[str, Any]) -> None:
        given = {name for name in FIELDS if arguments.get(name) is not None}
        clear = arguments.get("clear")
        if not given and not clear:
            raise MisuseError("name", None, "something to change")
        if both := sorted(given & set(clear or ())):
            raise MisuseError("clear", ", ".join(both), "names of what is not given")


class ClaimDevice(Verb):
    """Accept a quarantined device: its reports move into the history. What is given of its
    registration is set with that.

    Fails with `NotFound` for one that was never heard of, and with `CommandRefused` for one
    that is not in quarantine.
    """

    role = Role.DISPATCHER
    changes = True
    arguments: ClassVar = [(b"imei", imei()), *_fields()]
