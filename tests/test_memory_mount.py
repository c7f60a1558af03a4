from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gatewaykit.errors import (
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
    MotionStopped,
)
from gatewaykit.interfaces import IMount, Record
from gatewaykit.testing import MemoryMount, mount_record
from gatewaykit.tts160.formats import CASE_FORMATS

EAST_UP = {"right_ascension_h": 8.0, "declination_deg": 20.0}
BELOW = {"right_ascension_h": 18.0, "declination_deg": 0.0}
HIGH = {"altitude_deg": 45.0, "azimuth_deg": 180.0}


class MountTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.mount = MemoryMount(self.clock.seconds, slew_s=10.0)

    def done(self, call: Deferred[Any]) -> Any:
        return self.successResultOf(call)

    def refused(self, call: Deferred[Any], kind: type[Exception] = MisuseError) -> Any:
        return self.failureResultOf(call, kind).value

    def status(self) -> Record:
        record: Record = self.done(self.mount.status())
        return record


class RecordTests(SynchronousTestCase):
    def test_fields_replace_and_misspelt_ones_are_refused(self) -> None:
        self.assertEqual(mount_record(parked=True)["parked"], True)
        with self.assertRaises(MisuseError):
            mount_record(praked=True)


class StatusTests(MountTestCase):
    def test_it_is_a_mount(self) -> None:
        self.assertTrue(verifyObject(IMount, self.mount))

    def test_status_is_a_copy(self) -> None:
        self.status()["moving"].append("north")
        self.assertEqual(self.status(), mount_record())

    def test_gone(self) -> None:
        self.mount.gone = "unplugged"
        for call in everything(self.mount):
            self.refused(call(), DeviceUnavailable)
        status = self.status()
        self.assertEqual(
            (status["available"], status["state"], status["reason"], status["stale"]),
            (False, "absent", "unplugged", True),
        )
        self.assertEqual(status["declination_deg"], -5.391111)

    def test_failure_leaves_reads_alone(self) -> None:
        self.mount.failure = DeviceTimeout("the mount", ":MS#", 3.0)
        self.refused(self.mount.slew(**EAST_UP), DeviceTimeout)
        self.done(self.mount.variables(["RA"]))
        self.assertEqual(self.mount.deeds, [])

    def test_watchers_are_counted_once(self) -> None:
        first, second = self.mount.watch(), self.mount.watch()
        first()
        first()
        self.assertEqual(self.mount.watchers, 1)
        second()
        self.assertEqual(self.mount.watchers, 0)


def everything(mount: MemoryMount) -> list[Callable[[], Deferred[Any]]]:
    """All calls that need the mount."""
    return [
        lambda: mount.variables(["RA"]),
        lambda: mount.case(2),
        lambda: mount.command(":GR#", "auto", "me"),
        lambda: mount.slew(**EAST_UP),
        lambda: mount.stop("me"),
        lambda: mount.sync(5.0, 5.0),
        mount.park,
        mount.unpark,
        lambda: mount.tracking(on=True),
        lambda: mount.guide("north", 100),
        lambda: mount.move_axis("north", 1.0, "me"),
        lambda: mount.stop_axis("north"),
        lambda: mount.set_site(utc_offset_h=1.0),
        mount.clear_buffers,
    ]


class ValueTests(MountTestCase):
    def test_variables_by_the_words_that_were_asked(self) -> None:
        self.mount.blocks.values["RA"] = 1.5
        self.assertEqual(
            self.done(self.mount.variables(["RA", "T16", "ALIGNMENT_QUAT", "T1"])),
            {"RA": 1.5, "T16": 1.5, "ALIGNMENT_QUAT": (0.0,) * 4, "T1": 0},
        )
        self.assertEqual(
            self.done(self.mount.variables(["T16,C5"])), {"T16": 1.5, "C5": 0}
        )

    def test_numbers_are_those_of_the_dialect(self) -> None:
        self.mount.blocks.values["DEC"] = 0.5
        self.mount.record["dialect"] = "v356"
        self.assertEqual(self.done(self.mount.variables(["T18"])), {"T18": 0.5})
        self.mount.record["dialect"] = "text"
        self.refused(self.mount.variables(["T18"]), DeviceRefused)

    def test_unknown_variables_are_refused(self) -> None:
        for word in ("T99", "NONSENSE", "", "T"):
            self.refused(self.mount.variables([word]))

    def test_case_blocks(self) -> None:
        self.mount.blocks.cases[2] = [120, 130, 40, 45, 1, 200.0, 30.0]
        self.assertEqual(
            self.done(self.mount.case(2)), ("5i2f", [120, 130, 40, 45, 1, 200.0, 30.0])
        )
        for number in range(9):
            format, _ = self.done(self.mount.case(number))
            self.assertEqual(format, CASE_FORMATS[number].format_string)
        for number in (-1, 9):
            self.refused(self.mount.case(number))


