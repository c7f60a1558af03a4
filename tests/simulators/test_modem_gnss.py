from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import strategies as st
from pynmeagps import NMEAReader
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators import modem_nmea as nmea
from gatewaykit.simulators.modem_gnss import Fix, minutes
from tests.simulators.modems import Host
from tests.simulators.test_modem_transcripts import LOCATED

EVERYTHING = 262_143
GPS_ONLY = attrs.evolve(
    LOCATED, satellites=tuple(s for s in LOCATED.satellites if s.gnss == "gps")
)


def running(**behaviour: object) -> Host:
    host = Host(**behaviour)  # type: ignore[arg-type]
    host.send(b"AT+CGPS=1,1\r")
    return host


def sentences(host: Host, seconds: float) -> list[str]:
    host.now += seconds
    host.core.advance(host.now)
    return [
        piece.decode("ascii")
        for output in host.outputs()
        if output.kind == "nmea"
        for piece in output.pieces
    ]


class EngineTests(SynchronousTestCase):
    def test_off_at_first(self) -> None:
        host = Host()
        self.assertEqual(host.ask("AT+CGPS?"), "+CGPS: 0,1|OK")
        self.assertEqual(host.ask("AT+CGNSSINFO"), "ERROR")
        self.assertEqual(host.ask("AT+CGPS=0"), "OK")
        empty = Host(off_is_error=False)
        self.assertEqual(empty.ask("AT+CGPSINFO"), "+CGPSINFO: ,,,,,,,,|OK")

    def test_has_a_fix_in_its_time(self) -> None:
        host = running(fix_after=20.0)
        self.assertIn("INFO: ,,,", host.ask("AT+CGNSSINFO"))
        host.wait(20)
        self.assertIn("INFO: 3,", host.ask("AT+CGNSSINFO"))

    def test_goes_on_saying_that_it_runs_until_it_has_stopped(self) -> None:
        host = running()
        self.assertEqual(host.ask("AT+CGPS=0;+CGPS?"), "+CGPS: 1,1|OK")
        self.assertEqual(host.ask("AT+CGPSINFO"), "ERROR")
        self.assertEqual(host.wait(3), b"\r\n+CGPS: 0\r\n")
        self.assertEqual(host.ask("AT+CGPS?"), "+CGPS: 0,1|OK")

    def test_other_ways_to_start_it(self) -> None:
        for command in ("AT+CGPS=1", "AT+CGPSCOLD", "AT+CGPSHOT"):
            host = Host()
            self.assertEqual(host.ask(command), "OK")
            self.assertEqual(host.ask(command), "ERROR")
        self.assertEqual(Host().ask("AT+CGPS=1,2"), "ERROR")
        self.assertEqual(Host().ask("AT+CGPS=2"), "ERROR")

    def test_starts_by_itself_where_that_is_wanted(self) -> None:
        host = Host()
        self.assertEqual(host.ask("AT+CGPSAUTO=1;+CGPSAUTO?"), "+CGPSAUTO: 1|OK")
        host.core.boot(host.now)
        self.assertTrue(host.state.is_locating)
        self.assertTrue(Host(autostart=True).state.is_locating)

    def test_what_needs_it_stopped(self) -> None:
        host = Host()
        for command in ("AT+CGPSNMEA=31", "AT+CGPSNMEARATE=1", "AT+CGPSDEL"):
            self.assertEqual(host.ask(command), "OK")
        self.assertEqual(
            host.ask("AT+CGPSNMEA?;+CGPSNMEARATE?"),
            "+CGPSNMEA: 31|+CGPSNMEARATE: 1|OK",
        )
        host.send(b"AT+CGPS=1,1\r")
        for command in ("AT+CGPSNMEA=31", "AT+CGPSNMEARATE=0", "AT+CGPSDEL"):
            self.assertEqual(host.ask(command), "ERROR")

    def test_constellations_wait_for_a_boot(self) -> None:
        host = running()
        self.assertEqual(host.ask("AT+CGNSSMODE=0;+CGNSSMODE?"), "+CGNSSMODE: 0,1|OK")
        self.assertTrue(any(s.startswith("$GAGSV,") for s in sentences(host, 1)))
        self.assertEqual(host.ask("AT+CGNSSMODE=1,0;+CGNSSMODE?"), "+CGNSSMODE: 1,0|OK")
        host.core.boot(host.now)
        host.send(b"AT+CGPS=1,1\r")
        seen = {s.gnss for s in host.state.receiver.in_view(host.now)}
        self.assertEqual(seen, {"gps", "glonass"})

    def test_ranges(self) -> None:
        host = Host()
        self.assertEqual(host.ask("AT+CGPSINFO=?"), "+CGPSINFO: (0-255)|OK")
        self.assertEqual(
            host.ask("AT+CGPSINFOCFG=?"), "+CGPSINFO: (0-255),(0-262143)|OK"
        )


