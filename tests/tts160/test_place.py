"""Telling the mount where and when it is."""

from __future__ import annotations

import datetime as dt
from typing import Any

from twisted.internet.defer import Deferred

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
)
from gatewaykit.tts160.place import FIRST_MS
from gatewaykit.tts160.set_commands import set_command
from gatewaykit.tts160.variables import Dialect
from tests.tts160.cases import MountTestCase
from tests.tts160.scripted import ScriptedMount

AT = dt.datetime(2026, 8, 6, 4, 15, 30, tzinfo=dt.UTC)


def ms(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)


class PlaceTestCase(MountTestCase):
    def set_site(self, **arguments: Any) -> Deferred[None]:
        return self.mount.set_site(**arguments)

    def sets(self, scripted: ScriptedMount) -> list[bytes]:
        return [
            each for each in scripted.heard if each[:2] == b":S" or each[3:4] == b"S"
        ]


class SiteTests(PlaceTestCase):
    def test_by_text(self) -> None:
        for dialect in (Dialect.TEXT, Dialect.V356, Dialect.V356B):
            scripted = self.script(dialect)
            done = self.set_site(latitude_deg=40.25, longitude_deg=-100.504)
            self.assertIsNone(self.after(done))
            self.assertEqual(self.sets(scripted), [b":St+40*15#", b":Sg100*30#"])

    def test_by_the_newest_firmware(self) -> None:
        scripted = self.script(Dialect.V357)
        self.after(
            self.set_site(
                latitude_deg=-33.868888,
                longitude_deg=151.209444,
                utc_offset_h=9.5,
            )
        )
        expected = set_command(
            *("SET_LOCATION", "gatewaykit", 19, 0, 151, 12, 34, 1, 33, 52, 8, 0)
        )
        self.assertEqual(self.sets(scripted), [expected])

    def test_offset_that_the_mount_has(self) -> None:
        scripted = self.script(Dialect.V357)
        self.after(self.set_site(latitude_deg=40.25, longitude_deg=-100.504167))
        expected = set_command(
            *("SET_LOCATION", "gatewaykit", -14, 1, 100, 30, 15, 0, 40, 15, 0, 0)
        )
        self.assertEqual(self.sets(scripted), [expected])

    def test_horizon_is_that_of_the_settings(self) -> None:
        for limit, expected in ((-5.0, 0), (12.4, 12), (90.0, 89)):
            scripted = self.script(Dialect.V357, min_altitude_deg=limit)
            self.after(
                self.set_site(latitude_deg=0.0, longitude_deg=0.0, utc_offset_h=0.0)
            )
            self.assertEqual(self.sets(scripted)[-1][-2], expected)

    def test_simulated(self) -> None:
        for dialect in (Dialect.V356, Dialect.V357):
            simulated = self.simulate(dialect)
            self.mount.watch()
            done = self.set_site(
                latitude_deg=-33.8666667, longitude_deg=151.2, utc_offset_h=10.0
            )
            self.after(done)
            place = simulated.state.place
            self.assertAlmostEqual(place.latitude_deg, -33.8666667, 3)
            self.assertAlmostEqual(place.longitude_deg, 151.2, 3)
            self.assertEqual(place.zone_h, 10.0)
            # What is known of it is read anew.
            self.run_for(1.0)
            status = self.successResultOf(self.mount.status())
            self.assertAlmostEqual(status["longitude_deg"], 151.2, 3)

    def test_offset_alone(self) -> None:
        for dialect in Dialect:
            scripted = self.script(dialect)
            self.after(self.set_site(utc_offset_h=-7.0))
            self.assertEqual(self.sets(scripted), [b":SG+07.0#"])

    def test_ranges_are_checked_before_anything_is_sent(self) -> None:
        good = {"latitude_deg": 1.0, "longitude_deg": 1.0, "utc_offset_h": 1.0}
        for dialect in (Dialect.V356, Dialect.V357):
            scripted = self.script(dialect)
            for bad in (
                {},
                {"latitude_deg": 1.0},
                {"longitude_deg": 1.0, "utc_offset_h": 1.0},
                good | {"latitude_deg": 90.1},
                good | {"longitude_deg": -180.1},
                good | {"longitude_deg": float("nan")},
                good | {"utc_offset_h": 14.1},
                good | {"utc_offset_h": -12.1},
                good | {"at_ms": 0},
                good | {"at_ms": ms(dt.datetime(2101, 1, 1, tzinfo=dt.UTC))},
            ):
                self.failure(self.set_site(**bad), MisuseError)
            self.run_for(1.0)
            self.assertEqual(self.sets(scripted), [])

    def test_ends_of_ranges(self) -> None:
        for dialect in (Dialect.V356, Dialect.V357):
            simulated = self.simulate(dialect)
            for latitude, longitude in ((90.0, 180.0), (-90.0, -180.0)):
                self.after(
                    self.set_site(
                        latitude_deg=latitude,
                        longitude_deg=longitude,
                        utc_offset_h=0.0,
                    )
                )
                self.assertEqual(simulated.state.place.latitude_deg, latitude)

    def test_firmware_that_takes_none(self) -> None:
        self.simulate(Dialect.TEXT)
        done = self.set_site(latitude_deg=40.25, longitude_deg=-100.5)
        self.run_for(2.0)
        self.assertIn(":St", self.failure(done, DeviceRefused).request)

    def test_place_that_is_refused_leaves_the_clock_alone(self) -> None:
        scripted = self.script(Dialect.TEXT)
        scripted.answers[b":St"] = b"0"
        done = self.set_site(
            latitude_deg=40.25, longitude_deg=-100.5, utc_offset_h=-9.0, at_ms=FIRST_MS
        )
        self.run_for(2.0)
        self.failure(done, DeviceRefused)
        self.assertEqual([each[:3] for each in self.sets(scripted)], [b":St"])

    def test_newest_firmware_that_refuses(self) -> None:
        scripted = self.script(Dialect.V357)
        scripted.answers[b":*!S 11;"] = bytes.fromhex("0104faffffff")
        done = self.set_site(latitude_deg=1.0, longitude_deg=1.0, utc_offset_h=0.0)
        self.run_for(2.0)
        self.failure(done, DeviceRefused)

    def test_offset_that_cannot_be_read(self) -> None:
        scripted = self.script(Dialect.V357)
        scripted.answers[b":GG#"] = b"+99#"
        done = self.set_site(latitude_deg=1.0, longitude_deg=1.0)
        self.run_for(5.0)
        self.failure(done, DeviceGarbled)
        self.assertEqual(self.sets(scripted), [])


