"""What a client asks of the TTS-160 mount.

All but `mount_status` fail with `NotFound` where no mount is configured. Angles are degrees,
right ascension hours, longitude counts east. Records are those of the verbs, which tell more
of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from gatewaykit.interfaces import Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.caller import Caller


@attrs.frozen
class MountBlock:
    """A block of the legacy protocol: `values` is a list, or a dictionary if a format of
    its types was registered."""

    format: str
    values: Any


class MountCalls(Caller):
    """The part of `GatewayClient` that is about the mount.

    What moves or changes something needs the role operator. After `DeviceTimeout`,
    `DeviceGarbled`, `CallTimeout` or `ConnectionFailed` the mount may have begun to move:
    ask for its status before anything is repeated.
    """

    def mount_status(self) -> Deferred[Record]:
        """Position and state, with `age_s` and `stale`; see `verbs.MountStatus`."""
        return self._value(verbs.MountStatus, "mount")

    def mount_variables(self, variables: Iterable[str]) -> Deferred[dict[str, Any]]:
        """Values of the firmware's variables by the names or ids that were asked for."""
        return self._value(verbs.MountVariables, "values", variables=list(variables))

    def mount_command(
        self, text: str | bytes, type: str | None = None
    ) -> Deferred[Record]:
        """Pass a command on, with all that its answer was; see `verbs.MountCommand`.

        Needs the role operator, whatever the command.
        """
        if isinstance(text, bytes):
            text = text.decode("latin-1")
        return self._value(verbs.MountCommand, "answer", text=text, type=type)

    def mount_case(self, number: int) -> Deferred[MountBlock]:
        """A block of the legacy protocol, 0 to 8."""

        async def ask() -> MountBlock:
            return MountBlock(**await self._call(verbs.MountCase, number=number))

        return Deferred.fromCoroutine(ask())

    def register_binary_format(
        self, name: str, format: str, field_names: Sequence[str] | None = None
    ) -> Deferred[None]:
        """Have values of a format by name from now on, over this connection."""
        names = None if field_names is None else list(field_names)
        return self._done(
            verbs.RegisterBinaryFormat, name=name, format=format, field_names=names
        )

    def mount_slew(
        self,
        *,
        right_ascension_h: float | None = None,
        declination_deg: float | None = None,
        altitude_deg: float | None = None,
        azimuth_deg: float | None = None,
    ) -> Deferred[None]:
        """Begin to slew to either pair of coordinates; fires when the mount has begun."""
        return self._done(
            verbs.MountSlew,
            right_ascension_h=right_ascension_h,
            declination_deg=declination_deg,
            altitude_deg=altitude_deg,
            azimuth_deg=azimuth_deg,
        )

    def mount_stop(self) -> Deferred[None]:
        """Stop everything, whoever moves it; fires when the mount has been told."""
        return self._done(verbs.MountStop)

    def mount_sync(
        self, right_ascension_h: float, declination_deg: float
    ) -> Deferred[str]:
        """Tell the mount where it points; the text that it answers."""
        return self._value(
            verbs.MountSync,
            "text",
            right_ascension_h=right_ascension_h,
            declination_deg=declination_deg,
        )

    def mount_park(self) -> Deferred[None]:
        """Begin to park."""
        return self._done(verbs.MountPark)

    def mount_unpark(self) -> Deferred[None]:
        """End parking; fails with `DeviceRefused` where the firmware cannot."""
        return self._done(verbs.MountUnpark)

    def mount_tracking(
        self, *, on: bool | None = None, rate: str | None = None
    ) -> Deferred[None]:
        """Switch tracking, or choose ``sidereal``, ``lunar`` or ``solar``, or both."""
        return self._done(verbs.MountTracking, on=on, rate=rate)

    def mount_guide(self, direction: str, duration_ms: int) -> Deferred[None]:
        """One pulse to ``north``, ``south``, ``east`` or ``west``; fires when it is sent."""
        return self._done(
            verbs.MountGuide, direction=direction, duration_ms=duration_ms
        )

    def mount_move_axis(
        self, direction: str, rate_deg_s: float | None = None
    ) -> Deferred[float]:
        """Move to a direction, at the rate chosen last if none is given; a rate of 0 stops.

        Gives the lease in seconds: the axis stops unless `mount_renew_axis` comes within
        that time, and when the connection ends.
        """
        return self._value(
            verbs.MountMoveAxis,
            "lease_s",
            direction=direction,
            rate_deg_s=rate_deg_s,
        )

    def mount_renew_axis(self, direction: str) -> Deferred[float]:
        """Let a move that this connection began go on; the lease in seconds.

        Fails with `MotionStopped` once it is over, whatever ended it.
        """
        return self._value(
            verbs.MountMoveAxis, "lease_s", direction=direction, renew=True
        )

    def mount_site(
        self,
        *,
        latitude_deg: float | None = None,
        longitude_deg: float | None = None,
        utc_offset_h: float | None = None,
        at: datetime | None = None,
    ) -> Deferred[None]:
        """Set the place (both coordinates), the offset of local time from UTC (east of
        Greenwich positive) and the time (aware), what is given."""
        return self._done(
            verbs.MountSite,
            latitude_deg=latitude_deg,
            longitude_deg=longitude_deg,
            utc_offset_h=utc_offset_h,
            at=at,
        )

    def clear_buffers(self) -> Deferred[None]:
        """Drop what the mount sent unasked, and make sure that its line is in step."""
        return self._done(verbs.ClearBuffers)
