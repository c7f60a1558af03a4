from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from click.testing import CliRunner, Result
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli import mount_text as text_of
from gatewaykit.cli import mount_waits
from gatewaykit.cli.main import main
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    ConnectionFailed,
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
    MotionStopped,
    NotFound,
)
from gatewaykit.interfaces import Record
from gatewaykit.rpc.client import GatewayClient
from gatewaykit.testing import MemoryMount, mount_record
from tests.cli.support import ENDPOINT, FakeGateway, gatewayctl


class MountTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway()
        self.clock = self.gateway.clock
        self.mount = MemoryMount(self.clock.seconds, slew_s=20.0)
        self.gateway.mount = self.mount

    def run_verb(self, *args: str) -> Result:
        return gatewayctl(self.gateway, "mount", *args)

    def lines(self, *args: str) -> list[str]:
        result = self.run_verb(*args)
        self.assertEqual((result.exit_code, result.stderr), (0, ""))
        self.assertEqual(self.gateway.open, 0)
        return result.stdout.splitlines()

    def json(self, *args: str) -> Any:
        (line,) = self.lines(*args, "--json")
        return json.loads(line)

    def fails(self, code: int, *args: str) -> str:
        result = self.run_verb(*args)
        self.assertEqual((result.exit_code, result.stdout), (code, ""), result.stderr)
        return result.stderr

    def status(self) -> Record:
        record: Record = self.successResultOf(self.mount.status())
        return record


class StatusTests(MountTestCase):
    def test_names_and_units_below_each_other(self) -> None:
        self.assertEqual(
            self.lines("status"),
            [
                "mount:         ready",
                "firmware:      357.1.0 (v357)",
                "position:      05:47:12.0 -05:23:28.0 (JNow)",
                "horizon:       altitude 37.2830, azimuth 184.0052 deg",
                "doing:         tracking (sidereal)",
                "target:        05:47:12.0 -05:23:28.0",
                "aligned stars: 3",
                "site:          47.250000, 8.500000",
                "sidereal time: 06:00:00.0",
                "data:          0.2 s old",
            ],
        )

    def test_gone_and_stale_is_told_and_ends_with_0(self) -> None:
        self.mount.gone = "no such port\x1b"
        lines = self.lines("status")
        self.assertEqual(lines[0], "mount:         absent: no such port\\x1b")
        self.assertEqual(lines[-1], "data:          stale, 0.2 s old")

    def test_gateway_without_a_mount(self) -> None:
        self.gateway.mount = None
        lines = self.lines("status")
        self.assertIn("no mount is configured", lines[0])
        self.assertIn("position:      -", lines)
        self.assertIn("doing:         -", lines)
        self.assertNotIn("None", "".join(lines))

    def test_json_is_the_record(self) -> None:
        self.assertEqual(self.json("status"), mount_record())


class ReadTests(MountTestCase):
    def test_variables_by_name_and_by_lists_of_ids(self) -> None:
        self.mount.blocks.values |= {
            "RA": 1.5149451494216919,
            "CURRENT_AZ": 3.1415927,
            "ALIGNMENT_QUAT": (1.0, 0.0, -0.5, 0.0),
        }
        self.assertEqual(
            self.lines("get", "RA", "dec", "T1,2,X1,2", "t31"),
            [
                "RA:  1.514945",
                "DEC: 0",
                "T1:  0",
                "T2:  0",
                "X1:  0",
                "X2:  3.141593",
                "T31: 1 0 -0.5 0",
            ],
        )
        self.assertEqual(self.json("get", "RA"), {"RA": 1.5149451494216919})

    def test_unknown_variable_ends_with_2(self) -> None:
        self.assertIn("T99", self.fails(2, "get", "T99"))
        for words in ((), ("",), ("1,2",), ("T1,",)):
            self.fails(2, "get", *words)

    def test_case_by_names(self) -> None:
        self.mount.blocks.cases[2] = [120, 130, 40, 45, 1, 200.0, 30.0]
        self.assertEqual(
            self.lines("case", "2"),
            [
                "goto_speed_h:  120",
                "goto_speed_e:  130",
                "guide_speed_h: 40",
                "guide_speed_e: 45",
                "park_flag:     1",
                "park_az:       200",
                "park_alt:      30",
            ],
        )
        self.assertEqual(self.lines("case", "5"), ["matrix: 0 0 0 0 0 0 0 0 0"])
        self.assertEqual(
            self.json("case", "6"), {"format": "1m", "values": {"matrix": [0.0] * 9}}
        )
        self.fails(2, "case", "9")


