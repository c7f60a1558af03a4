"""What one LX200 connection asks, done and answered: everything but its transport."""

from __future__ import annotations

import re

from gatewaykit.access import Principal
from gatewaykit.bridges import lx200_readings as readings
from gatewaykit.bridges.lx200_moves import Moves
from gatewaykit.bridges.lx200_orders import Kind, Order
from gatewaykit.bridges.lx200_place import Place
from gatewaykit.bridges.lx200_profiles import Profile
from gatewaykit.bridges.lx200_sessions import Session, Setting
from gatewaykit.bridges.lx200_uses import Due, Shared, Uses
from gatewaykit.errors import GatewayError
from gatewaykit.interfaces import Record

TARGET = frozenset({Setting.RIGHT_ASCENSION, Setting.DECLINATION})


class Client:
    """One connection's orders.

    :param host: its address, which may have other connections.
    """

    def __init__(
        self, shared: Shared, profile: Profile, principal: Principal, host: str
    ) -> None:
        now = shared.clock.seconds()
        belongings = shared.addresses.of(host, now)
        self._shared = shared
        self._profile = profile
        self._host = host
        self._session = Session(belongings.settings, now)
        self._uses = Uses(shared, principal, host, self._session, profile.patience_s)
        self._moves = Moves(self._uses, profile, belongings)
        self._place = Place(self._uses, profile)

    def heard(self) -> Due:
        """An order has come: what holds for it whenever its turn is."""
        now = self._uses.now()
        self._shared.addresses.of(self._host, now)
        self._moves.heard()
        return Due(self._shared.stops.stamp(), now + self._profile.patience_s)

    def gone(self) -> None:
        """Its connection is lost."""
        self._moves.gone()

    def stop(self, order: Order) -> None:
        """See `Moves.stop`."""
        self._moves.stop(order)

    async def answer(self, order: Order, due: Due) -> bytes:
        """Do it and give what is to be answered, perhaps nothing. Fails for bugs only."""
        match order.kind:
            case Kind.READ:
                return await self._read(order, due)
            case Kind.ASK:
                return await self._ask(order, due)
            case Kind.GOTO:
                return await self._moves.goto(due)
            case Kind.SYNC:
                return await self._moves.sync(due)
            case Kind.KEEP | Kind.TAKE | Kind.PRECISION:
                return self._keep(order)
            case Kind.PLACE:
                return await self._place.set_place(order, due)
            case Kind.CLOCK:
                return await self._place.set_clock(order, due)
            case Kind.FREQUENCY:
                if order.value is None or not await self._moves.do(order, due):
                    return b"0"
                return b"1"
            case Kind.REFUSE:
                return b"0"
            case Kind.NOTHING:
                return b""
        await self._moves.do(order, due)
        return b""

    def _keep(self, order: Order) -> bytes:
        now = self._uses.now()
        if order.kind is Kind.PRECISION:
            was_short = self._session.get(Setting.SHORT, now)
            self._session.put(Setting.SHORT, not was_short, now)
            return b""
        setting, value = order.setting, order.value
        assert setting is not None
        if value is not None or setting in TARGET:
            # A target that was refused must not leave half of another one in its place.
            self._session.put(setting, value, now)
        if order.kind is Kind.KEEP:
            return b""
        return b"0" if value is None else b"1"

    async def _read(self, order: Order, due: Due) -> bytes:
        if self._profile.asks_mount and order.text not in readings.OURS:
            return await self._ask(order, due)
        try:
            record = await self._status(due)
        except GatewayError:
            return b""
        now, session, shared = self._uses.now(), self._session, self._shared
        offset_h = session.get(Setting.UTC_OFFSET, now)
        view = readings.View(
            self._profile,
            record,
            is_short=bool(session.get(Setting.SHORT, now)),
            target_h=session.get(Setting.RIGHT_ASCENSION, now),
            target_deg=session.get(Setting.DECLINATION, now),
            utc_offset_h=shared.utc_offset_h if offset_h is None else offset_h,
            wall_ms=shared.wall_ms(),
        )
        return readings.read(order.text, view)

    async def _status(self, due: Due) -> Record:
        return await self._uses.look("MountStatus", self._shared.mount.status, due)

    async def _ask(self, order: Order, due: Due) -> bytes:
        """The mount's own answer, a text."""
        mount, text = self._shared.mount, order.text
        try:
            if text[0] == "*" and not _is_extended(await self._status(due)):
                return self._profile.unknown
            answer = await self._uses.look(
                "MountCommand", lambda: mount.command(f":{text}#", "auto", self), due
            )
        except GatewayError:
            return self._profile.unknown
        return f"{answer['text']}#".encode("latin-1", "replace")


def _is_extended(record: Record) -> bool:
    """Whether the firmware has ``:*`` commands (facts/tts160.md 2): others stay mute."""
    version = re.match("[0-9]{3}", record["firmware"] or "")
    return record["dialect"] not in {None, "text"} or (
        version is not None and int(version[0]) >= 355
    )
