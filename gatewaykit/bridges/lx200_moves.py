"""What LX200 clients move, and how they stop it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
from twisted.internet.defer import Deferred

from gatewaykit import access
from gatewaykit.bridges.lx200_axes import Holder
from gatewaykit.bridges.lx200_orders import USUAL_RATE_DEG_S, Kind, Order
from gatewaykit.bridges.lx200_profiles import Profile
from gatewaykit.bridges.lx200_sessions import Setting
from gatewaykit.bridges.lx200_uses import Belongings, Due, Uses
from gatewaykit.errors import AccessDenied, DeviceRefused, GatewayError, MisuseError
from gatewaykit.tts160 import sky
from gatewaykit.tts160.axes import Axis, axis_of

BELOW_HORIZON, OTHERWISE = 1, 3
"""Digits of a refused ``:MS#``: INDI 1.9.9 says "below horizon" of 1, and "failed" of 3."""


@attrs.frozen
class Deed:
    """Something that the mount does, without an answer of ours."""

    verb: str
    title: str
    act: Callable[[], Awaitable[object]]
    arguments: dict[str, object] = attrs.field(factory=dict)
    """For the audit trail."""
    axis: Axis | None = None
    """The only one that it moves."""


class Moves:
    """Of one connection.

    :param belongings: what it has in common with others of its address.
    """

    def __init__(self, uses: Uses, profile: Profile, belongings: Belongings) -> None:
        self._uses = uses
        self._profile = profile
        self._mount = uses.shared.mount
        self._stops = uses.shared.stops
        self._address = belongings.holder
        self._own: Holder | None = None
        """Who moves axes for it, since it has moved one."""

    def heard(self) -> None:
        """The client is there."""
        if self._uses.session.is_fleeting(self._uses.now()):
            self._address.heard()
        if self._own is not None:
            self._own.heard()

    def gone(self) -> None:
        """The connection is lost. What an address moves goes on as long as that is heard."""
        if self._own is not None and self._own is not self._address:
            self._own.release()

    def stop(self, order: Order) -> None:
        """Stop everything or one axis now, whatever else waits; nothing is answered."""
        uses = self._uses
        arguments: dict[str, object] = {}
        verb, axis = "MountStop", None
        if order.kind is Kind.STOP_AXIS:
            verb, axis = "MountMoveAxis", axis_of(order.value)
            arguments = {"direction": order.value, "rate_deg_s": 0}
        try:
            access.check(uses.principal, verb)
        except AccessDenied as error:
            uses.note(verb, arguments, error)
            return
        for holder in (self._own, self._address):
            if holder is not None:
                holder.stopped(axis)
        if axis is None:
            who = uses.principal
            stopping = self._stops.stop(f"{who.name} ({who.origin})")
        else:
            stopping = self._stops.stop_axis(order.value)

        Deferred.fromCoroutine(self._told_of(stopping, verb, arguments))

    async def _told_of(
        self, stopping: Deferred[None], verb: str, arguments: dict[str, object]
    ) -> None:
        try:
            await stopping
        except Exception as error:  # noqa: BLE001 - noted, and logged if it is a bug
            self._uses.note(verb, arguments, error)
        else:
            self._uses.note(verb, arguments, None)

    async def goto(self, due: Due) -> bytes:
        """To the client's target."""

        def slew() -> Deferred[None]:
            self._stops.let_move(due.stamp, "a slew")
            hours, degrees = self._target()
            return self._mount.slew(right_ascension_h=hours, declination_deg=degrees)

        try:
            await self._uses.use("MountSlew", slew, due, self._target_shown())
        except DeviceRefused as error:
            digit = await self._refused_for(due)
            return self._profile.refused_goto(digit, error.reason)
        except GatewayError as error:
            return self._profile.refused_goto(OTHERWISE, str(error))
        return b"0"

    async def sync(self, due: Due) -> bytes:
        """On the client's target."""

        def sync() -> Deferred[str]:
            self._stops.let_move(due.stamp, "a sync")
            return self._mount.sync(*self._target())

        try:
            text = await self._uses.use("MountSync", sync, due, self._target_shown())
        except GatewayError as error:
            return self._profile.refused_sync(str(error))
        return self._profile.done_sync(text)

    def _target(self) -> tuple[float, float]:
        session, now = self._uses.session, self._uses.now()
        hours = session.get(Setting.RIGHT_ASCENSION, now)
        degrees = session.get(Setting.DECLINATION, now)
        if hours is None or degrees is None:
            raise MisuseError("target", None, "one that was set before")
        return hours, degrees

    def _target_shown(self) -> dict[str, object]:
        """For the audit trail."""
        try:
            hours, degrees = self._target()
        except MisuseError:
            return {}
        return {
            "right_ascension_h": round(hours, 6),
            "declination_deg": round(degrees, 5),
        }

    async def _refused_for(self, due: Due) -> int:
        """Which digit tells why the mount does not go to the target."""
        try:
            record = await self._uses.look("MountStatus", self._mount.status, due)
            place = record["local_sidereal_time_h"], record["latitude_deg"]
            if None not in place:
                altitude_deg, _ = sky.to_horizontal(*self._target(), *place)
                if altitude_deg < 0:
                    return BELOW_HORIZON
        except GatewayError:
            pass
        return OTHERWISE

    async def do(self, order: Order, due: Due) -> bool:
        """Axes, pulses, parking, tracking; whether it was done."""
        deed = self._deed(order)

        async def act() -> None:
            self._stops.let_move(due.stamp, deed.title, deed.axis)
            await deed.act()

        try:
            await self._uses.use(deed.verb, act, due, deed.arguments)
        except GatewayError:
            return False
        return True

    def _deed(self, order: Order) -> Deed:
        mount, kind, value = self._mount, order.kind, order.value
        if kind is Kind.MOVE:
            rate_deg_s = self._uses.session.get(Setting.RATE, self._uses.now())
            return self._axis_move(value, rate_deg_s or USUAL_RATE_DEG_S)
        if kind is Kind.GUIDE:
            direction, duration_ms = value
            return Deed(
                "MountGuide",
                "a guide pulse",
                lambda: mount.guide(direction, duration_ms),
                {"direction": direction, "duration_ms": duration_ms},
                axis_of(direction),
            )
        if kind is Kind.PARK:
            return Deed("MountPark", "parking", mount.park)
        if kind is Kind.UNPARK:
            return Deed("MountUnpark", "unparking", mount.unpark)
        if isinstance(value, bool):
            return Deed(
                "MountTracking",
                "tracking",
                lambda: mount.tracking(on=value),
                {"on": value},
            )
        return Deed(
            "MountTracking",
            "tracking",
            lambda: mount.tracking(rate=value),
            {"rate": value},
        )

    def _axis_move(self, direction: str, rate_deg_s: float) -> Deed:
        if self._own is None:
            is_fleeting = self._uses.session.is_fleeting(self._uses.now())
            shared = self._uses.shared
            own = Holder(shared.mount, shared.clock)
            self._own = self._address if is_fleeting else own
        holder = self._own
        return Deed(
            "MountMoveAxis",
            f"a move to {direction}",
            lambda: holder.move(direction, rate_deg_s),
            {"direction": direction, "rate_deg_s": round(rate_deg_s, 6)},
            axis_of(direction),
        )
