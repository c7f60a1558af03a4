"""Tests for `gatewaykit.simulators.vehicle`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.encoding import Encoder, Report
from gatewaykit.simulators.vehicle import Vehicle, imei

START = 1_800_000_000.0
DAY = 86_400


def vehicle(
    seed: int = 1, interval: float = 30.0, parked_interval: float | None = None
) -> Vehicle:
    return Vehicle(
        Encoder(imei(seed, 0), 0), Random(seed), START, interval, parked_interval
    )


def fields(report: Report) -> list[str]:
    return report.live().decode("ascii").removesuffix("$").split(",")


def reports(seed: int = 1, hours: float = 2, interval: float = 30.0) -> list[Report]:
    return vehicle(seed, interval).reports_until(START + hours * 3600)


def of_type(*types: str, days: int = 1, seed: int = 3) -> list[list[str]]:
    return [
        fields(report)
        for report in vehicle(seed, DAY).reports_until(START + days * DAY)
        if report.type in types
    ]


class ImeiTests(SynchronousTestCase):
    def test_has_a_valid_check_digit(self) -> None:
        for index in range(50):
            digits = [int(digit) for digit in reversed(imei(9, index))]
            doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
            self.assertEqual((sum(digits[::2]) + sum(doubled)) % 10, 0)

    def test_is_distinct_within_a_fleet_and_between_small_fleets(self) -> None:
        fleets = {imei(seed, index) for seed in range(10) for index in range(1000)}
        self.assertEqual(len(fleets), 10_000)
        self.assertEqual({len(number) for number in fleets}, {15})


class RepeatableTests(SynchronousTestCase):
    def test_the_same_seed_gives_the_same_reports(self) -> None:
        self.assertEqual(reports(5), reports(5))
        self.assertNotEqual(reports(5), reports(6))

    @given(st.lists(st.floats(0, 900), min_size=1, max_size=20))
    def test_the_steps_make_no_difference(self, steps: list[float]) -> None:
        one, other = vehicle(), vehicle()
        now, made = START, []
        for step in steps:
            now += step
            made += one.reports_until(now)
        self.assertEqual(made, other.reports_until(now))

    def test_due_tells_when_the_next_report_comes(self) -> None:
        car = vehicle()
        self.assertEqual(car.due(), -math.inf)
        self.assertEqual([r.type for r in car.reports_until(START)], ["GTPNA"])
        for _ in range(50):
            due = car.due()
            self.assertEqual(car.reports_until(math.nextafter(due, 0)), [])
            car.reports_until(due)
            self.assertGreater(car.due(), due)


class StoryTests(SynchronousTestCase):
    def test_begins_with_power(self) -> None:
        self.assertEqual(reports()[0].type, "GTPNA")
        self.assertEqual(reports()[0].count, "0000")

    def test_counts_follow_each_other(self) -> None:
        counts = [int(report.count, 16) for report in reports()]
        self.assertEqual(counts, list(range(len(counts))))

    def test_ignition_goes_on_and_off_by_turns(self) -> None:
        types = [row[0][6:] for row in of_type("GTIGN", "GTIGF")]
        self.assertGreater(len(types), 20)
        self.assertEqual(types[:2], ["GTIGN", "GTIGF"])
        self.assertTrue(all(a != b for a, b in pairwise(types)))

    def test_each_ignition_comes_with_its_location(self) -> None:
        pairs = of_type("GTIGN", "GTIGF", "GTIGL")
        for turned, where in zip(pairs[::2], pairs[1::2], strict=True):
            self.assertEqual(where[0], "+RESP:GTIGL")
            self.assertEqual(where[5], "00" if turned[0] == "+RESP:GTIGN" else "01")
            self.assertEqual(where[7:19], turned[5:17])

    def test_ignition_tells_how_long_the_other_state_lasted(self) -> None:
        rows = [
            (report, fields(report))
            for report in vehicle(3, DAY).reports_until(START + DAY)
            if report.type in {"GTIGN", "GTIGF"}
        ]
        for (_, before), (_, row) in pairwise(rows):
            seconds = _seconds(row[-2]) - _seconds(before[-2])
            self.assertLessEqual(abs(int(row[4]) - seconds), 1)

    def test_states_go_round(self) -> None:
        codes = [row[4] for row in of_type("GTSTT")]
        self.assertEqual(codes[:2], ["21", "22"])
        self.assertEqual(
            set(pairwise(codes)),
            {("21", "22"), ("22", "21"), ("21", "11"), ("11", "21")},
        )

    def test_idling_is_told_when_it_begins_and_ends(self) -> None:
        rows = of_type("GTIDN", "GTIDF")
        self.assertGreater(len(rows), 4)
        for began, ended in zip(rows[::2], rows[1::2], strict=False):
            self.assertEqual((began[0], ended[0]), ("+RESP:GTIDN", "+RESP:GTIDF"))
            self.assertEqual(began[10:12], ended[10:12])
            lasted = _seconds(ended[-2]) - _seconds(began[-2]) + 60
            self.assertLessEqual(abs(int(ended[5]) - lasted), 1)

    def test_power_is_cut_now_and_then(self) -> None:
        rows = of_type("GTMPF", "GTMPN", days=3)
        self.assertTrue(0 < len(rows) < 40)
        for cut, back in zip(rows[::2], rows[1::2], strict=False):
            self.assertEqual((cut[0], back[0]), ("+RESP:GTMPF", "+RESP:GTMPN"))

    def test_the_supply_is_gone_while_power_is_cut(self) -> None:
        rows = [fields(r) for r in vehicle(3, 5).reports_until(START + 2 * DAY)]
        types = [row[0] for row in rows]
        cut, back = types.index("+RESP:GTMPF"), types.index("+RESP:GTMPN")
        self.assertGreater(back, cut + 1)
        self.assertEqual({row[4] for row in rows[cut + 1 : back]}, {"0"})

    def test_without_sky_the_last_known_position_is_told(self) -> None:
        """Accuracy 0, and position and GPS time of when it was lost."""
        rows = [row for row in _fixed(reports(3, hours=12)) if row[7] == "0"]
        self.assertTrue(rows)
        for row in rows:
            self.assertEqual((row[8], row[24][:2], row[27]), ("0.0", "11", "0"))
        self.assertLess(len({row[13] for row in rows}), len(rows))


class FixedReportTests(SynchronousTestCase):
    def test_come_at_the_interval_while_driving(self) -> None:
        times = [
            _seconds(row[28]) for row in _fixed(reports()) if row[24].startswith("22")
        ]
        self.assertGreater(len(times), 50)
        gaps = [b - a for a, b in pairwise(times) if b - a < 60]
        self.assertEqual(set(gaps), {30})

    def test_parked_interval_rules_while_ignition_is_off(self) -> None:
        car = vehicle(1, 10, parked_interval=3600)
        rows = list(_fixed(car.reports_until(START + 7200)))
        self.assertTrue(rows)
        self.assertTrue(all(row[24].startswith("2") for row in rows))

    def test_interval_zero_makes_none_by_itself(self) -> None:
        car = vehicle(1, 0)
        self.assertEqual(list(_fixed(car.reports_until(START + DAY))), [])
        self.assertEqual(car.fixed_report(START + DAY).type, "GTFRI")

    def test_output_is_in_the_status(self) -> None:
        car = vehicle()
        car.outputs = 1
        self.assertEqual(fields(car.fixed_report(START))[24], "110001")

    def test_two_in_one_second_have_one_fix(self) -> None:
        car = vehicle()
        car.reports_until(START + 200)
        a, b = car.fixed_report(START + 200), car.fixed_report(START + 200.9)
        self.assertEqual(fields(a)[7:19], fields(b)[7:19])

    def test_mileage_and_engine_hours_only_grow(self) -> None:
        rows = list(_fixed(reports(hours=6)))
        for a, b in pairwise(rows):
            self.assertLessEqual(float(a[19]), float(b[19]))
            self.assertLessEqual(a[20], b[20])
        self.assertGreater(float(rows[-1][19]), float(rows[0][19]) + 10)


class TrackTests(SynchronousTestCase):
    @given(st.integers(0, 500))
    def test_no_jumps(self, seed: int) -> None:
        """From second to second a vehicle gets as far as its mileage says, no faster
        than 80 km/h, and looks where it goes."""
        car = vehicle(seed, DAY)
        car.reports_until(START)
        now = START
        for _ in range(400):
            before, after = car.fix(now), car.fix(now + 1)
            east = (after.longitude - before.longitude) * 111_320 * 0.940
            north = (after.latitude - before.latitude) * 111_320
            gone = math.hypot(east, north)
            self.assertLess(gone, 80 / 3.6 + 0.1)
            if min(before.speed_kmh, after.speed_kmh) > 10:
                course = math.degrees(math.atan2(east, north))
                off = (course - before.heading_deg + 180) % 360 - 180
                self.assertLess(abs(off), 60)
            now += 1
            car.reports_until(now)


class BlockTests(SynchronousTestCase):
    def drive(self, seed: int = 1, after: float = 40.0) -> tuple[Vehicle, float]:
        """A vehicle that is on its way since so many seconds."""
        car, now = vehicle(seed, DAY), START
        while not car.is_moving:
            now += 1
            car.reports_until(now)
        car.reports_until(now + after)
        return car, now + after

    def states(self, made: list[Report]) -> list[str]:
        return [fields(report)[4] for report in made if report.type == "GTSTT"]

    def test_begins_unblocked(self) -> None:
        for level, outputs in ((0, 1), (1, 0), (None, 0)):
            car = Vehicle(Encoder(imei(1, 0)), Random(1), START, 30, None, level)
            self.assertEqual((car.outputs, car.is_blocked), (outputs, False))

    def test_nothing_wired_blocks_nothing(self) -> None:
        car = Vehicle(Encoder(imei(1, 0)), Random(1), START, 30, None, None)
        car.set_output(START, 1)
        self.assertEqual((car.outputs, car.is_blocked), (1, False))
        car.set_output(START, 0)
        self.assertEqual(car.outputs, 0)

    def test_output_2_stays_as_it_is(self) -> None:
        car = vehicle()
        car.outputs = 2
        car.set_output(START, 1)
        self.assertEqual(car.outputs, 3)

    def test_a_halt_is_smooth_and_lasts(self) -> None:
        car, now = self.drive()
        self.assertGreater(car.fix(now).speed_kmh, 20)
        car.set_output(now, 1)
        speeds = [car.fix(now + n).speed_kmh for n in range(30)]
        self.assertTrue(all(a - b < 15 for a, b in pairwise(speeds)), speeds)
        self.assertEqual(speeds[-1], 0)
        self.assertEqual(self.states(car.reports_until(now + 7200)), ["21"])
        self.assertEqual(car.fix(now + 7200)[1:3], car.fix(now + 30)[1:3])
        self.assertFalse(car.is_moving)

    def test_it_goes_on_where_it_stood(self) -> None:
        free, now = self.drive()
        gone = len(free.reports_until(now + DAY))
        car, _ = self.drive()
        car.set_output(now, 1)
        car.reports_until(now + 600)
        stood = car.fix(now + 600)
        car.set_output(now + 600, 0)
        made = car.reports_until(now + 602)
        self.assertEqual(self.states(made), ["22"])
        self.assertTrue(car.is_moving)
        after = car.fix(now + 602)
        metres = math.hypot(
            after.longitude - stood.longitude, after.latitude - stood.latitude
        )
        self.assertLess(metres * 111_320, 30)
        later = car.reports_until(now + 600 + DAY)
        self.assertAlmostEqual(len(later), gone, delta=gone * 0.1)
        self.assertEqual(self.states(later)[0], "21")

    def test_a_halt_that_is_called_off(self) -> None:
        car, now = self.drive()
        car.set_output(now, 1)
        car.set_output(now + 1, 0)
        made = car.reports_until(now + 10)
        self.assertEqual(self.states(made), [])
        self.assertGreater(car.fix(now + 10).speed_kmh, 5)

    def test_the_same_level_again_changes_nothing(self) -> None:
        car, now = self.drive()
        free, _ = self.drive()
        car.set_output(now, 0)
        self.assertEqual(car.reports_until(now + DAY), free.reports_until(now + DAY))

    def test_arriving_while_halting_is_arriving(self) -> None:
        """The last metres before the goal are driven whatever happens."""
        car, now = self.drive(after=0.0)
        left = car._arrives() - now
        car, now = self.drive(after=left - 0.2)
        car.set_output(now, 1)
        self.assertEqual(self.states(car.reports_until(now + 5)), ["21"])
        self.assertFalse(car.is_moving)
        self.assertEqual(self.states(car.reports_until(now + 7200))[:1], ["11"])

    def test_it_does_not_drive_off(self) -> None:
        car = vehicle(1, DAY)
        car.set_output(START + 0.5, 1)
        types = {report.type for report in car.reports_until(START + DAY)}
        self.assertEqual(types, {"GTPNA", "GTIGN", "GTIGL", "GTSTT"})
        self.assertEqual(car.condition(START + DAY).status, "210101")
        car.set_output(START + DAY, 0)
        self.assertEqual(self.states(car.reports_until(START + DAY)), ["22"])

    def test_let_go_before_it_wanted_to_drive(self) -> None:
        car, free = vehicle(1, DAY), vehicle(1, DAY)
        car.set_output(START + 0.5, 1)
        car.set_output(START + 1.5, 0)
        self.assertEqual(
            car.reports_until(START + DAY), free.reports_until(START + DAY)
        )

    def test_one_that_stays_never_drives(self) -> None:
        car = Vehicle(Encoder(imei(1, 0)), Random(1), START, 60, stays=True)
        made = car.reports_until(START + 600)
        for level in (1, 0):
            car.set_output(START + 600 + level, level)
        made += car.reports_until(START + DAY)
        self.assertEqual({report.type for report in made}, {"GTPNA", "GTFRI"})
        self.assertEqual(car.fix(START + DAY).hdop, car.fix(START).hdop)

    @given(
        st.integers(0, 200),
        st.lists(
            st.tuples(st.floats(0.1, 120), st.integers(0, 1)), min_size=1, max_size=8
        ),
        st.integers(1, 7),
    )
    def test_the_steps_make_no_difference(
        self, seed: int, switched: list[tuple[float, int]], step: int
    ) -> None:
        one, other = vehicle(seed), vehicle(seed)
        made: list[list[Report]] = [[], []]
        now, asked = START, START
        for wait, level in switched:
            now += wait
            while asked + step < now:
                asked += step
                made[1] += other.reports_until(asked)
            for car in (one, other):
                car.set_output(now, level)
        for n, car in enumerate((one, other)):
            made[n] += car.reports_until(now + 900)
        self.assertEqual(made[0], made[1])

    @given(st.integers(0, 200), st.floats(60, 500), st.floats(0.5, 60))
    def test_no_jumps_whenever_it_is_blocked(
        self, seed: int, when: float, lasts: float
    ) -> None:
        car = vehicle(seed, DAY)
        car.reports_until(START + when)
        before, mileage = car.fix(START + when), 0.0
        car.set_output(START + when, 1)
        for second in range(1, 200):
            now = START + when + second
            if second - 1 < lasts <= second:
                car.set_output(START + when + lasts, 0)
            car.reports_until(now)
            after = car.fix(now)
            gone = math.hypot(
                (after.longitude - before.longitude) * 0.940,
                after.latitude - before.latitude,
            )
            self.assertLess(gone * 111_320, 2 * 80 / 3.6)
            driven = car.condition(now).mileage_km
            self.assertGreaterEqual(driven, mileage - 1e-6)
            before, mileage = after, driven


class SetIntervalsTests(SynchronousTestCase):
    def test_hold_from_now_on(self) -> None:
        car = Vehicle(Encoder(imei(1, 0)), Random(1), START, 0, stays=True)
        self.assertEqual(list(_fixed(car.reports_until(START + 100))), [])
        car.set_intervals(START + 100, 10, 20)
        times = [report.send_time for report in car.reports_until(START + 170)]
        self.assertEqual(len(times), 3)
        car.set_intervals(START + 170, 10, 0)
        self.assertEqual(car.reports_until(START + DAY), [])

    def test_driving_has_its_own(self) -> None:
        car = vehicle(1, DAY)
        car.reports_until(START + 120)
        self.assertTrue(car.ignition)
        car.set_intervals(START + 120, 5, 0)
        rows = _fixed(car.reports_until(START + 150))
        self.assertEqual(len(list(rows)), 6)


def _fixed(made: list[Report]) -> Iterator[list[str]]:
    return (fields(report) for report in made if report.type == "GTFRI")


def _seconds(stamp: str) -> int:
    """Of a 14-digit time; days are enough for these tests."""
    day, hour, minute, second = (int(stamp[n : n + 2]) for n in (6, 8, 10, 12))
    return ((day * 24 + hour) * 60 + minute) * 60 + second
