from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600.nmea import FRESH_S, Sky
from tests.sim7600.sentences import whole

CONTENT = st.one_of(
    st.from_regex(
        r"(GP|GL|GA|GN|BD|PQ|GQ|XX|P)(GSV|GSA|GGA|RMC|VTG|UBX|ASHR)"
        r"(,([0-9]{0,4}|[A-Z]|NaN|inf|1e999|1_0|-1\.5|123456\.0|[ -~]))*",
        fullmatch=True,
    ),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)),
)


def gsv(talker: str, *numbers: int, signal: str | None = None) -> list[str]:
    """A group; elevation, azimuth and strength are made from the numbers."""
    rows = [numbers[at : at + 4] for at in range(0, len(numbers), 4)] or [()]
    lines = []
    for at, row in enumerate(rows, 1):
        fields = [str(len(rows)), str(at), f"{len(numbers):02d}"]
        for number in row:
            fields += [f"{number:02d}", str(number % 90), f"{number:03d}", "40"]
        if signal is not None:
            fields.append(signal)
        lines.append(whole(f"{talker}GSV," + ",".join(fields)))
    return lines


def gsa(talker: str, *numbers: int, mode: int = 3, system: str | None = None) -> str:
    used = [*map(str, numbers), *[""] * (12 - len(numbers))]
    end = [] if system is None else [system]
    dops = ["1.4", "0.8", "1.2"]
    return whole(f"{talker}GSA," + ",".join(["A", str(mode), *used, *dops, *end]))


def gga(time: str = "123456.0", *, fix: str = "1", geoid: str = "47.0") -> str:
    return whole(
        f"GPGGA,{time},5149.214000,N,00119.200000,W,{fix},09,0.8,82.5,M,{geoid},M,,"
    )


class Base(SynchronousTestCase):
    def setUp(self) -> None:
        self.sky = Sky()

    def feed(self, *lines: str, now: float = 0.0) -> None:
        for line in lines:
            self.assertIsNotNone(self.sky.feed(line, now), line)

    def snapshot(self, now: float = 0.0) -> dict[str, Any]:
        return self.sky.snapshot(now)

    def seen(self, now: float = 0.0) -> list[tuple[str, int]]:
        return [(one["gnss"], one["svid"]) for one in self.snapshot(now)["sky"] or ()]

    def used(self, now: float = 0.0) -> list[tuple[str, int]]:
        sky = self.snapshot(now)["sky"] or ()
        return [(one["gnss"], one["svid"]) for one in sky if one["used"]]