class CommandTests(MountTestCase):
    def command(self, text: str, reply: str = "auto") -> Record:
        record: Record = self.done(self.mount.command(text, reply, "me"))
        return record

    def test_answers_by_the_table(self) -> None:
        self.mount.blocks.values["RA"] = 1.5
        for text, answer in (
            (":RG#", {"kind": "none"}),
            (":Sr05:47:12#", {"kind": "bool", "value": True}),
            ("\x06", {"kind": "text", "text": "P"}),
            (":GR#", {"kind": "text", "text": ""}),
            (":P#", {"kind": "text", "text": "HIGH PRECISION"}),
            (":SC08/05/26#", {"kind": "date", "value": True, "text": ""}),
            (":*!S 0E;\x01#", {"kind": "set", "entries": [[1, 0]]}),
            (
                ":*!G T16,1#",
                {"kind": "binary", "format": "fi", "values": [1.5, 0]},
            ),
            (
                ":*!5#",
                {"kind": "case", "case": 5, "format": "1m", "values": [[0.0] * 9]},
            ),
            (":MS#", {"kind": "goto", "code": 0, "text": ""}),
        ):
            self.assertEqual(self.command(text), answer)
        self.assertEqual(len(self.mount.commands), 10)

    def test_answers_that_are_set(self) -> None:
        self.mount.answers[":GR#"] = {"kind": "text", "text": "05:47:12"}
        self.command(":GR#")["text"] = "x"
        self.assertEqual(self.command(":GR#")["text"], "05:47:12")

    def test_unknown_commands_are_answered_as_wanted(self) -> None:
        for reply, kind in (
            ("auto", "text"),
            ("string", "text"),
            ("blind", "none"),
            ("bool", "bool"),
        ):
            self.assertEqual(self.command(":Xq#", reply)["kind"], kind)

    def test_what_is_no_command_is_refused(self) -> None:
        for text in ("", "GR", ":GR", ":GR#:GD#", ":*!S 05;\x03#", ":Sr25:00:00#"):
            self.refused(self.mount.command(text, "auto", "me"))
        self.refused(self.mount.command(":GR#", "text", "me"))
        self.assertEqual(self.mount.commands, [])

    def test_moves_have_leases_and_stops_end_them(self) -> None:
        self.command(":Mn#")
        self.command(":*Me08529486#")
        self.assertEqual(self.status()["moving"], ["east", "north"])
        self.command(":Qn#")
        self.assertEqual(self.status()["moving"], ["east"])
        self.command(":Q#")
        self.assertEqual((self.status()["moving"], self.mount.stops), ([], 1))

    def test_nothing_moves_while_parked(self) -> None:
        self.mount.record["parked"] = True
        for text in (":MS#", ":Mn#", ":Mgn0100#", ":hP#", ":Xq#"):
            self.refused(self.mount.command(text, "auto", "me"), DeviceRefused)
        self.command(":GR#")


class SlewTests(MountTestCase):
    def test_slew_arrives_and_tracks(self) -> None:
        self.done(self.mount.slew(**EAST_UP))
        before = self.status()
        self.assertEqual(
            (before["slewing"], before["right_ascension_h"], before["tracking"]),
            (True, 5.786667, False),
        )
        self.assertEqual(before["target_right_ascension_h"], 8.0)
        self.clock.advance(10.0)
        after = self.status()
        self.assertEqual((after["slewing"], after["tracking"]), (False, True))
        self.assertEqual(after | EAST_UP, after)

    def test_slew_to_the_horizon(self) -> None:
        self.done(self.mount.slew(**HIGH))
        self.clock.advance(10.0)
        self.assertEqual(self.status() | HIGH, self.status())

    def test_coordinates_that_are_none_are_refused(self) -> None:
        for fields in (
            {},
            {"right_ascension_h": 1.0},
            EAST_UP | HIGH,
            {"right_ascension_h": 24.0, "declination_deg": 0.0},
            {"right_ascension_h": -0.1, "declination_deg": 0.0},
            {"right_ascension_h": 1.0, "declination_deg": 90.1},
            {"altitude_deg": 90.1, "azimuth_deg": 0.0},
            {"altitude_deg": 9.0, "azimuth_deg": 360.0},
            {"altitude_deg": float("nan"), "azimuth_deg": 0.0},
        ):
            self.refused(self.mount.slew(**fields))
        self.assertEqual(self.mount.deeds, [])

    def test_below_the_horizon_and_out_of_the_limits(self) -> None:
        self.assertIn(
            "altitude", self.refused(self.mount.slew(**BELOW), DeviceRefused).reason
        )
        self.mount.max_altitude_deg = 40.0
        self.refused(self.mount.slew(**HIGH), DeviceRefused)

    def test_one_at_a_time(self) -> None:
        self.done(self.mount.slew(**EAST_UP))
        for call in (
            self.mount.slew(**HIGH),
            self.mount.park(),
            self.mount.sync(1.0, 1.0),
            self.mount.guide("east", 1),
            self.mount.move_axis("east", 1.0, "me"),
        ):
            self.assertIn("slewing", self.refused(call, DeviceRefused).reason)

    def test_stop_leaves_it_where_it_is(self) -> None:
        self.done(self.mount.slew(**EAST_UP))
        self.done(self.mount.stop("me"))
        self.clock.advance(10.0)
        status = self.status()
        self.assertEqual(
            (status["slewing"], status["tracking"], status["right_ascension_h"]),
            (False, False, 5.786667),
        )

    def test_parked_and_unparked(self) -> None:
        self.done(self.mount.park())
        self.assertFalse(self.status()["parked"])
        self.clock.advance(10.0)
        self.assertTrue(self.status()["parked"])
        for call in (
            self.mount.slew(**EAST_UP),
            self.mount.park(),
            self.mount.tracking(on=True),
            self.mount.move_axis("north", None, "me"),
        ):
            self.refused(call, DeviceRefused)
        self.done(self.mount.unpark())
        self.done(self.mount.slew(**EAST_UP))

    def test_older_firmware_cannot_unpark(self) -> None:
        self.mount.record["dialect"] = "v356"
        self.refused(self.mount.unpark(), DeviceRefused)