class SendTests(MountTestCase):
    def test_each_kind_of_answer(self) -> None:
        self.mount.answers |= {
            ":GR#": {"kind": "text", "text": "05:47:12\x1b"},
            ":Sr05:47:12#": {"kind": "bool", "value": False},
            ":SL21:15:30#": {"kind": "bool", "value": True},
            ":SC08/05/26#": {"kind": "date", "value": True, "text": "Updating"},
            ":*!S 06;#": {"kind": "set", "entries": [[1, 0], [0, None], [2, 1.5]]},
        }
        for command, lines in (
            (":GR#", ["05:47:12\\x1b"]),
            (":D#", [""]),
            (":Sr05:47:12#", ["0"]),
            (":SL21:15:30#", ["1"]),
            (":SC08/05/26#", ["1 Updating"]),
            (":RG#", ["no answer"]),
            (":*!S 06;#", ["1 0", "0 -", "2 1.5"]),
            (":*!G T1,16#", ["0", "0"]),
            (":MS#", ["slewing"]),
        ):
            self.assertEqual(self.lines("send", command), lines)

    def test_refused_goto(self) -> None:
        self.mount.answers[":MS#"] = {"kind": "goto", "code": 1, "text": "below\n"}
        self.assertEqual(self.lines("send", ":MS#"), ["refused (1): below\\n"])

    def test_bytes_by_their_numbers(self) -> None:
        self.lines("send", r":*!S 05;\x03\x23\x00#")
        self.assertEqual(self.mount.commands, [":*!S 05;\x03#\x00#"])

    def test_type_and_json(self) -> None:
        self.assertEqual(
            self.json("send", ":Xq#", "--type", "bool"), {"kind": "bool", "value": True}
        )
        self.fails(2, "send", ":Xq#", "--type", "maybe")

    def test_what_is_no_command_ends_with_2(self) -> None:
        for command in ("GR", ":GR", ":GR#:GD#", "", ":\u20ac#"):
            self.fails(2, "send", command)