class Feeding(Base):
    def test_transcript_of_the_facts(self) -> None:
        """T40: no fix, a fix, NaN, and a checksum that is wrong."""
        lines = [
            "$GPGGA,,,,,,0,,,,,,,,*66",
            "$GPRMC,,V,,,,,,,,,,N*53",
            "$GPRMC,123456.0,A,5149.214000,N,00119.200000,W,10.0,45.0,300825,,,A*72",
            "$GPVTG,NaN,T,,M,0.0,N,0.0,K,A*42",
            "$GPGGA,123456.0,5149.214000,N,00119.200000,W,1,09,0.8,82.5,M,47.0,M,,*70",
        ]
        kinds = [s.kind if (s := self.sky.feed(line, 0)) else None for line in lines]
        self.assertEqual(kinds, ["GGA", "RMC", "RMC", None, None])
        self.assertEqual(self.sky.refused, 2)

    def test_sentence_comes_back_with_its_parts(self) -> None:
        sentence = self.sky.feed(b"$GPVTG,45.0,T,45.6,M,10.0,N,18.5,K,A*28\r\n", 0)
        assert sentence is not None
        self.assertEqual((sentence.talker, sentence.kind), ("GP", "VTG"))
        self.assertEqual(sentence.fields[:3], ("45.0", "T", "45.6"))
        self.assertEqual(sentence.text, "$GPVTG,45.0,T,45.6,M,10.0,N,18.5,K,A*28")

    def test_what_is_implausible_is_refused(self) -> None:
        for content in (
            "GPGSV,1,1,01,3x,4,5,6",
            "GPGSV,1,1,01,1_0,4,5,6,",
            "GPGSV,1,2,01,03,4,5,6",
            "GPGSV,0,0,00",
            "GPGSV,17,1,68,03,4,5,6",
            "GPGSV,1,,01,03,4,5,6",
            "GPGSV",
            "GPGSV,,",
            "GPGSA,A,3,1e1,,,,,,,,,,,,1.4,0.8,1.2",
            "GPGSA,A,3,01,,,,,,,,,,,,1.4,0.8,x",
            "GPGGA,256161.0,,,,,0,,,,,,,,",
            "GPGGA,123456,,,,,x,,,,,,,,",
        ):
            with self.subTest(content=content):
                self.assertIsNone(self.sky.feed(whole(content), 0))

    def test_sentences_that_nobody_reads_are_still_sentences(self) -> None:
        self.feed(
            *(whole(c) for c in ("PUBX", "PASHR,", "XXGSV,1,1,00", "GP123", "GPGGA"))
        )
        self.assertIsNone(self.snapshot()["sky"])

    def test_nothing_is_known_at_first_and_after_clearing(self) -> None:
        nothing = Sky().snapshot(0)
        self.assertEqual(
            nothing,
            {
                "mode": None,
                "pdop": None,
                "hdop": None,
                "vdop": None,
                "geoid_separation_m": None,
                "utc_time": None,
                "satellites": dict.fromkeys(
                    ("gps", "glonass", "beidou", "galileo", "total", "in_view", "used")
                ),
                "sky": None,
            },
        )
        self.feed(*gsv("GP", 2, 3), gsa("GP", 2), gga())
        self.assertNotEqual(self.snapshot(), nothing)
        self.sky.clear()
        self.assertEqual(self.snapshot(), nothing)

    @given(st.lists(st.tuples(CONTENT, st.floats(0, 9)), max_size=12))
    def test_any_content_does_no_harm(self, lines: list[tuple[str, float]]) -> None:
        sky = Sky()
        for content, now in lines:
            sky.feed(whole(content), now)
        snapshot = sky.snapshot(9)
        for one in snapshot["sky"] or ():
            self.assertIsInstance(one["svid"], int)

    @given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
    def test_any_line_does_no_harm(self, line: bytes | str) -> None:
        self.sky.feed(line, 0)


