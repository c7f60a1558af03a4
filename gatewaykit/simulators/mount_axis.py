"""One axis of a simulated mount: steps, and ramps between speeds. Pure."""

from __future__ import annotations

from math import copysign, sqrt

_CLOSE_DEG = 0.001
_PART = 0.9
"""Of the deceleration that there is, what braking for a target counts on: a step is not
infinitely short."""
_DENOMINATOR = 9999
_CLOCK = 57_600 * 7
"""Clock of the motors, times their ticks for each of its pulses (facts/tts160.md 7.2)."""


class Axis:
    """:param most_deg_s: its fastest speed.
    :param gain_deg_s2: how quickly it takes on another.
    """

    def __init__(
        self, deg: float, ticks_per_turn: int, most_deg_s: float, gain_deg_s2: float
    ) -> None:
        self.deg = deg
        """Not reduced: a second turn goes on from 360."""
        self.speed = self.wanted = 0.0
        """Degrees a second, without what tracking and guiding add."""
        self.ticks_per_turn = ticks_per_turn
        self._most, self._gain = most_deg_s, gain_deg_s2

    @property
    def ticks(self) -> int:
        return self.ticks_of(self.deg)

    def ticks_of(self, deg: float) -> int:
        return round(deg * self.ticks_per_turn / 360)

    @property
    def rest_s(self) -> float:
        """Until it has the speed that it wants."""
        return abs(self.wanted - self.speed) / self._gain

    def run(self, seconds: float) -> None:
        """Towards the speed that is wanted, and on with it."""
        ramp_s = min(seconds, self.rest_s)
        before = self.speed
        if ramp_s < seconds:
            self.speed = self.wanted
        else:
            self.speed += copysign(self._gain * ramp_s, self.wanted - before)
        self.deg += (before + self.speed) / 2 * ramp_s
        self.deg += self.speed * (seconds - ramp_s)

    def seek(self, target_deg: float, seconds: float) -> bool:
        """A short step towards a target; tells whether it is there, and at rest."""
        error = target_deg - self.deg
        braking = sqrt(2 * _PART * self._gain * abs(error))
        wanted = copysign(min(self._most, braking, abs(error) / seconds), error)
        most = self._gain * seconds
        self.speed += max(-most, min(most, wanted - self.speed))
        self.deg += self.speed * seconds
        if abs(target_deg - self.deg) > _CLOSE_DEG or abs(self.speed) > 2 * sqrt(
            2 * self._gain * _CLOSE_DEG
        ):
            return False
        self.deg, self.speed = target_deg, 0.0
        return True

    # The fraction of its clock that drives it (facts/tts160.md 7.3).

    def speed_of(self, numerator: int, denominator: int) -> float:
        """Degrees a second, never more than it can."""
        speed = numerator / denominator * _CLOCK * 360 / self.ticks_per_turn
        return min(speed, self._most)

    def fraction(self, speed: float) -> tuple[int, int]:
        """Numerator and denominator for a speed of either sign."""
        share = abs(speed) * self.ticks_per_turn / 360 / _CLOCK
        return round(share * _DENOMINATOR), _DENOMINATOR