class TimeTests(PlaceTestCase):
    def test_local_time_and_a_throw_away_question(self) -> None:
        scripted = self.script()
        scripted.heard.clear()
        self.assertIsNone(self.after(self.set_site(at_ms=ms(AT))))
        at = scripted.heard.index(b":GG#")
        # 7 hours behind UTC, by the mount's own offset.
        self.assertEqual(
            scripted.heard[at : at + 4],
            [b":GG#", b":SC08/05/26#", b":SL21:15:30#", b":GS#"],
        )

    def test_offset_that_is_set_with_it_counts(self) -> None:
        scripted = self.script()
        self.after(self.set_site(at_ms=ms(AT), utc_offset_h=2.0))
        self.assertEqual(
            self.sets(scripted), [b":SG-02.0#", b":SC08/06/26#", b":SL06:15:30#"]
        )

    def test_offset_as_the_mount_takes_it(self) -> None:
        """It has no quarters of an hour: its local time is by its own offset, so that UTC
        is right."""
        for dialect, zone_h in ((Dialect.V356, 5.8), (Dialect.V357, 6.0)):
            simulated = self.simulate(dialect)
            site = {"latitude_deg": 27.7, "longitude_deg": 85.3, "utc_offset_h": 5.75}
            self.after(self.set_site(at_ms=self.wall_ms(), **site))
            place = simulated.state.place
            self.assertAlmostEqual(place.zone_h, zone_h)
            utc_s = place.utc_s(simulated.state.now)
            self.assertLess(abs(utc_s - self.wall_ms() / 1000), 1.0)

    def test_clock_is_right_all_the_same(self) -> None:
        """However long it took until it was its turn."""
        for dialect in Dialect:
            for busy in (False, True):
                simulated = self.simulate(dialect)
                if busy:
                    simulated.faults.late, simulated.faults.late_s = 1.0, 0.4
                done = self.set_site(at_ms=self.wall_ms() + 3_600_000)
                self.run_for(10.0)
                self.successResultOf(done)
                place, now = simulated.state.place, simulated.state.now
                ahead_s = place.utc_s(now) - self.wall_ms() / 1000
                self.assertLess(abs(ahead_s - 3600), 1.0, (dialect, busy))

    def test_old_time_is_told_again(self) -> None:
        """Others were before it."""
        scripted = self.script()
        delays = [2.0]
        scripted.answers[b":SL"] = b"1"
        scripted.answers[b":SC"] = lambda: self.slow(scripted, delays)
        self.after(self.set_site(at_ms=ms(AT), utc_offset_h=0.0), 10.0)
        times = [each for each in self.sets(scripted) if each.startswith(b":SL")]
        self.assertEqual(len(times), 2)

    def slow(self, scripted: ScriptedMount, delays: list[float]) -> bytes:
        """The mount is asked something else, which takes long, before the time is told."""
        if delays:
            scripted.answers[b":GVP#"] = None
            delays.pop()
            asking = self.mount.command(":GVP#", "auto", "another")
            asking.addErrback(lambda _: None)
        return b"1#"

    def test_line_that_is_busy_all_the_time(self) -> None:
        """It is told three times, and the last one has to do."""
        scripted = self.script()
        scripted.answers[b":SC"] = lambda: self.slow(scripted, [2.0])
        self.after(self.set_site(at_ms=ms(AT), utc_offset_h=0.0), 30.0)
        self.assertEqual(scripted.count(b":SL"), 3)

    def test_midnight_between_date_and_time(self) -> None:
        scripted = self.script()
        scripted.delay_s = 0.3
        midnight = dt.datetime(2026, 8, 6, 0, 0, 0, tzinfo=dt.UTC)
        before = midnight - dt.timedelta(seconds=1.0)
        self.after(self.set_site(at_ms=ms(before), utc_offset_h=0.0), 5.0)
        self.assertEqual(
            self.sets(scripted),
            [
                b":SG+00.0#",
                b":SC08/05/26#",
                b":SL00:00:00#",
                b":SC08/06/26#",
                b":SL00:00:01#",
            ],
        )

    def test_question_behind_it_may_fail(self) -> None:
        scripted = self.script()
        scripted.answers[b":GS#"] = None
        self.assertIsNone(self.after(self.set_site(at_ms=ms(AT)), 5.0))

    def test_refused(self) -> None:
        for head, answer, error in (
            (b":SC", b"0", DeviceRefused),
            (b":SL", b"0", DeviceRefused),
            (b":SL", None, DeviceTimeout),
            (b":GG#", None, DeviceTimeout),
        ):
            scripted = self.script()
            scripted.answers[head] = answer
            done = self.set_site(at_ms=ms(AT))
            self.run_for(5.0)
            self.failure(done, error)
            self.assertLessEqual(scripted.count(b":SL"), 1)


