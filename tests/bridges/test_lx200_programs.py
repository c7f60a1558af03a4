"""Programs that read as INDI, SkySafari and Stellarium do never get out of step, whatever the
mount does: refuses, falls silent, answers late or is gone."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from gatewaykit.errors import DeviceRefused, DeviceTimeout
from tests.bridges.lx200_programs import (
    Indi,
    OutOfStep,
    Program,
    SkySafari,
    Stellarium,
)
from tests.bridges.lx200_support import Lx200TestCase, SlowMount

STEPS = 250
SLOW_CALLS = ("status", "slew", "sync", "set_site", "park", "move_axis")
UNSURE = (None, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0)
"""How long a call may take."""
FAILURES = (
    DeviceTimeout("the mount", "it", 1),
    DeviceRefused("the mount", "it", "why # not?"),
)


class Moody(SlowMount):
    """Does what it is asked for now, later, or not at all."""

    def __init__(self, seconds: Callable[[], float], clock: Any) -> None:
        super().__init__(seconds)
        self._clock = clock
        self.dice = random.Random(0)

    def change(self) -> None:
        """Another mood."""
        dice = self.dice
        self.gone = dice.choice((None, None, None, "no port"))
        self.record["age_s"] = 0.2 if self.gone is None else dice.choice((1.0, 9.0))
        self.record["parked"] = dice.random() < 0.2
        self.failure = dice.choice((None, None, None, *FAILURES))
        self._held.clear()
        for call in SLOW_CALLS:
            after_s = dice.choice(UNSURE) if dice.random() < 0.3 else None
            if after_s is not None:
                gate: Deferred[None] = deferLater(self._clock, after_s)
                self._held[call] = deque([gate])


class StepTests(Lx200TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.mount = self.moody = Moody(self.clock.seconds, self.clock)
        self.factory = self.make_factory()

    def wait(self, seconds: float) -> None:
        while seconds > 0:
            self.clock.advance(min(0.1, seconds))
            seconds -= 0.1

    def right(self, position: tuple[float, float] | None) -> None:
        """Whoever reads a position reads the mount's."""
        if position is None:
            return
        hours, degrees = position
        now = self.mount.record
        off_h = abs(hours - now["right_ascension_h"])
        if off_h > 0.001 or abs(degrees - now["declination_deg"]) > 0.001:
            raise OutOfStep(f"{position} is not where the mount is")

    def target(self) -> tuple[int, int]:
        dice = self.moody.dice
        return dice.randrange(24), dice.randrange(-80, 80)

    def went_where(self, done: bool, hours: int, degrees: int) -> None:
        if done:
            sign = -1 if degrees < 0 else 1
            where = (hours + 0.5, degrees + sign * 0.25)
            slews = [deed[1:] for deed in self.mount.deeds if deed[0] == "slew"]
            self.assertEqual(slews[-1], where)

    def run_steps(
        self, seed: int, steps: list[Callable[[], object]], programs: list[Program]
    ) -> None:
        self.moody.dice.seed(seed)
        for _ in range(STEPS):
            self.moody.dice.choice(steps)()
            if self.moody.dice.random() < 0.2:
                self.moody.change()
        for program in programs:
            program.settle()

    def indi_steps(self, indi: Indi) -> list[Callable[[], object]]:
        def goto() -> None:
            target = self.target()
            self.went_where(indi.goto(*target), *target)

        def polls() -> None:
            self.right(indi.position())

        blind = (":Q#", ":Mn#", ":Qn#", ":Qe#", ":Me#", ":RG#", ":RS#", ":TQ#", ":hP#")
        return [
            polls,
            polls,
            polls,
            goto,
            goto,
            lambda: indi.sync(*self.target()),
            indi.alignment,
            indi.is_slew_complete,
            indi.date,
            lambda: indi.setting(":SL12:00:00#"),
            lambda: indi.setting(":SG-05.5#"),
            lambda: indi.setting(":St+40*15#"),
            lambda: indi.setting(":Sg-10*15#"),
            lambda: indi.setting(":ST060.1#"),
            lambda: indi.setting(":SNFoo#"),
            lambda: indi.text(":GT#"),
            lambda: indi.text(":Gg#"),
            lambda: indi.blind(self.moody.dice.choice(blind)),
            lambda: indi.blind(":Mgn0200#"),
        ]

    def stellarium_steps(self, program: Stellarium) -> list[Callable[[], object]]:
        def goto() -> None:
            target = self.target()
            self.went_where(program.goto(*target), *target)

        return [
            lambda: self.right(program.position()),
            lambda: self.right(program.position()),
            goto,
            lambda: program.sync(*self.target()),
        ]

    def skysafari_steps(self, program: SkySafari) -> list[Callable[[], object]]:
        def goto() -> None:
            target = self.target()
            self.went_where(program.goto(*target), *target)

        buttons = (":Me#", ":Qe#", ":RC#", ":Mn#", ":Qn#", ":Q#")
        return [
            lambda: self.right(program.position()),
            lambda: self.right(program.position()),
            goto,
            lambda: program.sync(*self.target()),
            program.is_moving,
            lambda: program.press(self.moody.dice.choice(buttons)),
        ]

    def test_indi(self) -> None:
        for profile in ("indi", "common"):
            for seed in range(4):
                indi = Indi(self.factory, profile, self.wait)
                self.run_steps(seed, self.indi_steps(indi), [indi])

    def test_stellarium(self) -> None:
        for seed in range(4):
            program = Stellarium(self.factory, "common", self.wait)
            self.run_steps(seed, self.stellarium_steps(program), [program])

    def test_skysafari(self) -> None:
        for profile in ("skysafari", "common"):
            for seed in range(4):
                program = SkySafari(self.factory, profile, self.wait)
                self.run_steps(seed, self.skysafari_steps(program), [program])

    def test_all_at_once_on_one_host(self) -> None:
        for seed in range(4):
            indis = [Indi(self.factory, "common", self.wait) for _ in range(2)]
            stellarium = Stellarium(self.factory, "common", self.wait)
            self.clock.advance(6)
            skysafari = SkySafari(self.factory, "common", self.wait)
            steps = [
                *self.indi_steps(indis[0]),
                *self.indi_steps(indis[1]),
                *self.stellarium_steps(stellarium) * 4,
                *self.skysafari_steps(skysafari) * 3,
            ]
            self.run_steps(seed, steps, [*indis, stellarium, skysafari])

    def test_content_mount_does_what_they_ask(self) -> None:
        indi = Indi(self.factory, "indi", self.wait)
        stellarium = Stellarium(self.factory, "common", self.wait)
        skysafari = SkySafari(self.factory, "skysafari", self.wait)
        self.mount.record["local_sidereal_time_h"] = 6.0
        for program in (indi, stellarium, skysafari):
            self.assertTrue(program.goto(6, 40))
            self.wait(6)
            self.assertEqual(program.position(), (6.5, 40.25))
            self.assertTrue(program.sync(7, 40))
            self.assertEqual(program.position(), (7.5, 40.25))
            self.assertFalse(program.goto(6, -80))
            self.assertEqual(program.position(), (7.5, 40.25))
        self.assertTrue(indi.setting(":SL12:00:00#"))
        self.mount.answers[":GG#"] = {"kind": "text", "text": "+00"}
        self.assertTrue(indi.date())

    def test_refusal_in_words_puts_indi_out_of_step(self) -> None:
        """What the profile for it is there for (indi#999); the model sees it."""
        indi = Indi(self.factory, "skysafari", self.wait)
        self.assertFalse(indi.goto(6, -80))
        with self.assertRaises(OutOfStep):
            indi.position()