class SlewTests(MountTestCase):
    def test_coordinates_in_any_form(self) -> None:
        for ra, dec in (
            ("5:47:12", "-5:23:28"),
            ("5h47m12s", "-5d23m28s"),
            ("05:47.2", "-05*23:28"),
            ("5.7866666667", "-5.3911111111"),
        ):
            self.mount.deeds.clear()
            self.assertEqual(
                self.lines("slew", ra, dec), ["slewing to 05:47:12.0 -05:23:28.0"]
            )
            ((_, hours, degrees),) = self.mount.deeds
            self.assertAlmostEqual(hours, 5 + 47.2 / 60)
            self.assertAlmostEqual(degrees, -(5 + 23 / 60 + 28 / 3600))
            self.clock.advance(20)

    def test_options_beside_a_negative_declination(self) -> None:
        for args in (
            ("slew", "5:47:12", "-5:23:28", "--json"),
            ("slew", "--json", "5:47:12", "-5:23:28"),
            ("slew", "--json", "--", "5:47:12", "-5:23:28"),
        ):
            (line,) = self.lines(*args)
            self.assertAlmostEqual(json.loads(line)["declination_deg"], -5.391111, 6)
            self.clock.advance(20)

    def test_sign_of_a_declination_next_to_0_is_kept(self) -> None:
        self.lines("slew", "6", "-0:30:00")
        self.assertEqual(self.mount.deeds[-1], ("slew", 6.0, -0.5))

    def test_altitude_and_azimuth(self) -> None:
        self.assertEqual(
            self.lines("slew", "--altaz", "45:30", "180"),
            ["slewing to altitude 45.5000, azimuth 180.0000 deg"],
        )
        self.assertEqual(self.status()["slewing"], True)

    def test_coordinates_that_are_none_end_with_2_and_move_nothing(self) -> None:
        for args in (
            ("24", "0"),
            ("-1", "0"),
            ("5:60:00", "0"),
            ("5", "-90.1"),
            ("5", "north"),
            ("5",),
            ("5", "6", "7"),
            ("5", "6", "--wiat"),
            ("--altaz", "91", "0"),
            ("--altaz", "45", "360"),
            ("--altaz", "45", "-1"),
        ):
            self.fails(2, "slew", *args)
        self.assertEqual((self.mount.deeds, self.gateway.endpoints), ([], []))

    def test_below_the_horizon_ends_with_1(self) -> None:
        self.assertIn("altitude", self.fails(1, "slew", "18", "0"))

    def test_wait_ends_when_it_is_there(self) -> None:
        self.assertEqual(
            self.lines("slew", "8:00:00", "20:00:00", "--wait"),
            ["arrived at 08:00:00.0 +20:00:00.0"],
        )
        self.assertEqual(self.clock.seconds(), 20)

    def test_wait_for_altitude_and_azimuth(self) -> None:
        record = self.json("slew", "--altaz", "45", "0.01", "--wait")
        self.assertEqual((record["altitude_deg"], record["slewing"]), (45.0, False))

    def test_wait_ends_with_1_when_it_stopped_elsewhere(self) -> None:
        self.clock.callLater(5, self.mount.stop, "somebody")
        self.assertEqual(
            self.fails(1, "slew", "8", "20", "--wait"),
            "gatewayctl: the mount has stopped elsewhere\n",
        )
        self.assertLess(self.clock.seconds(), 8)

    def test_wait_ends_with_1_when_the_mount_goes(self) -> None:
        self.clock.callLater(5, setattr, self.mount, "gone", "unplugged")
        self.assertIn("unplugged", self.fails(1, "slew", "8", "20", "--wait"))

    def test_wait_ends_some_time(self) -> None:
        mount = self.gateway.mount = MemoryMount(self.clock.seconds, slew_s=1e6)
        self.assertIn("300 s", self.fails(1, "slew", "8", "20", "--wait"))
        self.assertEqual(mount.deeds, [("slew", 8.0, 20.0)])


class ArrivalTests(MountTestCase):
    """Reads that are not of one mind."""

    def wait(self, *records: Record, place: mount_waits.Place) -> Deferred[Record]:
        """The mount was sent somewhere; each second it tells the next of `records`."""
        told = iter(records)

        class Client:
            async def mount_status(self) -> Record:
                return next(told)

        client: Any = Client()
        return Deferred.fromCoroutine(mount_waits.arrival(client, self.clock, place))

    def test_old_reads_say_nothing(self) -> None:
        before = mount_record(age_s=3.0)
        done = self.wait(
            before,
            before,
            mount_record(age_s=None),
            mount_record(),
            place=lambda _: True,
        )
        self.clock.pump([1, 1, 1])
        self.assertNoResult(done)
        self.clock.advance(1)
        self.successResultOf(done)

    def test_one_read_at_rest_may_be_before_its_start(self) -> None:
        rest, going = mount_record(), mount_record(slewing=True)
        done = self.wait(rest, going, rest, going, rest, rest, place=lambda _: False)
        self.clock.pump([1] * 5)
        self.assertNoResult(done)
        self.clock.advance(1)
        self.failureResultOf(done, mount_waits.NotArrived)

    def test_there_is_not_there_while_it_slews(self) -> None:
        going = mount_record(slewing=True)
        done = self.wait(going, going, mount_record(), place=lambda _: True)
        self.clock.pump([1, 1])
        self.assertNoResult(done)
        self.clock.advance(1)
        self.successResultOf(done)

    def test_firmware_that_does_not_tell(self) -> None:
        rest = mount_record(parked=None)
        done = self.wait(rest, rest, place=mount_waits.is_parked)
        self.clock.pump([1, 1])
        self.successResultOf(done)

    def test_near_counts_as_there_over_0_hours_too(self) -> None:
        near = mount_waits.is_near(23.9993, 10)
        for hours, degrees, expected in (
            (0.001, 10.05, True),
            (23.9993, 9.95, True),
            (0.1, 10, False),
            (0.0, 10.2, False),
            (None, 10, None),
        ):
            record = mount_record(right_ascension_h=hours, declination_deg=degrees)
            self.assertIs(near(record), expected)

    def test_near_on_the_horizon(self) -> None:
        near = mount_waits.is_near_horizontal(45.0, 359.99)
        for altitude, azimuth, expected in (
            (45.05, 0.05, True),
            (45.0, 0.2, False),
            (45.2, 359.99, False),
            (45.0, None, None),
        ):
            record = mount_record(altitude_deg=altitude, azimuth_deg=azimuth)
            self.assertIs(near(record), expected)


