from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.access import Role
from gatewaykit.errors import MisuseError
from gatewaykit.rpc import mount_verbs, verbs
from gatewaykit.tts160 import axes, lx200_table
from gatewaykit.tts160.commands import Effect
from tests.rpc.test_modem_verbs import sent

READS: tuple[type[verbs.Verb], ...] = (
    verbs.MountStatus,
    verbs.MountVariables,
    verbs.MountCase,
    verbs.RegisterBinaryFormat,
)
CHANGES: tuple[type[verbs.Verb], ...] = (
    verbs.MountCommand,
    verbs.MountSlew,
    verbs.MountStop,
    verbs.MountSync,
    verbs.MountPark,
    verbs.MountUnpark,
    verbs.MountTracking,
    verbs.MountGuide,
    verbs.MountMoveAxis,
    verbs.MountSite,
    verbs.ClearBuffers,
)


class VocabularyTests(SynchronousTestCase):
    def test_reading_is_for_viewers_and_all_else_for_operators(self) -> None:
        for verb in READS:
            self.assertEqual((verb.role, verb.changes), (Role.VIEWER, False))
        for verb in CHANGES:
            self.assertEqual((verb.role, verb.changes), (Role.OPERATOR, True))

    def test_all_are_among_all(self) -> None:
        self.assertLessEqual({*READS, *CHANGES}, set(verbs.ALL))

    def test_words_are_those_of_the_mount(self) -> None:
        self.assertEqual(set(mount_verbs.DIRECTIONS), set(axes.DIRECTIONS))
        self.assertEqual(mount_verbs.MOST_RATE_DEG_S, axes.MOST_RATE_DEG_S)


