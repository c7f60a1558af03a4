"""Whether a vehicle may be blocked: generated cases beside a table in the words of the
rule, alone and through everything that a command passes."""

from __future__ import annotations

import itertools
import random
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.interlock import AHEAD_S, Hold, Limits, Motion, hold
from gatewaykit.gv50.motion import Fix
from gatewaykit.gv50.readiness import Obstacle, Rules, Situation, obstacle
from tests.gv50.support import START_MS, Line, heartbeat
from tests.gv50.vehicles import ADMIN, CommandCase

CASES = 20_000
NOW_MS, NOW = START_MS, 5000.0
LIMITS = Limits(max_speed_kmh=5.0, max_fix_age_s=30.0)
RULES = Rules(LIMITS, ack_timeout_s=30.0, frame_max_age_s=10.0)

SPEEDS = (None, 0.0, 0.1, 4.9, 5.0, 5.001, 5.1, 63.0, 999.9)
AGES_S = (-600.0, -5.001, -5.0, -4.999, 0.0, 10.0, 29.999, 30.0, 30.001, 86_400.0)
HEARD_S = (0.0, 10.0, 30.0, 30.001, 600.0)
STATES = (None, "11", "12", "16", "1A", "21", "22", "41", "42")


@attrs.frozen
class Case:
    """What the last live reports told, by what matters."""

    fix: bool
    lost: bool
    speed: float | None
    age_s: float
    heard_s: float
    state: str | None
    state_heard_s: float

    def motion(self) -> Motion:
        told = Fix(
            longitude=-54.5,
            latitude=-20.5,
            speed_kmh=self.speed,
            gps_ms=NOW_MS - round(self.age_s * 1000),
            fix=True,
            state=None,
            count="0001",
            type="GTFRI",
        )
        return Motion(
            fix=told if self.fix else None,
            lost=self.lost,
            state=self.state,
            fix_at=NOW - self.heard_s,
            state_at=NOW - self.state_heard_s,
        )


def may_be_blocked(case: Case) -> bool:
    """The rule: a live position, with a fix, not older than 30 s, with a speed of at most
    5 km/h; what moves with its ignition off is not safe; a clock that is wrong is none."""
    if not case.fix or case.lost:
        return False
    if case.age_s > 30 or case.heard_s > 30 or case.age_s < -5:
        return False
    if case.speed is None or case.speed > 5:
        return False
    return not (case.state in {"12", "16", "1A"} and case.state_heard_s <= 30)


def cases() -> list[Case]:
    """All that is at the edges, and others."""
    dice = random.Random(5)
    edges = [
        Case(True, False, *rest)
        for rest in itertools.product(
            SPEEDS, AGES_S, HEARD_S, (None, "12", "21"), (0.0, 30.0, 30.001)
        )
    ]
    others = [
        Case(
            fix=dice.random() < 0.9,
            lost=dice.random() < 0.1,
            speed=dice.choice((*SPEEDS, round(dice.uniform(0, 12), 1))),
            age_s=dice.choice((*AGES_S, round(dice.uniform(-8, 40), 3))),
            heard_s=dice.choice((*HEARD_S, round(dice.uniform(0, 40), 3))),
            state=dice.choice(STATES),
            state_heard_s=dice.choice(HEARD_S),
        )
        for _ in range(CASES - len(edges))
    ]
    return edges + others


class HoldTests(SynchronousTestCase):
    def test_table(self) -> None:
        agreed = {True: 0, False: 0}
        for case in cases():
            held = hold(case.motion(), LIMITS, NOW_MS, NOW)
            expected = may_be_blocked(case)
            if (held is None) is not expected:
                self.fail(f"{case}: {held}")
            agreed[expected] += 1
        self.assertEqual(sum(agreed.values()), CASES)
        self.assertGreater(agreed[True], 1500)

    def test_the_whole_way_to_the_wire_agrees(self) -> None:
        """An order that cannot block passes whatever the motion, others by the table."""
        for case in cases():
            situation = Situation(NOW_MS, NOW, motion=case.motion())
            found = obstacle(situation, RULES, 600.0, interlocked=True)
            self.assertEqual(found is None, may_be_blocked(case), case)
            self.assertIsNone(obstacle(situation, RULES, 600.0, interlocked=False))
            if found is not None:
                self.assertEqual(found.sort, "interlock")

    def test_a_speed_is_not_asked_for_again_and_the_rest_is(self) -> None:
        case = Case(True, False, 63.0, 1.0, 1.0, None, 0.0)
        self.assertEqual(
            hold(case.motion(), LIMITS, NOW_MS, NOW), Hold("speed 63 km/h", ask=False)
        )
        for other in (
            attrs.evolve(case, fix=False),
            attrs.evolve(case, age_s=31.0),
            attrs.evolve(case, age_s=-60.0),
            attrs.evolve(case, lost=True),
            attrs.evolve(case, speed=None),
            attrs.evolve(case, speed=0.0, state="16"),
        ):
            held = hold(other.motion(), LIMITS, NOW_MS, NOW)
            assert held is not None
            self.assertTrue(held.ask, held)

    def test_reasons(self) -> None:
        good = Case(True, False, 0.0, 1.0, 1.0, None, 0.0)
        for case, reason in (
            (attrs.evolve(good, fix=False), "no live position yet"),
            (attrs.evolve(good, age_s=31.0), "its last position is 31 s old"),
            (attrs.evolve(good, heard_s=45.0), "its last position is 45 s old"),
            (
                attrs.evolve(good, age_s=-60.0),
                "its position is 60 s ahead of the gateway's clock",
            ),
            (attrs.evolve(good, lost=True), "it has no GPS fix"),
            (attrs.evolve(good, speed=None), "its position tells no speed"),
            (attrs.evolve(good, state="12"), "it moves with its ignition off"),
        ):
            self.assertEqual(hold(case.motion(), LIMITS, NOW_MS, NOW), Hold(reason))