class ParkTests(MountTestCase):
    def test_park_and_unpark(self) -> None:
        self.assertEqual(self.lines("park"), ["parking"])
        self.clock.advance(20)
        self.assertIn("parked", self.fails(1, "park"))
        self.assertEqual(self.lines("unpark"), ["unparked"])

    def test_wait(self) -> None:
        self.assertEqual(self.lines("park", "--wait"), ["parked"])
        self.assertTrue(self.status()["parked"])

    def test_wait_for_firmware_that_does_not_tell(self) -> None:
        going = self.mount.status

        async def untold() -> Record:
            return await going() | {"parked": None}

        self.patch(self.mount, "status", lambda: Deferred.fromCoroutine(untold()))
        self.assertEqual(
            self.lines("park", "--wait"),
            ["at rest; it does not tell if it is parked"],
        )

    def test_wait_that_a_stop_ends(self) -> None:
        self.clock.callLater(3, self.mount.stop, "somebody")
        self.assertIn("stopped", self.fails(1, "park", "--wait"))

    def test_older_firmware_cannot_unpark(self) -> None:
        self.mount.record["dialect"] = "v356"
        self.fails(1, "unpark")


class ActionTests(MountTestCase):
    def test_stop(self) -> None:
        self.assertEqual(self.lines("stop"), ["stopped"])
        self.assertEqual(self.json("stop"), {"stopped": True})
        self.assertEqual(self.mount.deeds, [("stop", "fake")] * 2)

    def test_sync(self) -> None:
        self.assertEqual(
            self.lines("sync", "5:47:12", "-5:23:28"), ["Coordinates matched."]
        )
        self.assertEqual(self.json("sync", "5", "-5"), {"text": "Coordinates matched."})
        self.assertEqual(self.mount.deeds[-1], ("sync", 5.0, -5.0))

    def test_tracking(self) -> None:
        for choice, line, deed in (
            ("on", "tracking: on", ("tracking", True, None)),
            ("off", "tracking: off", ("tracking", False, None)),
            ("lunar", "tracking rate: lunar", ("tracking", None, "lunar")),
        ):
            self.assertEqual(self.lines("tracking", choice), [line])
            self.assertEqual(self.mount.deeds[-1], deed)
        self.fails(2, "tracking", "fast")

    def test_guide(self) -> None:
        self.assertEqual(
            self.lines("guide", "west", "350"), ["a pulse of 350 ms to the west"]
        )
        self.assertEqual(self.mount.deeds, [("guide", "west", 350)])
        for args in (("up", "1"), ("west", "10000"), ("west", "-1"), ("west", "x")):
            self.fails(2, "guide", *args)

    def test_site(self) -> None:
        lines = self.lines(
            *("site", "--latitude", "-33:51:30", "--longitude", "-100.5"),
            *("--utc-offset", "-7:30"),
        )
        self.assertEqual(
            lines,
            [
                f"latitude_deg: {-(33 + 51.5 / 60)}",
                "longitude_deg: -100.5",
                "utc_offset_h: -7.5",
            ],
        )
        self.assertEqual(
            self.mount.deeds, [("set_site", -(33 + 51.5 / 60), -100.5, -7.5, None)]
        )

    def test_time(self) -> None:
        told = self.json("site", "--now")
        ((*_, at_ms),) = self.mount.deeds
        at = datetime.fromisoformat(told["at"])
        self.assertLessEqual(abs(at.timestamp() * 1000 - at_ms), 1)
        self.assertLess(abs(datetime.now(UTC) - at), timedelta(minutes=1))

    def test_site_that_is_none_ends_with_2(self) -> None:
        for args in (
            (),
            ("--latitude", "1"),
            ("--longitude", "1"),
            ("--latitude", "91", "--longitude", "1"),
            ("--latitude", "", "--longitude", "1"),
            ("--utc-offset", "x"),
            ("--utc-offset", "15"),
        ):
            self.fails(2, "site", *args)
        self.assertEqual(self.mount.deeds, [])

    def test_clear(self) -> None:
        self.assertEqual(self.lines("clear"), ["cleared"])
        self.assertEqual(self.mount.deeds, [("clear_buffers",)])