class MountArgumentTests(SynchronousTestCase):
    def refused(self, verb: type[verbs.Verb], **values: Any) -> MisuseError:
        """The error where it is sent, after the same one where it arrives."""
        with self.assertRaises(MisuseError) as there:
            verb.parseArguments(amp.AmpBox(raw(values)), None)
        with self.assertRaises(MisuseError) as here:
            verb.makeArguments(values, None)
        error: MisuseError = here.exception
        self.assertEqual(there.exception.name, error.name)
        self.assertEqual(there.exception.allowed, error.allowed)
        return error

    def test_coordinates_in_range_arrive_as_sent(self) -> None:
        for name, verb, good, bad, allowed in (
            (
                "right_ascension_h",
                verbs.MountSync,
                (0, 0.0, 5.786667, 23.999999999999996),
                (-1e-9, 24, 24.5, "5:47"),
                "0 to less than 24 hours",
            ),
            (
                "declination_deg",
                verbs.MountSync,
                (-90, 90.0, -5.391111),
                (-90.1, 91, "x"),
                "-90 to 90 degrees",
            ),
            (
                "rate_deg_s",
                verbs.MountMoveAxis,
                (0, 3.5, 0.004178),
                (-0.1, 3.51),
                "0 to 3.5 degrees per second",
            ),
        ):
            other = {"right_ascension_h": 1.0, "declination_deg": 1.0}
            if verb is verbs.MountMoveAxis:
                other = {"direction": "north"}  # type: ignore[dict-item]
            for value in good:
                self.assertEqual(sent(verb, **other | {name: value})[name], value)
            for value in (*bad, float("nan"), float("inf"), float("-inf")):
                error = self.refused(verb, **other | {name: value})
                self.assertEqual((error.name, error.allowed), (name, allowed))

    def test_what_only_looks_like_a_number_is_refused(self) -> None:
        odd_ones: tuple[Any, ...] = (True, "5", None, [], 10**400)
        for odd in odd_ones:
            with self.assertRaises(MisuseError):
                verbs.MountSync.makeArguments(
                    {"right_ascension_h": odd, "declination_deg": 1.0}, None
                )

    @given(st.floats(-90, 90))
    def test_numbers_arrive_exactly(self, value: float) -> None:
        arrived = sent(verbs.MountSync, right_ascension_h=1, declination_deg=value)
        self.assertEqual(arrived["declination_deg"], value)

    def test_slew_has_one_pair(self) -> None:
        equatorial = {"right_ascension_h": 1.0, "declination_deg": -1.0}
        horizontal = {"altitude_deg": 30.0, "azimuth_deg": 0.0}
        none = dict.fromkeys((*equatorial, *horizontal))
        for good in (equatorial, horizontal):
            self.assertEqual(sent(verbs.MountSlew, **good), none | good)
        for bad in (
            {},
            {"right_ascension_h": 1.0},
            {"declination_deg": 1.0, "azimuth_deg": 1.0},
            equatorial | horizontal,
            equatorial | {"azimuth_deg": 1.0},
        ):
            self.assertEqual(self.refused(verbs.MountSlew, **bad).name, "coordinates")
        self.assertEqual(
            self.refused(verbs.MountSlew, altitude_deg=1.0, azimuth_deg=360.0).allowed,
            "0 to less than 360 degrees",
        )

    def test_pulses(self) -> None:
        for good in (0, 9999):
            arrived = sent(verbs.MountGuide, direction="west", duration_ms=good)
            self.assertEqual(arrived, {"direction": "west", "duration_ms": good})
        for bad in (-1, 10_000, 1.5, "x"):
            error = self.refused(verbs.MountGuide, direction="west", duration_ms=bad)
            self.assertEqual(error.name, "duration_ms")
        for bad in ("up", "North", "", "northwest"):
            error = self.refused(verbs.MountGuide, direction=bad, duration_ms=1)
            self.assertEqual(error.allowed, "north, south, east, west")

    def test_case_numbers(self) -> None:
        self.assertEqual(sent(verbs.MountCase, number=8), {"number": 8})
        for bad in (-1, 9):
            self.assertEqual(self.refused(verbs.MountCase, number=bad).name, "number")

    def test_tracking_is_switched_or_chosen(self) -> None:
        self.assertEqual(
            sent(verbs.MountTracking, on=False), {"on": False, "rate": None}
        )
        self.assertEqual(sent(verbs.MountTracking, rate="lunar")["rate"], "lunar")
        self.refused(verbs.MountTracking)
        self.assertEqual(self.refused(verbs.MountTracking, rate="fast").name, "rate")

    def test_renewing_has_no_rate(self) -> None:
        arrived = sent(verbs.MountMoveAxis, direction="north", renew=True)
        self.assertEqual(
            arrived, {"direction": "north", "rate_deg_s": None, "renew": True}
        )
        error = self.refused(
            verbs.MountMoveAxis, direction="north", rate_deg_s=1.0, renew=True
        )
        self.assertEqual(error.name, "rate_deg_s")

    def test_site_has_both_coordinates_or_something_else(self) -> None:
        at = datetime(2026, 1, 31, 12, tzinfo=UTC)
        place = {"latitude_deg": -33.9, "longitude_deg": 151.2}
        self.assertEqual(
            sent(verbs.MountSite, **place, utc_offset_h=10.5, at=at),
            place | {"utc_offset_h": 10.5, "at": at},
        )
        sent(verbs.MountSite, at=at)
        for bad in (
            {},
            {"latitude_deg": 1.0},
            {"longitude_deg": 1.0},
            {"latitude_deg": 91.0, "longitude_deg": 1.0},
            {"latitude_deg": 1.0, "longitude_deg": 180.1},
            {"utc_offset_h": 14.1},
            {"utc_offset_h": -12.5},
        ):
            self.refused(verbs.MountSite, **bad)

    def test_words(self) -> None:
        arrived = sent(verbs.MountVariables, variables=("RA", "T17", "current_alt"))
        self.assertEqual(arrived["variables"], ["RA", "T17", "current_alt"])
        many = [f"T{number}" for number in range(mount_verbs.MOST_VARIABLES)]
        self.assertEqual(sent(verbs.MountVariables, variables=many)["variables"], many)
        for bad in ([], [*many, "T1"], [""], ["T1,2"], ["RA#"], [7], [["RA"]], "RA", 7):
            with self.assertRaises(MisuseError):
                verbs.MountVariables.makeArguments({"variables": bad}, None)
        for text in (b"", b"RA", b'"RA"', b"[7]", b"[" * 60_000, b"{}", b"\xff"):
            with self.assertRaises(MisuseError):
                verbs.MountVariables.parseArguments(
                    amp.AmpBox({b"variables": text}), None
                )

    def test_formats(self) -> None:
        arrived = sent(
            verbs.RegisterBinaryFormat, name="a b", format="2i", field_names=["a", "é"]
        )
        self.assertEqual(arrived["field_names"], ["a", "é"])
        self.assertIsNone(
            sent(verbs.RegisterBinaryFormat, name="x", format="2i")["field_names"]
        )
        for name, value in (
            ("name", ""),
            ("name", "x" * 65),
            ("name", "\x1b"),
            ("format", ""),
            ("format", "i" * 101),
            ("field_names", []),
            ("field_names", ["\n"]),
        ):
            good = {"name": "x", "format": "2i", "field_names": ["a", "b"]}
            error = self.refused(verbs.RegisterBinaryFormat, **good | {name: value})
            self.assertEqual(error.name, name)

    @given(st.binary(min_size=1, max_size=200))
    def test_any_byte_travels_in_a_command(self, data: bytes) -> None:
        text = data.decode("latin-1")
        self.assertEqual(sent(verbs.MountCommand, text=text)["text"], text)

    def test_commands(self) -> None:
        for reply in ("auto", "blind", "bool", "string", None):
            arrived = sent(verbs.MountCommand, text=":GR#", type=reply)
            self.assertEqual(arrived["type"], reply)
        for bad in ("", "x" * 201, "\u0100", "\u20ac"):
            self.assertEqual(self.refused(verbs.MountCommand, text=bad).name, "text")
        self.assertEqual(
            self.refused(verbs.MountCommand, text=":GR#", type="AUTO").name, "type"
        )


