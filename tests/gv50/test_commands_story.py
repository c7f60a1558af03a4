"""Commands through everything that can happen to them, in any order, beside a model that
knows what is true (`tests.gv50.story`)."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import GatewayError
from gatewaykit.vehicles import Registration
from tests.gv50.story import IMEIS, Car, World
from tests.gv50.support import heartbeat
from tests.gv50.vehicles import ADMIN

SOAK = "SOAK" in os.environ

SERVER = {
    "host": "new.example.net",
    "port": 6000,
    "backup_host": "old.example.net",
    "backup_port": 5000,
    "heartbeat_min": 60,
    "sack": False,
}
ORDERS: list[tuple[str, dict[str, Any]]] = [
    ("block", {}),
    ("block", {}),
    ("unblock", {}),
    ("output", {"level": 1}),
    ("versions", {}),
    ("reboot", {}),
    ("server", SERVER),
    ("custom", {"command": "GTOUT", "values": "1,,,,,,0,,,,,,"}),
]
LONGEST_S = 3600.0

cars = st.sampled_from([IMEIS[0], IMEIS[0], IMEIS[0], *IMEIS])
speeds = st.sampled_from([0.0, 0.0, 5.0, 5.1, 63.0])
often = st.sampled_from([True, True, True, False])


class Story(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.setUp()

    def teardown(self) -> None:
        try:
            self.wind_up()
        finally:
            self.world.doCleanups()

    def wind_up(self) -> None:
        """In the end nothing is open, whatever has happened."""
        world = self.world
        if world.wrong:
            return
        world.held.failure, world.held.holding = None, False
        world.held.release()
        for car in world.cars.values():
            if car.line is not None:
                car.line.end()
                car.line = None
        world.let_pass(LONGEST_S + 400)
        for imei in IMEIS:
            self.connect(imei, moving=False, port=5000)
        world.let_pass(2)
        world.check()
        left = [c for c in world.held.kept() if c.status in {"pending", "sent"}]
        world.assertEqual(left, [])
        world.assertEqual(world.held.held, type(world.held.held)())
        world.assertFalse(
            any(lane.waiting or lane.out for lane in world.commands._roster)
        )

    # -- vehicles ----------------------------------------------------------------------

    def car(self, imei: str) -> Car:
        return self.world.cars[imei]

    @rule(imei=cars, moving=st.booleans(), port=st.sampled_from([5000, 5000, 6000]))
    def connect(self, imei: str, *, moving: bool, port: int) -> None:
        """Or take the connection over."""
        car = self.car(imei)
        self.world.say_hello(car, self.world.plug(car, port))
        if not moving:
            self.world.report(car, 0.0)

    @rule(imei=cars, truly=st.booleans())
    def disconnect(self, imei: str, *, truly: bool) -> None:
        car = self.car(imei)
        if truly and car.line is not None:
            car.line.end()
            car.line = None

    @rule(
        imei=cars,
        speed=speeds,
        age_s=st.sampled_from([0, 0, 0, 4, 29, 31, 50, -3, -120]),
        fix=often,
        live=often,
        far=st.sampled_from([False] * 7 + [True]),
        bit=st.sampled_from([None, 0, 1]),
    )
    def report(self, imei: str, *, live: bool, **told: Any) -> None:
        prefix = "+RESP" if live else "+BUFF"
        self.world.report(self.car(imei), prefix=prefix, **told)

    @rule(imei=cars, bit=st.sampled_from([None, 0, 1]))
    def stand(self, imei: str, bit: int | None) -> None:
        self.world.report(self.car(imei), 0.0, bit=bit)

    @rule(imei=cars, bit=st.sampled_from([None, 0, 1]), back=st.integers(0, 4))
    def report_made_before(self, imei: str, bit: int | None, back: int) -> None:
        """Or a heartbeat."""
        car = self.car(imei)
        if back:
            count = f"{self.world.counts - back:04X}"
            made = self.world.made.get(count, 0.0)
            age_s = self.world.clock.seconds() - made
            self.world.report(car, 0.0, age_s=age_s, bit=bit, count=count)
        elif car.line is not None:
            self.world.send(car, heartbeat(imei=imei, count=self.world.count()))

    @precondition(lambda self: self.world.writes)
    @rule(
        back=st.sampled_from([1, 1, 1, 1, 2, 3]),
        how=st.sampled_from(
            ["right"] * 6 + ["lower", "wrong", "swapped", "type", "nack"]
        ),
        bit=st.sampled_from([None, 0, 1, 1]),
    )
    def answer(self, back: int, how: str, bit: int | None) -> None:
        """A device reports soon after it has acknowledged."""
        writes = self.world.writes
        write = writes[-min(back, len(writes))]
        self.world.answer(write, how)
        if bit is not None:
            self.world.report(write.car, 0.0, bit=bit)

    # -- people ------------------------------------------------------------------------

    @rule(
        imei=cars,
        order=st.sampled_from(ORDERS),
        expires_in_s=st.sampled_from([60.0, 75.0, 600.0, LONGEST_S]),
        override=st.sampled_from([None, None, None, "stolen"]),
        here=often,
    )
    def ask(
        self,
        imei: str,
        order: tuple[str, dict[str, Any]],
        expires_in_s: float,
        override: str | None,
        *,
        here: bool,
    ) -> None:
        """Mostly of one that is there and stands."""
        if here:
            if self.car(imei).line is None:
                self.connect(imei, moving=False, port=5000)
            else:
                self.stand(imei, None)
        kind, parameters = order
        asking = self.world.commands.queue(
            ADMIN, imei, kind, parameters, expires_in_s, override
        )
        asking.addErrback(self.expected)

    @precondition(lambda self: self.world.held.kept())
    @rule(back=st.integers(1, 3))
    def cancel(self, back: int) -> None:
        kept = self.world.held.kept()
        asking = self.world.commands.cancel(ADMIN, kept[-min(back, len(kept))].id)
        asking.addErrback(self.expected)

    def expected(self, failure: Failure) -> None:
        if not failure.check(GatewayError):
            self.world.blame(failure.getTraceback())

    @precondition(lambda self: any(car.doubted for car in self.world.cars.values()))
    @rule(imei=cars)
    def trust(self, imei: str) -> None:
        world = self.world
        device = world.fleet.device(imei)
        if device is None or device.suspicion is None:
            return
        suspicion = device.suspicion
        asking = world.commands.trust(ADMIN, imei)
        # Nothing is written before it is recorded; but then at once.
        self.car(imei).doubted = False
        asking.addErrback(self.expected)
        if device.suspicion is suspicion and not world.held.held:
            self.car(imei).doubted = True

    @rule(
        imei=cars,
        policy=st.sampled_from(["accepted"] * 5 + ["quarantined", "refused"]),
    )
    def decide(self, imei: str, policy: str) -> None:
        self.car(imei).policy = policy
        self.world.fleet.policy_changed(imei, policy)
        self.world.tidy()

    @rule(imei=cars, level=st.sampled_from([None, 0, 1, 1, 1]))
    def register(self, imei: str, level: int | None) -> None:
        """None leaves it to the installation, which says 1."""
        self.car(imei).level = 1 if level is None else level
        self.world.fleet.registered(imei, Registration(block_level=level))

    # -- time and the store ------------------------------------------------------------

    @rule(
        seconds=st.sampled_from([0.25, 0.25, 1, 1, 2, 5, 9, 12, 29, 31, 61, 310, 1200])
    )
    def wait(self, seconds: float) -> None:
        world = self.world
        world.let_pass(seconds)
        if seconds >= 2 and not world.held.holding and world.held.failure is None:
            world.check_rivals()

    @precondition(lambda self: self.world.held.kept())
    @rule(left_s=st.sampled_from([32, 29, 10, 1]), here=st.booleans())
    def wait_for_the_end(self, left_s: int, *, here: bool) -> None:
        """Of the newest command's time; the vehicle is back just before that."""
        world = self.world
        command = world.held.kept()[-1]
        seconds = (command.expires_at - world.now_ms()) // 1000 - left_s
        if command.status == "pending" and 0 < seconds <= LONGEST_S:
            world.let_pass(seconds)
            if here:
                self.connect(command.imei, moving=False, port=5000)

    @rule(seconds=st.sampled_from([0, 0, 0, -4000, -40, -8, 8, 40, 4000]))
    def set_clock(self, seconds: int) -> None:
        self.world.ahead_ms += seconds * 1000
        self.world.was_set |= seconds != 0

    @rule()
    def hold_store(self) -> None:
        """Or let it do all that it has put off."""
        held = self.world.held
        held.holding = not held.holding
        if not held.holding:
            held.release()

    @precondition(lambda self: self.world.held.holding)
    @rule(count=st.integers(1, 3))
    def let_store(self, count: int) -> None:
        self.world.held.release(count)

    @rule()
    def break_store(self) -> None:
        """Or mend it."""
        held = self.world.held
        held.failure = "disk full" if held.failure is None else None

    @rule(done=st.sampled_from([None] * 5 + [-1, 0, 1, 2, 4]))
    def begin_anew(self, done: int | None) -> None:
        """After a stop, or a crash in the midst of what the store does."""
        if done is None:
            return
        if done < 0:
            self.world.stop()
        else:
            self.world.held.lose(done)
        self.world.boot()

    @invariant()
    def all_is_true(self) -> None:
        self.world.check()


class StoryTests(SynchronousTestCase):
    def test_whatever_happens(self) -> None:
        run_state_machine_as_test(
            Story,
            settings=settings(
                max_examples=int(os.environ.get("EXAMPLES", "5000" if SOAK else "150")),
                stateful_step_count=80 if SOAK else 40,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
