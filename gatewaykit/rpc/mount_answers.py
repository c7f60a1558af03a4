"""What the gateway answers to the mount's verbs, from the mount or in its absence."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred

from gatewaykit.errors import MisuseError, NotFound, TTS160SerialError
from gatewaykit.interfaces import IMount, Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.answers import Answer
from gatewaykit.rpc.sessions import Session

T = TypeVar("T")

NOT_CONFIGURED = "no mount is configured (tts160.port)"
_UNKNOWN = (
    *("dialect", "firmware"),
    *("right_ascension_h", "declination_deg", "altitude_deg", "azimuth_deg"),
    *("equinox", "tracking", "tracking_rate", "slewing", "parked", "aligned_stars"),
    *("target_right_ascension_h", "target_declination_deg"),
    *("latitude_deg", "longitude_deg", "local_sidereal_time_h", "at", "age_s"),
)


class Formats(Protocol):
    """The binary formats that a client registered; see `gatewaykit.tts160.registry`."""

    def register(
        self, name: str, format_string: str, field_names: Sequence[str] | None
    ) -> None: ...

    def named(
        self, format_string: str, values: Sequence[Any]
    ) -> list[Any] | dict[str, Any]: ...

    def named_case(
        self, number: int, format_string: str, values: Sequence[Any]
    ) -> list[Any] | dict[str, Any]: ...


class MountAnswers:
    """Answers to the verbs of the mount.

    :param mount: None where none is configured.
    :param new_formats: makes what keeps and checks the binary formats of one client.
    """

    def __init__(
        self, mount: IMount | None, new_formats: Callable[[], Formats]
    ) -> None:
        self._mount = mount
        self._new_formats = new_formats
        self._formats: dict[Session, Formats] = {}

    def table(self) -> Mapping[type[verbs.Verb], Answer]:
        return {
            verbs.MountStatus: self.status,
            verbs.MountVariables: self.variables,
            verbs.MountCommand: self.command,
            verbs.MountCase: self.case,
            verbs.RegisterBinaryFormat: self.register_format,
            verbs.MountSlew: self.slew,
            verbs.MountStop: self.stop,
            verbs.MountSync: self.sync,
            verbs.MountPark: self.park,
            verbs.MountUnpark: self.unpark,
            verbs.MountTracking: self.tracking,
            verbs.MountGuide: self.guide,
            verbs.MountMoveAxis: self.move_axis,
            verbs.MountSite: self.site,
            verbs.ClearBuffers: self.clear_buffers,
        }

    def _there(self) -> IMount:
        if self._mount is None:
            raise NotFound("subsystem", "tts160")
        return self._mount

    async def status(self) -> Record:
        if self._mount is None:
            absent = {"available": False, "state": "absent", "reason": NOT_CONFIGURED}
            unknown = dict.fromkeys(_UNKNOWN)
            return {"mount": absent | unknown | {"moving": [], "stale": True}}
        return {"mount": _finite(await self._mount.status())}

    async def variables(self, variables: list[str]) -> Record:
        return {"values": _finite(await self._there().variables(variables))}

    async def command(self, text: str, type: str | None, session: Session) -> Record:
        mount = self._there()
        formats = self._enter(session)
        command = mount.command(text, type or "auto", session)
        answer = await self._held(mount, session, command)
        values = answer.get("values")
        if values is not None:
            if answer["kind"] == "case":
                case, format = answer["case"], answer["format"]
                values = formats.named_case(case, format, values)
            else:
                values = formats.named(answer["format"], values)
            answer = answer | {"values": values}
        return {"answer": _finite(answer)}

    async def case(self, number: int, session: Session) -> Record:
        mount = self._there()
        formats = self._enter(session)
        format, values = await mount.case(number)
        named = formats.named_case(number, format, values)
        return {"format": format, "values": _finite(named)}

    async def register_format(
        self,
        name: str,
        format: str,
        field_names: list[str] | None,
        session: Session,
    ) -> Record:
        self._there()
        try:
            self._enter(session).register(name, format, field_names)
        except (TTS160SerialError, ValueError) as error:
            raise MisuseError("format", format, str(error)) from error
        return {}

    def _enter(self, session: Session) -> Formats:
        """The client's formats, which are forgotten when it goes."""
        formats = self._formats.get(session)
        if formats is None:
            formats = self._formats[session] = self._new_formats()
            session.on_end(lambda: self._leave(session))
        return formats

    def _leave(self, session: Session) -> None:
        del self._formats[session]
        self._there().release(session)

    async def slew(self, **coordinates: float | None) -> Record:
        await self._there().slew(**coordinates)
        return {}

    async def stop(self, session: Session) -> Record:
        await self._there().stop(session.principal.name)
        return {}

    async def sync(self, right_ascension_h: float, declination_deg: float) -> Record:
        return {"text": await self._there().sync(right_ascension_h, declination_deg)}

    async def park(self) -> Record:
        await self._there().park()
        return {}

    async def unpark(self) -> Record:
        await self._there().unpark()
        return {}

    async def tracking(self, *, on: bool | None, rate: str | None) -> Record:
        await self._there().tracking(on=on, rate=rate)
        return {}

    async def guide(self, direction: str, duration_ms: int) -> Record:
        await self._there().guide(direction, duration_ms)
        return {}

    async def move_axis(
        self,
        direction: str,
        rate_deg_s: float | None,
        *,
        renew: bool | None,
        session: Session,
    ) -> Record:
        mount = self._there()
        if renew:
            return {"lease_s": mount.renew_axis(direction, session)}
        self._enter(session)
        moving = mount.move_axis(direction, rate_deg_s, session)
        return {"lease_s": await self._held(mount, session, moving)}

    async def _held(self, mount: IMount, session: Session, moving: Deferred[T]) -> T:
        """Wait for what may move an axis. A client that goes meanwhile moves nothing."""
        try:
            return await moving
        finally:
            if session.ended:
                mount.release(session)

    async def site(
        self,
        latitude_deg: float | None,
        longitude_deg: float | None,
        utc_offset_h: float | None,
        at: datetime | None,
    ) -> Record:
        await self._there().set_site(
            latitude_deg=latitude_deg,
            longitude_deg=longitude_deg,
            utc_offset_h=utc_offset_h,
            at_ms=None if at is None else round(at.timestamp() * 1000),
        )
        return {}

    async def clear_buffers(self) -> Record:
        await self._there().clear_buffers()
        return {}


def _finite(value: Any) -> Any:
    """A value with None for the floats that JSON has no form for. The mount's memory may
    hold such, where nothing has been written to it yet."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value
