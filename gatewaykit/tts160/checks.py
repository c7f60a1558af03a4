"""Whether the mount may move: what it says of itself just before it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from gatewaykit.errors import DeviceRefused
from gatewaykit.sections import Tts160Settings
from gatewaykit.tts160 import precession, sky
from gatewaykit.tts160.axes import Axis
from gatewaykit.tts160.commands import Priority
from gatewaykit.tts160.known import Known
from gatewaykit.tts160.leases import Leases
from gatewaykit.tts160.observing import Observer
from gatewaykit.tts160.protocol import DEVICE

STANDS_S = 2.0
"""What was stopped has come to rest (facts/tts160.md 2.2)."""
LOOK_S = 0.25
"""Until it is looked again whether it has."""
SECOND_LOOK_S = 0.5
"""Between the two looks that tell of some firmware whether it moves."""


class Checks:
    """What all motion has to pass, when it is its turn; see `Calls`.

    :param wall_ms: milliseconds since the epoch.
    """

    def __init__(
        self,
        settings: Tts160Settings,
        observer: Observer,
        leases: Leases,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._observer = observer
        self._leases = leases
        self._clock = clock
        self._wall_ms = wall_ms
        self._rests_at = 0.0
        """When all that was stopped has come to rest."""
        self._axis_rests_at: dict[Axis, float] = {}

    def stopped(self, axes: Iterable[Axis]) -> None:
        """From now on it comes to rest.

        :param axes: those that moved by themselves.
        """
        self._rests_at = self._clock.seconds() + STANDS_S
        for axis in axes:
            self._axis_rests_at[axis] = self._rests_at

    def rest_s(self, axis: Axis) -> float:
        """How long it takes until the axis stands."""
        return max(0.0, self._axis_rests_at.get(axis, 0.0) - self._clock.seconds())

    # State

    async def standing(self, title: str) -> Known:
        """The state of now; `DeviceRefused` where it is parked or moves.

        What was stopped just before is given the time to come to rest.
        """
        return await self._at_rest(title)

    async def still(self, title: str) -> Known:
        """The same, but parked or not."""
        return await self._at_rest(title, parked_too=True)

    async def axis_standing(self, title: str, axis: Axis) -> Known:
        """The same as `standing` for an axis: the other one may move."""
        return await self._at_rest(title, axis)

    async def unparked(self, title: str) -> Known:
        """The state of now; `DeviceRefused` where it is parked."""
        known = await self._state()
        if known.parked:
            raise DeviceRefused(DEVICE, title, "it is parked")
        return known

    async def _at_rest(
        self, title: str, axis: Axis | None = None, *, parked_too: bool = False
    ) -> Known:
        while True:
            looked_at = self._clock.seconds()
            known = await (self._state() if parked_too else self.unparked(title))
            others = [other for other in self._leases.moving if other is not axis]
            if others and axis is None:
                reason = "one of its axes moves; stop it first"
                raise DeviceRefused(DEVICE, title, reason)
            # To some firmware an axis that moves is slewing, too.
            if others or not known.slewing:
                return known
            if looked_at >= self._rests_at:
                raise DeviceRefused(DEVICE, title, "it is slewing; stop it first")
            rest_s = self._rests_at - self._clock.seconds()
            await deferLater(self._clock, max(0.0, min(LOOK_S, rest_s)))

    async def _state(self) -> Known:
        observer = self._observer
        await observer.read_state(Priority.MOTION)
        identity = observer.identity
        assert identity is not None
        # Some firmware does not say that it moves, and may have come to rest since the look
        # before this one.
        if not identity.tells_slewing and observer.known.slewing is not False:
            await deferLater(self._clock, SECOND_LOOK_S)
            await observer.read_state(Priority.MOTION)
        return observer.known

    # Altitude

    async def check_place(
        self, title: str, right_ascension_h: float, declination_deg: float
    ) -> None:
        """As the mount reckons, by its own place and clock."""
        await self._observer.seldom.know_place(Priority.MOTION)
        sidereal_h = self._observer.sidereal_time_h
        latitude_deg = self._observer.known.latitude_deg
        if sidereal_h is None or latitude_deg is None:
            self.check_unknown(title)
            return
        place = self.of_date(right_ascension_h, declination_deg)
        altitude_deg, _ = sky.to_horizontal(*place, sidereal_h, latitude_deg)
        self.check_altitude(title, altitude_deg)

    def of_date(
        self, right_ascension_h: float, declination_deg: float
    ) -> tuple[float, float]:
        """A place in the mount's equinox, in that of the day."""
        place = right_ascension_h, declination_deg
        if self._is_of_2000:
            return precession.to_date(*place, self._wall_ms() / 1000)
        return place

    def of_mount(
        self, right_ascension_h: float, declination_deg: float
    ) -> tuple[float, float]:
        """The other way round."""
        place = right_ascension_h, declination_deg
        if self._is_of_2000:
            return precession.to_j2000(*place, self._wall_ms() / 1000)
        return place

    @property
    def _is_of_2000(self) -> bool:
        identity = self._observer.identity
        return identity is not None and identity.equinox == "J2000"

    def check_altitude(self, title: str, altitude_deg: float) -> None:
        low, high = self._settings.min_altitude_deg, self._settings.max_altitude_deg
        if not low <= altitude_deg <= high:
            where = "below the horizon" if altitude_deg < 0 else "out of the limits"
            reason = (
                f"{where}: altitude {altitude_deg:.2f}, allowed {low:g} to {high:g}"
                " degrees"
            )
            raise DeviceRefused(DEVICE, title, reason)

    def check_unknown(self, title: str) -> None:
        """Where nobody can tell the altitude: the mount itself refuses what is below its
        horizon, and knows of no other limits."""
        low, high = self._settings.min_altitude_deg, self._settings.max_altitude_deg
        if low > 0 or high < 90:
            reason = (
                "nobody can tell whether that is within the limits of altitude,"
                f" {low:g} to {high:g} degrees"
            )
            raise DeviceRefused(DEVICE, title, reason)