class PositionTests(SynchronousTestCase):
    def test_moves_on_in_time_and_place(self) -> None:
        host = running()
        places, times = set(), []
        for _ in range(300):
            host.wait(1)
            fix = host.state.fix(host.now)
            assert fix is not None
            self.assertEqual(fix.at, host.now)
            self.assertEqual(fix.course is None, fix.knots == 0)
            places.add((fix.latitude, fix.longitude))
            times.append(fix.time)
        self.assertGreater(len(places), 100)
        self.assertEqual(len(set(times)), 300)

    def test_drives_on_for_hours(self) -> None:
        host = running()
        for _ in range(200):
            host.now += 60
            before, fix = host.state.fix(host.now), host.state.fix(host.now + 1)
            assert before is not None
            assert fix is not None
            self.assertLess(abs(fix.latitude - before.latitude), 0.0005)

    def test_is_of_the_last_full_second(self) -> None:
        host = running()
        host.now += 0.7
        first = host.ask("AT+CGPSINFO")
        host.now += 0.2
        self.assertEqual(host.ask("AT+CGPSINFO"), first)

    def test_repeats_itself_when_told(self) -> None:
        host = running()
        first = host.ask("AT+CGNSSINFO")
        host.repeats = True
        host.now += 10
        self.assertEqual(host.ask("AT+CGNSSINFO"), first)
        host.repeats = False
        host.now += 1
        self.assertNotEqual(host.ask("AT+CGNSSINFO"), first)

    def test_without_sky_there_is_none(self) -> None:
        host = running(fix_after=10.0)
        host.wait(10)
        host.state.receiver.set_sky(host.now, visible=False)
        self.assertIn(": ,,,", host.ask("AT+CGPSINFO"))
        for sentence in sentences(host, 1):
            if "GSV" in sentence:
                self.assertIn(",*", sentence)
        host.state.receiver.set_sky(host.now, visible=True)
        host.state.receiver.set_sky(host.now, visible=True)
        self.assertIn(": ,,,", host.ask("AT+CGPSINFO"))
        host.wait(10)
        self.assertNotIn(": ,,,", host.ask("AT+CGPSINFO"))

    def test_is_said_by_itself_every_so_many_seconds(self) -> None:
        host = Host()
        self.assertEqual(host.ask("AT+CGNSSINFO=2;+CGNSSINFO?"), "+CGNSSINFO: 2|OK")
        self.assertEqual(host.wait(10), b"")
        host.send(b"AT+CGPS=1,1\r")
        self.assertEqual(host.wait(10).count(b"\r\n+CGNSSINFO: 3,"), 5)
        self.assertEqual(host.ask("AT+CGNSSINFO=0"), "OK")
        self.assertEqual(host.wait(10), b"")

    def test_few_satellites_give_a_fix_in_two_dimensions(self) -> None:
        modes = set()
        for seed in range(40):
            host = running(seed=seed, constellations=(0, 0))
            fix = host.state.fix(host.now)
            assert fix is not None
            used = sum(one.used for one in fix.satellites)
            self.assertEqual(fix.mode, 3 if used > 4 else 2)
            modes.add(fix.mode)
        self.assertIn(3, modes)

    def test_minutes_carry_into_degrees(self) -> None:
        for degrees, width, text in (
            (51.82023333333333, 2, "5149.214000"),
            (-1.32, 3, "00119.200000"),
            (9.999999999, 2, "1000.000000"),
            (0.0, 3, "00000.000000"),
        ):
            self.assertEqual(minutes(degrees, width), text)

    @given(st.floats(-180, 180))
    def test_minutes_are_below_sixty(self, degrees: float) -> None:
        text = minutes(degrees, 3)
        self.assertLess(float(text[3:]), 60)
        back = int(text[:3]) + float(text[3:]) / 60
        self.assertAlmostEqual(back, abs(degrees), 7)