def fix(
    speed: float = 0.0,
    *,
    age_s: float = 0.0,
    fix: bool = True,
    state: str | None = None,
) -> Fix:
    gps_ms = NOW_MS - round(age_s * 1000)
    return Fix(-54.5, -20.5, speed, gps_ms, fix, state, "0001", "GTFRI")


class MotionTests(SynchronousTestCase):
    def motion(self, *told: Fix) -> Motion:
        motion = Motion()
        for each in told:
            motion = motion.after(each, NOW_MS, NOW)
        return motion

    def test_the_newest_in_gps_time_counts_however_late_another_comes(self) -> None:
        newest = fix(63.0, age_s=1)
        self.assertIs(self.motion(newest, fix(age_s=2)).fix, newest)
        self.assertIs(self.motion(fix(age_s=2), newest).fix, newest)

    def test_of_two_with_one_time_the_later_one_counts(self) -> None:
        second = fix(63.0, age_s=1)
        self.assertIs(self.motion(fix(age_s=1), second).fix, second)

    def test_one_from_the_future_gives_way_to_the_next(self) -> None:
        wild, right = fix(age_s=-3600), fix(63.0, age_s=1)
        self.assertIs(self.motion(wild, right).fix, right)
        at_the_edge = fix(age_s=-AHEAD_S)
        self.assertIs(self.motion(at_the_edge, right).fix, at_the_edge)

    def test_no_fix_is_remembered_until_there_is_one(self) -> None:
        good = fix(age_s=2)
        motion = self.motion(good, fix(age_s=1, fix=False))
        self.assertEqual((motion.fix, motion.lost), (good, True))
        self.assertTrue(motion.after(fix(age_s=5), NOW_MS, NOW).lost)
        self.assertFalse(motion.after(fix(), NOW_MS, NOW).lost)
        self.assertTrue(self.motion(good).without_fix().lost)

    def test_a_state_is_remembered_until_another_comes(self) -> None:
        motion = self.motion(fix(state="12", fix=False), fix())
        self.assertEqual((motion.state, motion.state_at), ("12", NOW))
        self.assertEqual(motion.after(fix(state="21"), NOW_MS, NOW).state, "21")