class OtherTests(MountTestCase):
    def test_sync(self) -> None:
        self.assertEqual(self.done(self.mount.sync(1.0, -2.0)), "Coordinates matched.")
        self.assertEqual(self.status()["declination_deg"], -2.0)
        self.refused(self.mount.sync(24.0, 0.0))

    def test_tracking(self) -> None:
        self.done(self.mount.tracking(on=False, rate="lunar"))
        status = self.status()
        self.assertEqual(
            (status["tracking"], status["tracking_rate"]), (False, "lunar")
        )
        self.done(self.mount.tracking(rate="solar"))
        self.assertFalse(self.status()["tracking"])
        self.refused(self.mount.tracking())
        self.refused(self.mount.tracking(rate="fast"))

    def test_guide(self) -> None:
        self.done(self.mount.guide("west", 9999))
        for direction, duration_ms in (("up", 1), ("west", -1), ("west", 10_000)):
            self.refused(self.mount.guide(direction, duration_ms))
        self.assertEqual(self.mount.deeds, [("guide", "west", 9999)])

    def test_site(self) -> None:
        self.done(self.mount.set_site(latitude_deg=-33.0, longitude_deg=151.0))
        self.assertEqual(self.status()["latitude_deg"], -33.0)
        self.done(self.mount.set_site(at_ms=1_769_860_800_000))
        for fields in (
            {"latitude_deg": 1.0},
            {"latitude_deg": 91.0, "longitude_deg": 0.0},
            {"latitude_deg": 0.0, "longitude_deg": 181.0},
            {"utc_offset_h": 15.0},
            {"at_ms": 0},
        ):
            self.refused(self.mount.set_site(**fields))

    def test_clear_buffers(self) -> None:
        self.done(self.mount.clear_buffers())
        self.assertEqual(self.mount.deeds, [("clear_buffers",)])


class LeaseTests(MountTestCase):
    def move(self, direction: str = "north", holder: str = "me") -> Deferred[float]:
        return self.mount.move_axis(direction, 1.0, holder)

    def test_axis_moves_until_its_lease_is_over(self) -> None:
        self.assertEqual(self.done(self.move()), 3.0)
        self.clock.advance(2)
        self.assertEqual(self.mount.renew_axis("north", "me"), 3.0)
        self.clock.advance(2)
        self.assertEqual(self.status()["moving"], ["north"])
        self.clock.advance(1)
        self.assertEqual(self.status()["moving"], [])
        with self.assertRaises(MotionStopped) as caught:
            self.mount.renew_axis("north", "me")
        self.assertEqual(caught.exception.by, "the end of its lease")

    def test_what_was_stopped_is_not_renewed(self) -> None:
        self.done(self.move())
        self.done(self.mount.stop("somebody"))
        with self.assertRaises(MotionStopped) as caught:
            self.mount.renew_axis("north", "me")
        self.assertEqual(caught.exception.by, "somebody")

    def test_only_ones_own_is_renewed_and_in_its_direction(self) -> None:
        self.done(self.move())
        for direction, holder in (("north", "you"), ("south", "me"), ("east", "me")):
            with self.assertRaises(MotionStopped):
                self.mount.renew_axis(direction, holder)

    def test_axis_of_somebody_else_is_refused(self) -> None:
        self.done(self.move())
        self.refused(self.move("south", "you"), DeviceRefused)
        self.done(self.move("west", "you"))
        self.assertEqual(self.status()["moving"], ["north", "west"])

    def test_release_stops_what_its_holder_moves(self) -> None:
        self.done(self.move("north"))
        self.done(self.move("west", "you"))
        self.mount.release("me")
        self.mount.release("nobody")
        self.assertEqual(self.status()["moving"], ["west"])
        self.assertEqual(self.mount.deeds[-1], ("release", "north"))

    def test_rate_of_0_and_stop_of_an_axis(self) -> None:
        self.done(self.move())
        self.done(self.mount.move_axis("north", 0.0, "me"))
        self.assertEqual(self.status()["moving"], [])
        self.done(self.move())
        self.done(self.mount.stop_axis("south"))
        self.assertEqual(self.status()["moving"], [])

    def test_rates_and_directions_that_are_none(self) -> None:
        for direction, rate in (("up", 1.0), ("north", 3.6), ("north", -1.0)):
            self.refused(self.mount.move_axis(direction, rate, "me"))