class InView(Base):
    def test_satellites_of_every_constellation(self) -> None:
        for talker, numbers in {
            "GP": (2, 32, 33, 64),
            "GL": (65, 96),
            "GA": (1, 336),
            "PQ": (201, 463),
            "GQ": (193,),
        }.items():
            self.feed(*gsv(talker, *numbers))
        self.assertEqual(
            self.seen(),
            [
                ("beidou", 1),
                ("beidou", 63),
                ("galileo", 1),
                ("galileo", 36),
                ("glonass", 1),
                ("glonass", 32),
                ("gps", 2),
                ("gps", 32),
                ("qzss", 1),
                ("sbas", 120),
                ("sbas", 151),
            ],
        )
        self.assertEqual(
            self.snapshot()["satellites"],
            {
                "gps": 2,
                "glonass": 2,
                "beidou": 2,
                "galileo": 2,
                "total": 11,
                "in_view": 11,
                "used": None,
            },
        )

    def test_constellation_that_says_nothing_is_not_known(self) -> None:
        self.feed(*gsv("GP", 2), *gsv("GA"))
        counts = self.snapshot()["satellites"]
        self.assertEqual((counts["gps"], counts["galileo"]), (1, 0))
        self.assertIsNone(counts["beidou"])

    def test_list_with_no_satellites_is_a_list(self) -> None:
        self.feed(*gsv("GP"))
        self.assertEqual(self.snapshot()["sky"], [])
        self.assertEqual(self.snapshot()["satellites"]["in_view"], 0)

    def test_values_that_are_empty_or_cannot_be_are_none(self) -> None:
        self.feed(whole("GPGSV,1,1,04,02,,,,03,91,361,100,04,45,090,,,10,20,30"))
        rows = [tuple(one.values())[1:5] for one in self.snapshot()["sky"]]
        self.assertEqual(
            rows, [(2, None, None, None), (3, None, None, None), (4, 45, 90, None)]
        )

    def test_entry_of_the_sky(self) -> None:
        self.feed(whole("GPGSV,1,1,01,02,45,090,38"), gsa("GP", 2))
        self.assertEqual(
            self.snapshot()["sky"],
            [
                {
                    "gnss": "gps",
                    "svid": 2,
                    "elevation_deg": 45,
                    "azimuth_deg": 90,
                    "cn0_dbhz": 38,
                    "used": True,
                }
            ],
        )

    def test_numbers_of_no_satellite_are_left_out(self) -> None:
        self.feed(*gsv("GP", 2, 0, 500, 110))
        self.assertEqual(self.seen(), [("gps", 2)])

    def test_group_replaces_the_list_only_when_whole(self) -> None:
        first, second = gsv("GP", 1, 2, 3, 4, 5)
        self.feed(*gsv("GP", 30, 31))
        self.feed(first)
        self.assertEqual(self.seen(), [("gps", 30), ("gps", 31)])
        self.feed(second)
        self.assertEqual(self.seen(), [("gps", svid) for svid in range(1, 6)])

    def test_group_without_its_middle_is_dropped(self) -> None:
        one, _, three = gsv("GP", *range(1, 10))
        self.feed(*gsv("GP", 30), one, three)
        self.assertEqual(self.seen(), [("gps", 30)])
        self.feed(three)
        self.assertEqual(self.seen(), [("gps", 30)])

    def test_halves_of_different_epochs_are_no_group(self) -> None:
        one, two = gsv("GP", *range(1, 6))
        self.feed(one, now=0)
        self.feed(two, now=1)
        self.assertIsNone(self.snapshot(1)["sky"])

    def test_groups_of_two_talkers_may_be_mixed(self) -> None:
        gps, glonass = gsv("GP", *range(1, 6)), gsv("GL", *range(65, 70))
        self.feed(gps[0], glonass[0], gps[1], glonass[1])
        self.assertEqual(len(self.seen()), 10)

    def test_satellite_of_several_signals_is_one_with_its_best_strength(self) -> None:
        self.feed(
            whole("GPGSV,1,1,01,02,45,090,,8"),
            whole("GPGSV,1,1,01,02,45,090,38,1"),
            whole("GPGSV,1,1,01,02,45,090,31,6"),
        )
        (one,) = self.snapshot()["sky"]
        self.assertEqual(one["cn0_dbhz"], 38)

    def test_old_lists_are_not_shown(self) -> None:
        self.feed(*gsv("GP", 2), now=0)
        self.feed(*gsv("GL", 65), now=3)
        self.assertEqual(len(self.seen(FRESH_S)), 2)
        self.assertEqual(self.seen(FRESH_S + 1), [("glonass", 1)])
        self.assertIsNone(self.snapshot(FRESH_S + 4)["sky"])