class GnssTests(PlaceTestCase):
    """Place and time of the modem's GNSS, for a mount that has just come."""

    def setUp(self) -> None:
        super().setUp()
        self.found: Any = (47.07, 15.44, ms(AT))
        self.asked = 0

    async def ask(self) -> Any:
        self.asked += 1
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def plug(self, dialect: Dialect = Dialect.V356) -> ScriptedMount:
        self.make(self.ask, set_from_gnss=True)
        scripted = ScriptedMount(self.clock, dialect)
        self.start(scripted)
        return scripted

    def test_told_once_on_connecting(self) -> None:
        scripted = self.plug()
        expected = [b":St+47*04#", b":Sg344*34#", b":SC08/05/26#", b":SL21:15:30#"]
        self.assertEqual(self.sets(scripted), expected)
        self.run_for(60.0)
        self.assertEqual(self.sets(scripted), expected)
        scripted.unplug()
        self.plug_in(scripted)
        self.run_for(5.0)
        self.assertEqual(len(self.sets(scripted)), 8)
        self.stop()

    def test_not_where_it_is_not_wanted(self) -> None:
        self.make(self.ask)
        scripted = ScriptedMount(self.clock)
        self.start(scripted)
        self.assertEqual((self.asked, self.sets(scripted)), (0, []))
        self.make(None, set_from_gnss=True)
        self.start(ScriptedMount(self.clock))

    def test_waits_for_a_fix(self) -> None:
        self.found = None
        scripted = self.plug()
        self.run_for(30.0)
        self.assertEqual(self.sets(scripted), [])
        self.assertIn(self.asked, {3, 4})
        self.found = (47.07, 15.44, ms(AT))
        self.run_for(11.0)
        self.assertEqual(len(self.sets(scripted)), 4)
        self.stop()

    def test_modem_that_fails(self) -> None:
        self.found = DeviceUnavailable("the modem", "no such device")
        scripted = self.plug()
        self.run_for(30.0)
        self.found = ZeroDivisionError()
        self.run_for(10.0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.found = (47.07, 15.44, ms(AT))
        self.run_for(11.0)
        self.assertEqual(len(self.sets(scripted)), 4)

    def test_time_goes_on_while_it_waits(self) -> None:
        """From the fix until it is the mount's turn."""
        self.make(self.ask, set_from_gnss=True)
        scripted = ScriptedMount(self.clock)
        scripted.delay_s = 0.5
        self.mount.start()
        self.plug_in(scripted)
        self.run_for(30.0)
        (time,) = [each for each in self.sets(scripted) if each.startswith(b":SL")]
        self.assertGreaterEqual(time, b":SL21:15:33#")

    def test_older_firmware_takes_the_time_only(self) -> None:
        for answer in (b"0", None, b"?"):
            self.make(self.ask, set_from_gnss=True)
            scripted = ScriptedMount(self.clock, Dialect.TEXT)
            scripted.answers[b":St"] = answer
            self.start(scripted)
            self.run_for(5.0)
            kinds = [each[:3] for each in self.sets(scripted)]
            self.assertEqual(kinds[-2:], [b":SC", b":SL"])
            self.assertNotIn(b":Sg", kinds)
            self.stop()

    def test_never_while_it_slews(self) -> None:
        self.make(self.ask, set_from_gnss=True)
        scripted = ScriptedMount(self.clock)
        scripted.answers[b":D#"] = b"|#"
        self.start(scripted)
        self.run_for(30.0)
        self.assertEqual(self.sets(scripted), [])
        scripted.answers[b":D#"] = b"#"
        self.run_for(11.0)
        self.assertEqual(len(self.sets(scripted)), 4)

    def test_parked_mount_is_told(self) -> None:
        self.make(self.ask, set_from_gnss=True)
        scripted = ScriptedMount(self.clock)
        scripted.values["PARK_FLAG"] = 1
        self.start(scripted)
        self.assertEqual(len(self.sets(scripted)), 4)

    def test_mount_that_goes_meanwhile(self) -> None:
        self.found = None
        scripted = self.plug()
        scripted.unplug()
        asked = self.asked
        self.run_for(60.0)
        self.assertEqual(self.asked, asked)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_gateway_that_stops_meanwhile(self) -> None:
        waiting: Deferred[None] = Deferred()
        self.make(lambda: waiting, set_from_gnss=True)
        self.start(ScriptedMount(self.clock))
        self.stop()
        self.assertTrue(waiting.called)