class SendingTests(CommandCase):
    """The same through the queue, the store and a connection."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms

    def is_blocked(self, reports: list[dict[str, Any]], **order: Any) -> bool:
        self.configure()
        line = self.identified()
        for report in reports:
            line.send(self.position(**report))
        self.queue(**order)
        return "GTOUT" in [written.type for written in self.commands_of(line)]

    def test_it_is_on_the_wire_only_if_the_table_says_so(self) -> None:
        dice = random.Random(6)
        seen = {True: 0, False: 0}
        for _ in range(300):
            case = Case(
                fix=dice.random() < 0.9,
                lost=dice.random() < 0.1,
                speed=dice.choice((0.0, 4.9, 5.0, 5.1, 63.0)),
                # Stamps are whole seconds.
                age_s=dice.choice((-60, -6, -5, 0, 10, 30, 31, 3600)),
                heard_s=0.0,
                state=dice.choice((None, "11", "12", "16", "1A", "21", "22", "42")),
                state_heard_s=0.0,
            )
            reports: list[dict[str, Any]] = []
            if case.fix:
                told: dict[str, Any] = {"speed": case.speed, "age_s": case.age_s}
                if case.state is not None:
                    told |= {"type": "GTFRI", "status": f"{case.state}0000"}
                reports.append(told)
            if case.lost:
                reports.append({"hdop": 0, "speed": 0.0})
            expected = may_be_blocked(case)
            self.assertEqual(self.is_blocked(reports), expected, case)
            seen[expected] += 1
        self.assertGreater(min(seen.values()), 30)

    def test_buffered_ones_never_count(self) -> None:
        self.assertFalse(self.is_blocked([{"prefix": "+BUFF"}]))
        held_up: list[dict[str, Any]] = [
            {"speed": 63.0},
            {"prefix": "+BUFF", "speed": 0.0},
        ]
        self.assertFalse(self.is_blocked(held_up))
        self.assertTrue(self.is_blocked([{}, {"prefix": "+BUFF", "speed": 63.0}]))

    def test_whatever_can_block_passes_it(self) -> None:
        drive: list[dict[str, Any]] = [{"speed": 63.0}]
        values = "1,,,,,,0,,,,,,"
        orders: list[tuple[str, dict[str, Any]]] = [
            ("block", {}),
            ("output", {"level": 1}),
            ("output", {"level": 0, "duration_ds": 5, "toggles": 1}),
            ("custom", {"command": "GTOUT", "values": values}),
        ]
        for kind, parameters in orders:
            order = {"kind": kind, "parameters": parameters, "principal": ADMIN}
            self.assertFalse(self.is_blocked(drive, **order), order)
            self.assertTrue(self.is_blocked([{}], **order), order)
            self.assertTrue(self.is_blocked(drive, override="stolen", **order), order)

    def test_what_unblocks_does_not(self) -> None:
        drive: list[dict[str, Any]] = [{"speed": 63.0}]
        for order in (
            {"kind": "unblock"},
            {"kind": "output", "parameters": {"level": 0}},
        ):
            self.assertTrue(self.is_blocked(drive, **order), order)

    def test_a_clock_that_is_set_makes_nothing_younger(self) -> None:
        """A position is as old as the worse of two clocks says."""
        line = self.online()
        self.look(25)
        line.send(heartbeat())
        self.look(6)
        self.ahead_ms = -20_000
        self.check_waiting(line)

    def test_nor_does_it_once_the_vehicle_has_been_heard_since(self) -> None:
        line = self.online()
        self.look(35)
        self.ahead_ms = -20_000
        self.look(1)
        line.send(heartbeat())
        self.check_waiting(line)

    def test_nor_does_it_where_another_command_was_on_its_way(self) -> None:
        line = self.online()
        self.queue("versions")
        (written,) = self.commands_of(line)
        self.look(29)
        line.send(self.ack(written))
        self.queue("signal")
        (written,) = self.commands_of(line)
        self.look(6)
        self.ahead_ms = -20_000
        line.send(self.ack(written))
        self.check_waiting(line)

    def check_waiting(self, line: Line) -> None:
        id = self.queue()
        self.assertNotIn("GTOUT", [w.type for w in self.commands_of(line)])
        self.assertEqual(self.state(id)[0], "pending")

    def test_a_report_without_a_position_counts_before_there_is_a_command(self) -> None:
        """So that it matters not whether the vehicle has others."""
        line = self.online()
        gone = self.position(hdop=0).split(b",")
        gone[8:15] = [b"", b"", b"", b"", b"", b"", b""]
        line.send(b",".join(gone))
        id = self.queue()
        self.assertNotIn("GTOUT", [w.type for w in self.commands_of(line)])
        self.assertIn("no live position", self.state(id)[1] or "")


class ObstacleTests(SynchronousTestCase):
    def found(self, left_s: float = 600.0, **what: Any) -> Obstacle | None:
        motion = Motion().after(fix(), NOW_MS, NOW)
        situation = Situation(NOW_MS, NOW, **{"motion": motion, **what})
        return obstacle(situation, RULES, left_s, interlocked=True)

    def test_none(self) -> None:
        self.assertIsNone(self.found())
        self.assertIsNone(self.found(30.0))
        self.assertIsNone(self.found(silent_s=10.0))

    def test_each(self) -> None:
        for what, sort in (
            ({"enabled": False}, "disabled"),
            ({"policy": "refused"}, "policy"),
            ({"policy": "quarantined"}, "policy"),
            ({"connected": False}, "offline"),
            ({"suspicion": "odd"}, "takeover"),
            ({"busy": True}, "busy"),
            ({"silent_s": None}, "silent"),
            ({"silent_s": 10.001}, "silent"),
            ({"unacknowledged": 1}, "unsent"),
            ({"left_s": 29.999}, "late"),
            ({"motion": Motion()}, "interlock"),
        ):
            found = self.found(**what)
            assert found is not None
            self.assertEqual(found.sort, sort)