class MoveTests(MountTestCase):
    def test_lease_is_renewed_until_the_end(self) -> None:
        self.assertEqual(
            self.lines("move", "north", "1.5", "--for", "30"), ["moved north for 30 s"]
        )
        self.assertEqual(self.clock.seconds(), 30)
        self.assertEqual(
            self.mount.deeds,
            [("move_axis", "north", 1.5), ("move_axis", "north", 0.0)],
        )

    def test_short_move(self) -> None:
        told = self.json("move", "east", "0.5", "--for", "0.2")
        self.assertEqual(told["seconds"], 0.2)
        self.assertEqual(self.status()["moving"], [])

    def test_stop_of_somebody_else_ends_it_with_1(self) -> None:
        self.clock.callLater(5, self.mount.stop, "uid:7")
        error = self.fails(1, "move", "north", "1", "--for", "60")
        self.assertEqual(
            error, "gatewayctl: a move to north is over: stopped by uid:7\n"
        )
        self.assertEqual(
            self.mount.deeds, [("move_axis", "north", 1.0), ("stop", "uid:7")]
        )

    def test_lost_gateway_ends_it_with_3(self) -> None:
        self.gateway.failures = [None, ConnectionFailed(ENDPOINT, "lost")]
        self.fails(3, "move", "north", "1", "--for", "60")
        self.assertEqual(self.mount.deeds[-1], ("release", "north"))

    def test_interrupted_stops(self) -> None:
        client: Any = self.successResultOf(self.gateway.connect(ENDPOINT, self.clock))
        for pause_s in (0, 5):
            done = self.hold(client)
            self.clock.pump([1] * pause_s)
            self.assertEqual(self.status()["moving"], ["north"])
            done.cancel()
            self.failureResultOf(done, CancelledError)
            self.assertEqual(self.status()["moving"], [])

    def hold(self, client: GatewayClient) -> Deferred[None]:
        return Deferred.fromCoroutine(
            mount_waits.hold(client, self.clock, "north", 1.0, 60.0)
        )

    def test_usage(self) -> None:
        for args in (
            ("north", "1"),
            ("north", "0", "--for", "1"),
            ("north", "3.6", "--for", "1"),
            ("north", "1", "--for", "0"),
            ("up", "1", "--for", "1"),
        ):
            self.fails(2, "move", *args)
        self.assertEqual(self.mount.deeds, [])


