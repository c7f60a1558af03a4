"""Place and time as LX200 clients tell them: in parts, which go to the mount together.

A place is ``:St`` and ``:Sg``, a time ``:SL`` and ``:SC``, in any order and with as many
connections as the client likes. The first part is kept, and answered as taken; the last one
sets what is whole by then, and is answered by how that went. The offset from UTC (``:SG``) goes
with the time, also if it comes just after it. Without a time it changes what the gateway tells
this client (``:GG``, ``:GL``, ``:GC``) and nothing in the mount.
"""

from __future__ import annotations

import datetime as dt

from gatewaykit import access
from gatewaykit.bridges.lx200_orders import Order
from gatewaykit.bridges.lx200_profiles import Profile
from gatewaykit.bridges.lx200_sessions import Setting, Value
from gatewaykit.bridges.lx200_uses import Due, Uses
from gatewaykit.errors import (
    AccessDenied,
    DeviceGarbled,
    GatewayError,
    ProtocolViolation,
)
from gatewaykit.interfaces import Record
from gatewaykit.tts160 import local_time
from gatewaykit.tts160.coordinates import half_turn

VERB = "MountSite"
SAME_PLACE_DEG = 1.5 / 60
"""LX200 has minutes of arc: nearer than this, a place is the one that the mount has. Most
firmware takes none (facts/tts160.md 2.2), and clients that push theirs need not know."""


class Place:
    """Of one connection."""

    def __init__(self, uses: Uses, profile: Profile) -> None:
        self._uses = uses
        self._profile = profile

    def _keep(self, order: Order) -> bool:
        """Whether the part can be used, and its client may set it."""
        if order.value is None or order.setting is None:
            return False
        try:
            access.check(self._uses.principal, VERB)
        except AccessDenied as error:
            self._uses.note(VERB, {}, error)
            return False
        self._uses.session.put(order.setting, order.value, self._uses.now())
        return True

    def _recent(self, setting: Setting) -> Value | None:
        return self._uses.session.recent(setting, self._uses.now())

    def _use_up(self, *settings: Setting) -> None:
        """Parts of one thing never become parts of the next."""
        for setting in settings:
            self._uses.session.put(setting, None, self._uses.now())

    async def set_place(self, order: Order, due: Due) -> bytes:
        """``:St`` or ``:Sg``."""
        if not self._keep(order):
            return b"0"
        latitude = self._recent(Setting.LATITUDE)
        longitude = self._recent(Setting.LONGITUDE)
        if latitude is None or longitude is None:
            return b"1"
        self._use_up(Setting.LATITUDE, Setting.LONGITUDE)
        place = {"latitude_deg": latitude.value, "longitude_deg": longitude.value}
        mount = self._uses.shared.mount
        try:
            if _is_at(await self._uses.look("MountStatus", mount.status, due), place):
                return b"1"
            await self._uses.use(VERB, lambda: mount.set_site(**place), due, {**place})
        except GatewayError:
            return b"0"
        return b"1"

    async def set_clock(self, order: Order, due: Due) -> bytes:
        """``:SL``, ``:SC`` or ``:SG``."""
        if not self._keep(order):
            return b"0"
        local = self._local(order)
        if local is not None:
            try:
                await self._set_time(local, due)
            except GatewayError:
                return b"0"
        return self._profile.date_taken if order.setting is Setting.DATE else b"1"

    def _local(self, order: Order) -> Value | None:
        """The local time that is to be set now, and when it was that time."""
        if order.setting is Setting.UTC_OFFSET:
            return self._recent(Setting.LOCAL)
        date, time = self._recent(Setting.DATE), self._recent(Setting.TIME)
        if date is None or time is None:
            return None
        self._use_up(Setting.DATE, Setting.TIME)
        moment = dt.datetime.combine(date.value, time.value, dt.UTC)
        self._uses.session.put(Setting.LOCAL, moment, time.at)
        return Value(moment, time.at)

    async def _set_time(self, local: Value, due: Due) -> None:
        uses = self._uses
        own_offset_h = uses.session.get(Setting.UTC_OFFSET, uses.now())
        arguments: dict[str, object] = {
            "local_time": f"{local.value:%Y-%m-%dT%H:%M:%S}"
        }
        if own_offset_h is not None:
            arguments["utc_offset_h"] = own_offset_h

        async def act() -> float:
            offset_h = own_offset_h
            if offset_h is None:
                offset_h = await self._offset_of_mount()
            passed_s = uses.now() - local.at
            at_s = local.value.timestamp() - offset_h * 3600 + passed_s
            await uses.shared.mount.set_site(
                utc_offset_h=own_offset_h, at_ms=round(at_s * 1000)
            )
            return float(offset_h)

        uses.shared.utc_offset_h = await uses.use(VERB, act, due, arguments)

    async def _offset_of_mount(self) -> float:
        """What a local time means to a mount whose client says no offset."""
        answer = await self._uses.shared.mount.command(":GG#", "auto", self)
        try:
            return local_time.parse_utc_offset(answer["text"])
        except ProtocolViolation as error:
            raise DeviceGarbled("the mount", ":GG#", str(error)) from error


def _is_at(record: Record, place: dict[str, float]) -> bool:
    """Whether the mount is there already."""
    latitude: float | None = record["latitude_deg"]
    longitude: float | None = record["longitude_deg"]
    if latitude is None or longitude is None:
        return False
    apart = half_turn(place["longitude_deg"] - longitude)
    north = place["latitude_deg"] - latitude
    return abs(north) < SAME_PLACE_DEG and abs(apart) < SAME_PLACE_DEG