def raw(values: dict[str, Any]) -> dict[bytes, bytes]:
    """As somebody writes them who checks nothing."""
    texts = {
        name: str(value)
        if not isinstance(value, Sequence) or isinstance(value, str)
        # JSON of texts is what Python writes, but for the quotes.
        else str(value).replace("'", '"')
        for name, value in values.items()
    }
    return {
        name.encode(): text.encode("utf-8", "surrogatepass")
        for name, text in texts.items()
    }


class EffectTests(SynchronousTestCase):
    def has_effect(self, text: str) -> bool:
        return verbs.MountCommand.has_effect({"text": text, "type": "auto"})

    def test_commands_that_only_read_are_those_of_the_table(self) -> None:
        """The audit trail misses nothing that moves or changes, and has no polls in it."""
        examples = {":*!G ": "T1,2,C5", ":*!": "2"}
        for row in lx200_table.ROWS:
            text = f"{row.head}{examples.get(row.head, '')}#"
            self.assertEqual(self.has_effect(text), row.effect is not Effect.READ, text)
        self.assertFalse(self.has_effect("\x06"))

    def test_what_is_unknown_or_more_than_one_has_an_effect(self) -> None:
        for text in ("", ":XX#", ":GR#:MS#", ":GR", "GR#", ":*!S 06;#", ":GR#\n"):
            self.assertTrue(self.has_effect(text))
        self.assertTrue(verbs.MountCommand.has_effect({}))

    def test_only_renewals_of_a_move_have_none(self) -> None:
        has_effect = verbs.MountMoveAxis.has_effect
        self.assertFalse(has_effect({"direction": "north", "renew": "True"}))
        for renew in ({}, {"renew": "False"}, {"renew": "true"}):
            self.assertTrue(has_effect({"direction": "north"} | renew))