class TextTests(SynchronousTestCase):
    def test_activity(self) -> None:
        for fields, text in (
            ({}, "tracking (sidereal)"),
            ({"tracking_rate": None}, "tracking"),
            ({"slewing": True, "tracking": False}, "slewing"),
            ({"moving": ["east", "north"]}, "moving east, north, tracking (sidereal)"),
            ({"parked": True, "tracking": False}, "parked"),
            ({"tracking": False}, "idle"),
            ({"tracking": None, "slewing": None}, "-"),
        ):
            self.assertEqual(text_of.activity(mount_record(**fields)), text)

    def test_words(self) -> None:
        for arguments, words in (
            (["RA", "dec"], ["RA", "DEC"]),
            (["T1,2,C5,6"], ["T1", "T2", "C5", "C6"]),
            (["x2,1", "T3"], ["X2", "X1", "T3"]),
            (["T1,RA,2"], ["T1", "RA", "2"]),
            (["STAR1_RA,T1"], ["STAR1_RA", "T1"]),
        ):
            self.assertEqual(text_of.words_of(arguments), words)

    def test_utc_offsets(self) -> None:
        for text, hours in (
            ("0", 0),
            ("-7", -7),
            ("5.5", 5.5),
            ("+5:30", 5.5),
            ("-0:30", -0.5),
        ):
            self.assertEqual(text_of.utc_offset(text), hours)
        for text in ("", "x", "5:60", "5:3", "--5", "100", "1e1", "\u0665"):
            with self.assertRaises(MisuseError):
                text_of.utc_offset(text)

    def test_bytes_of_a_command(self) -> None:
        self.assertEqual(text_of.command_of(r"\x03\xfF"), "\x03\xff")
        self.assertEqual(text_of.command_of(r"\x3\n\\"), r"\x3\n\\")


VERBS = (
    ("status",),
    ("get", "RA"),
    ("send", ":GR#"),
    ("case", "2"),
    ("slew", "8", "20"),
    ("stop",),
    ("sync", "5", "5"),
    ("park",),
    ("unpark",),
    ("tracking", "on"),
    ("guide", "north", "1"),
    ("move", "north", "1", "--for", "1"),
    ("site", "--utc-offset", "1"),
    ("clear",),
)


class EndingTests(MountTestCase):
    def test_every_error_of_every_verb_has_its_exit_code(self) -> None:
        for error, code in (
            (DeviceUnavailable("the mount", "unplugged"), 1),
            (DeviceTimeout("the mount", ":MS#", 3.0), 1),
            (DeviceRefused("the mount", "a slew", "it is parked"), 1),
            (DeviceGarbled("the mount", ":GR#", "25:00:00"), 1),
            (MotionStopped("a slew", "uid:7"), 1),
            (CallTimeout("MountSlew", 60.0), 1),
            (MisuseError("command", "GR", "none"), 2),
            (ConnectionFailed(ENDPOINT, "lost"), 3),
            (AccessDenied("anonymous", "MountSlew", "operator"), 4),
            (NotFound("subsystem", "tts160"), 5),
        ):
            for verb in VERBS:
                self.gateway.failures = [error]
                self.assertEqual(self.fails(code, *verb), f"gatewayctl: {error}\n")
                self.assertEqual(self.gateway.open, 0)
        self.assertEqual(self.mount.deeds, [])

    def test_gateway_without_a_mount_ends_with_5(self) -> None:
        self.gateway.mount = None
        for verb in VERBS[1:]:
            self.assertEqual(
                self.fails(5, *verb), "gatewayctl: no subsystem 'tts160'\n"
            )

    def test_no_gateway_ends_with_3(self) -> None:
        for verb in VERBS:
            self.gateway.refusals = [ConnectionFailed(ENDPOINT, "refused")]
            self.fails(3, *verb)

    def test_json_of_every_verb_is_one_object(self) -> None:
        for verb in VERBS:
            self.assertIsInstance(self.json(*verb), dict)
            self.clock.advance(20)
            self.status()
            self.mount.record["parked"] = False


class OptionTests(MountTestCase):
    def test_options_may_stand_anywhere(self) -> None:
        for args in (
            ("--json", "--endpoint", "tcp:a:1", "mount", "sync", "5", "-5"),
            ("mount", "--json", "--endpoint", "tcp:a:1", "sync", "5", "-5"),
            ("mount", "sync", "--json", "--endpoint", "tcp:a:1", "5", "-5"),
            ("mount", "sync", "5", "-5", "--json", "--endpoint", "tcp:a:1"),
        ):
            result = gatewayctl(self.gateway, *args)
            self.assertIn("text", json.loads(result.stdout))
            self.assertEqual(self.gateway.endpoints[-1], "tcp:a:1")

    def test_help_lists_what_there_is(self) -> None:
        text = CliRunner().invoke(main, ["mount", "--help"]).stdout
        for verb in VERBS:
            self.assertIn(f"\n  {verb[0]} ", text)