class SentenceTests(SynchronousTestCase):
    def test_known_ones(self) -> None:
        """Of facts/sim7600.md 3.10."""
        made = nmea.sentences(GPS_ONLY, GPS_ONLY.satellites, EVERYTHING)
        for known in (
            "$GPRMC,123456.0,A,5149.214000,N,00119.200000,W,10.0,45.0,300825,,,A*72",
            "$GPGGA,123456.0,5149.214000,N,00119.200000,W,1,09,0.8,82.5,M,47.0,M,,*71",
            "$GPGSA,A,3,02,04,05,10,12,13,17,23,25,,,,1.4,0.8,1.2*3F",
        ):
            self.assertIn(known + "\r\n", made)

    def test_empty_ones(self) -> None:
        made = nmea.sentences(None, (), EVERYTHING)
        for known in (
            "$GPGGA,,,,,,0,,,,,,,,*66",
            "$GPRMC,,V,,,,,,,,,,N*53",
            "$GPGSA,A,1,,,,,,,,,,,,,,,*1E",
            "$GPVTG,,T,,M,,N,,K,N*2C",
        ):
            self.assertIn(known + "\r\n", made)

    def test_standing_still_has_a_course_that_is_no_number(self) -> None:
        still = attrs.evolve(LOCATED, knots=0.0, course=None)
        made = nmea.sentences(still, (), nmea.GPVTG)
        self.assertEqual(made, ["$GPVTG,NaN,T,,M,0.0,N,0.0,K,A*42\r\n"])

    def test_the_mask_chooses(self) -> None:
        made = nmea.sentences(LOCATED, LOCATED.satellites, nmea.GPGGA | nmea.GLGSV)
        self.assertEqual([s[1:6] for s in made], ["GPGGA", "GLGSV", "GLGSV"])
        self.assertEqual(nmea.sentences(LOCATED, (), 0), [])

    def test_silent_until_the_engine_runs_then_once_a_second(self) -> None:
        host = Host(fix_after=100.0)
        self.assertEqual(sentences(host, 10), [])
        host.send(b"AT+CGPS=1,1\r")
        made = sentences(host, 10)
        self.assertEqual(made.count("$GPRMC,,V,,,,,,,,,,N*53\r\n"), 10)
        host.send(b"AT+CGPS=0\r")
        self.assertEqual(sentences(host, 10), [])

    def test_ten_times_a_second(self) -> None:
        host = Host()
        host.send(b"AT+CGPSNMEARATE=1;+CGPS=1,1\r")
        made = [s for s in sentences(host, 5.05) if s.startswith("$GPRMC")]
        self.assertEqual(len(set(made)), 50)

    def test_all_are_readable_and_agree_with_the_position(self) -> None:
        host = running()
        for _ in range(20):
            host.now += 30
            host.outputs()
            host.core.advance(host.now - 0.5)
            host.outputs()
            made = sentences(host, 0.5)
            fix: Fix | None = host.state.fix(host.now)
            assert fix is not None
            seen = set()
            for sentence in made:
                read = NMEAReader.parse(sentence.encode("ascii"), validate=1)
                seen.add(read.identity)
                if read.identity in {"GPGGA", "GPRMC", "GNGNS"}:
                    self.assertAlmostEqual(read.lat, fix.latitude, 6)
                    self.assertAlmostEqual(read.lon, fix.longitude, 6)
            self.assertLessEqual(
                {"GPGGA", "GPRMC", "GPVTG", "GPGSA", "GPGSV"}
                | {"GLGSV", "GAGSV", "GNGSA", "BDGSV", "GNGNS"},
                seen,
            )