class InUse(Base):
    def test_beidou_by_either_talker(self) -> None:
        for talker in ("BD", "PQ", "GB"):
            with self.subTest(talker=talker):
                self.sky.clear()
                self.feed(*gsv(talker, 201, 202), gsa(talker, 1))
                self.assertEqual(self.used(), [("beidou", 1)])
                self.assertEqual(self.snapshot()["mode"], 3)

    def test_combined_talker_by_system_id_or_by_number(self) -> None:
        views = (*gsv("GP", 2, 3), *gsv("GL", 66, 67), *gsv("GA", 4), *gsv("BD", 205))
        self.feed(*views, gsa("GN", 2, system="1"), gsa("GN", 66, system="2"))
        self.feed(gsa("GN", 4, system="3"), gsa("GN", 5, system="4"))
        together = [("beidou", 5), ("galileo", 4), ("glonass", 2), ("gps", 2)]
        self.assertEqual(self.used(), together)
        self.sky.clear()
        self.feed(*views, gsa("GN", 2, 66), gsa("GN", 304, 205))
        self.assertEqual(self.used(), together)
        self.assertEqual(self.snapshot()["satellites"]["used"], 4)

    def test_next_epoch_replaces_what_was_used(self) -> None:
        self.feed(*gsv("GP", 2, 3))
        self.feed(gga("123456.0"), gsa("GP", 2))
        self.feed(gga("123457.0"), gsa("GP", 3))
        self.assertEqual(self.used(), [("gps", 3)])

    def test_later_sentence_replaces_what_was_used(self) -> None:
        self.feed(*gsv("GP", 2, 3), gsa("GP", 2), now=0)
        self.feed(gsa("GP", 3), now=1)
        self.assertEqual(self.used(1), [("gps", 3)])

    def test_more_than_twelve_satellites_of_one_epoch(self) -> None:
        self.feed(gga(), gsa("GP", *range(1, 13)), gsa("GP", 13, 14))
        self.assertEqual(self.snapshot()["satellites"]["used"], 14)

    def test_best_mode_counts(self) -> None:
        """The module says mode 1 for a constellation that it doesn't use."""
        empty = whole("PQGSA,A,1,,,,,,,,,,,,,99.9,99.9,99.9")
        self.feed(gsa("GP", 2), empty)
        snapshot = self.snapshot()
        self.assertEqual(snapshot["mode"], 3)
        dops = (snapshot["pdop"], snapshot["hdop"], snapshot["vdop"])
        self.assertEqual(dops, (1.4, 0.8, 1.2))
        self.assertEqual(self.snapshot(FRESH_S + 1)["mode"], None)

    def test_without_a_fix_nothing_is_used(self) -> None:
        self.feed(*gsv("GP", 2), "$GPGSA,A,1,,,,,,,,,,,,,,,*1E")
        snapshot = self.snapshot()
        self.assertIsNone(snapshot["mode"])
        self.assertIsNone(snapshot["hdop"])
        self.assertEqual(snapshot["satellites"]["used"], 0)
        self.sky.clear()
        self.feed(*gsv("GP", 2), gsa("GP", 2, mode=1))
        self.assertEqual(self.used(), [])

    def test_short_sentence_of_old_firmware(self) -> None:
        self.feed(whole("GPGSA,A,2,02,03,"))
        self.assertEqual(self.snapshot()["mode"], 2)
        self.assertIsNone(self.snapshot()["pdop"])


class Epochs(Base):
    def test_geoid_separation_of_a_fix(self) -> None:
        self.feed(gga())
        self.assertEqual(self.snapshot()["geoid_separation_m"], 47.0)
        self.assertIsNone(self.snapshot(FRESH_S + 1)["geoid_separation_m"])
        for line in (
            gga(fix="0"),
            gga(fix=""),
            gga(geoid=""),
            gga(geoid="1e999"),
            gga(geoid="600"),
        ):
            with self.subTest(line=line):
                self.feed(gga(), line)
                self.assertIsNone(self.snapshot()["geoid_separation_m"])

    def test_time_as_it_was_sent(self) -> None:
        self.feed(gga("235960.0"))
        self.assertEqual(self.snapshot()["utc_time"], "235960.0")
        self.feed(whole("GNGLL,5149.214000,N,00119.200000,W,000000.00,A,A"))
        self.assertEqual(self.snapshot()["utc_time"], "000000.00")
        self.assertIsNone(self.snapshot(FRESH_S + 1)["utc_time"])
        self.feed("$GPRMC,,V,,,,,,,,,,N*53")
        self.assertIsNone(self.snapshot()["utc_time"])
