"""Commands that clients write themselves."""

from __future__ import annotations

import math
import struct
from typing import Any

from twisted.internet.defer import Deferred

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
    MotionStopped,
)
from gatewaykit.interfaces import Record
from gatewaykit.tts160 import sky
from gatewaykit.tts160.set_commands import set_command
from gatewaykit.tts160.variables import Dialect
from tests.tts160.cases import MountTestCase
from tests.tts160.scripted import ScriptedMount

NOTHING = {"kind": "none"}
DONE = {"kind": "set", "entries": [[1, 0]]}
FAILED = {"kind": "set", "entries": [[4, -6]]}


class PassingTestCase(MountTestCase):
    def command(
        self, text: str | bytes, reply: str = "auto", holder: str = "one"
    ) -> Deferred[Record]:
        if isinstance(text, bytes):
            text = text.decode("latin-1")
        return self.mount.command(text, reply, holder)

    def do(self, text: str | bytes, reply: str = "auto", holder: str = "one") -> Record:
        return self.after(self.command(text, reply, holder), 2.0)

    def set(self, name: str, *arguments: Any, holder: str = "one") -> Record:
        return self.do(set_command(name, *arguments), holder=holder)

    def place(self, altitude_deg: float, azimuth_deg: float) -> tuple[float, float]:
        observer = self.mount._observer
        lst_h, latitude_deg = observer.sidereal_time_h, observer.known.latitude_deg
        assert lst_h is not None
        assert latitude_deg is not None
        return sky.to_equatorial(altitude_deg, azimuth_deg, lst_h, latitude_deg)


class FormTests(PassingTestCase):
    def test_known_commands_are_read_by_the_table(self) -> None:
        scripted = self.script()
        scripted.answers[b":*!2#"] = b"CASE:2\n" + bytes.fromhex(
            "7800000082000000280000002d00000001000000000048430000f041"
        )
        scripted.answers[b":P#"] = b"HIGH PRECISION"
        for text, expected in (
            (":GR#", {"kind": "text", "text": "05:47:12"}),
            ("\x06", {"kind": "text", "text": "P"}),
            (":P#", {"kind": "text", "text": "HIGH PRECISION"}),
            (":*E#", {"kind": "bool", "value": True}),
            (":RS#", NOTHING),
            (":SC08/05/26#", {"kind": "date", "value": True, "text": ""}),
            (":SL21:15:30#", {"kind": "date", "value": True, "text": ""}),
            (
                ":*!G T4,C5#",
                {"kind": "binary", "format": "2B", "values": [1, 0]},
            ),
            (
                ":*!2#",
                {
                    "kind": "case",
                    "case": 2,
                    "format": "5i2f",
                    "values": [120, 130, 40, 45, 1, 200.0, 30.0],
                },
            ),
        ):
            for reply in ("auto", "string", "bool", "blind"):
                self.assertEqual(self.do(text, reply), expected)

    def test_unknown_commands_are_read_as_one_says(self) -> None:
        scripted = self.script()
        scripted.answers |= {b":XA#": b"1", b":XB#": b"text#", b":XC#": b"2"}
        self.assertEqual(self.do(":XA#"), {"kind": "bool", "value": True})
        self.assertEqual(self.do(":XA#", "bool"), {"kind": "bool", "value": True})
        self.assertEqual(self.do(":XB#"), {"kind": "text", "text": "text"})
        self.assertEqual(self.do(":XB#", "string"), {"kind": "text", "text": "text"})
        scripted.answers[b":XD#"] = None
        self.assertEqual(self.do(":XD#", "blind"), NOTHING)
        garbled = self.command(":XC#", "bool")
        self.run_for(2.0)
        self.failure(garbled, DeviceGarbled)
        self.assertEqual(scripted.count(b":XC#"), 1)

    def test_errors_of_the_mount(self) -> None:
        self.script()
        command = self.command(":*!G T99#")
        self.run_for(1.0)
        error = self.failure(command, DeviceRefused)
        self.assertEqual((error.request, error.reason), (":*!G T99#", "VAR_ERROR"))

    def test_misuse(self) -> None:
        scripted = self.script()
        heard = len(scripted.heard)
        for text in (":GR", "GR#", ":GR##", ":G\x01R#", ":Sr25:00:00#", ":*!S 03;#"):
            self.failure(self.command(text), MisuseError)
        self.failure(self.command(":GR#", "text"), MisuseError)
        # NaN, a rate that is too high, and a pulse that is too long.
        for payload in (
            b"03;" + struct.pack("<Bf", 0, math.nan),
            b"03;" + struct.pack("<Bf", 0, 3.6),
            b"03;" + struct.pack("<Bf", 4, 1.0),
            b"04;" + struct.pack("<Bff", 1, 1.0, 1.6),
            b"04;" + struct.pack("<B", 7),
            b"05;" + struct.pack("<BH", 0, 10_001),
            b"0B;\x02",
        ):
            self.make()
            scripted = ScriptedMount(self.clock, Dialect.V357)
            self.start(scripted)
            self.failure(self.command(b":*!S " + payload + b"#"), MisuseError)
            self.run_for(1.0)
            self.assertEqual(scripted.count(b":*!S"), 0)
        self.assertGreater(heard, 0)

    def test_not_there(self) -> None:
        self.make()
        self.failure(self.command(":GR#"), DeviceUnavailable)
        self.failure(self.command(":GR"), MisuseError)


class StopTests(PassingTestCase):
    def test_stops_at_once_in_any_state(self) -> None:
        self.make()
        scripted = ScriptedMount(self.clock)
        self.mount.start()
        self.plug_in(scripted)
        for text, expected, written in (
            (":Q#", NOTHING, b":Q#"),
            (":Qn#", NOTHING, b":Qn#"),
            (":Qs#", NOTHING, b":Qs#"),
            (":Qe#", NOTHING, b":Qe#"),
            (":Qw#", NOTHING, b":Qw#"),
            (":*!S 06;#", DONE, b":Q#"),
        ):
            for reply in ("auto", "blind", "bool", "string"):
                # The same one again would be on its way still.
                self.run_for(0.1)
                scripted.heard.clear()
                stopped = self.command(text, reply)
                self.assertEqual(self.successResultOf(stopped), expected)
                self.assertEqual(scripted.heard, [written])
        self.assertEqual(self.mount.stops, 8)
        self.stop()
        self.failure(self.command(":Q#"), DeviceUnavailable)

    def test_ends_what_waits(self) -> None:
        simulated = self.simulate()
        slew = self.mount.slew(altitude_deg=60.0, azimuth_deg=150.0)
        self.command(":*!S 06;#")
        self.failure(slew, MotionStopped)
        self.run_for(2.0)
        self.assertEqual(simulated.deeds.slews, [])

    def test_stop_of_an_axis_ends_its_lease(self) -> None:
        self.simulate()
        self.after(self.command(":Mn#"), 0.5)
        self.after(self.command(":Mw#"), 0.5)
        self.assertEqual(self.mount.health()["moving"], ["north", "west"])
        self.do(":Qs#", holder="another")
        self.assertEqual(self.mount.health()["moving"], ["west"])


class MotionTests(PassingTestCase):
    def test_goto(self) -> None:
        for dialect in Dialect:
            simulated = self.simulate(dialect)
            hours, degrees = self.place(50.0, 120.0)
            target = self.mount._slews.target(hours, degrees)
            for command in target.commands:
                self.assertEqual(self.do(command.data), {"kind": "bool", "value": True})
            goto = {"kind": "goto", "code": 0, "text": ""}
            self.assertEqual(self.do(":MS#"), goto)
            (slew,) = simulated.deeds.slews
            self.assertAlmostEqual(slew.altitude_deg, 50.0, 1)

    def test_targets_do_not_mix(self) -> None:
        """Who starts a slew means the target that it told."""
        simulated = self.simulate(Dialect.V356)
        first = self.mount._slews.target(*self.place(50.0, 120.0))
        second = self.mount._slews.target(*self.place(60.0, 200.0))
        for one, other in zip(first.commands, second.commands, strict=True):
            self.do(one.data, holder="one")
            self.do(other.data, holder="other")
        self.do(":MS#", holder="one")
        (slew,) = simulated.deeds.slews
        self.assertAlmostEqual(slew.azimuth_deg, 120.0, 0)

    def test_target_that_is_refused_counts_for_nothing(self) -> None:
        scripted = self.script()
        self.do(":Sr05:00.0#")
        self.do(":Sd+10*00#")
        scripted.answers[b":Sd"] = b"0"
        self.assertEqual(self.do(":Sd+20*00#"), {"kind": "bool", "value": False})
        scripted.answers[b":Sd"] = b"1"
        scripted.heard.clear()
        self.do(":MS#")
        self.assertIn(b":Sd+10*00#", scripted.heard)
        self.assertNotIn(b":Sd+20*00#", scripted.heard)

    def test_target_that_somebody_else_stored(self) -> None:
        """It is told once more, so that nobody puts another one in its place."""
        for dialect in (Dialect.V356, Dialect.V357):
            simulated = self.simulate(dialect)
            hours, degrees = self.place(50.0, 120.0)
            for command in self.mount._slews.target(hours, degrees).commands:
                self.do(command.data, holder="another")
            self.mount.release("another")
            self.assertEqual(self.do(":MS#")["code"], 0)
            (slew,) = simulated.deeds.slews
            self.assertAlmostEqual(slew.azimuth_deg, 120.0, 0)
            self.assertEqual(simulated.count(b":Sr"), 2)

    def test_stored_target_of_firmware_355(self) -> None:
        self.make()
        scripted = ScriptedMount(self.clock, Dialect.TEXT)
        scripted.answers |= {
            b":GVN#": b"355.0#",
            b":*Pq#": b"0",
            b":*Gt#": b"+89*59:59#",
            b":*Gg#": b"+00*00:00#",
            b":*Gr#": b"1.3089969#",
            b":*Gd#": b"0.7853982#",
        }
        self.start(scripted)
        self.assertEqual(self.after(self.command(":MS#"), 4.0)["code"], 0)
        self.assertEqual(scripted.count(b":Sr05:00:00.0#"), 1)
        self.assertEqual(scripted.count(b":Sd+45*00:00.0#"), 1)

    def test_stored_target_that_is_not_told(self) -> None:
        """Old firmware; the mount itself knows its horizon."""
        for limit, code in ((0.0, 0), (10.0, 1)):
            self.make(min_altitude_deg=limit)
            scripted = ScriptedMount(self.clock, Dialect.TEXT)
            self.start(scripted)
            self.assertEqual(self.do(":MS#")["code"], code)
            self.assertEqual(scripted.count(b":MS#"), 1 - code)
            self.assertEqual(scripted.count(b":Sr"), 0)

    def test_refused_goto_is_an_answer(self) -> None:
        simulated = self.simulate()
        for command in self.mount._slews.target(*self.place(-20.0, 120.0)).commands:
            self.do(command.data)
        answer = self.do(":MS#")
        self.assertEqual((answer["kind"], answer["code"]), ("goto", 1))
        self.assertIn("below the horizon", answer["text"])
        self.assertEqual(simulated.count(b":MS#"), 0)

    def test_refusal_of_the_mount_is_passed_on(self) -> None:
        scripted = self.script()
        scripted.answers[b":MS#"] = b"2Object below higher limit#"
        self.do(":Sr22:00.0#")
        self.do(":Sd+50*00#")
        self.assertEqual(
            self.do(":MS#"),
            {"kind": "goto", "code": 2, "text": "Object below higher limit"},
        )
        self.assertFalse(self.after(self.mount.status())["slewing"])

    def test_lost_answer(self) -> None:
        scripted = self.script()
        self.do(":Sr22:00.0#")
        self.do(":Sd+50*00#")

        def begin() -> None:
            scripted.answers[b":D#"] = b"|#"

        scripted.answers[b":MS#"] = begin
        answer = self.after(self.command(":MS#"), 6.0)
        self.assertEqual(answer, {"kind": "goto", "code": 0, "text": ""})
        self.assertEqual(scripted.count(b":MS#"), 1)

    def test_axis_moves_have_leases(self) -> None:
        for text in (":Mn#", ":*Mn08529486#"):
            simulated = self.simulate(Dialect.V356)
            self.assertEqual(self.do(text), NOTHING)
            self.assertEqual(self.mount.health()["moving"], ["north"])
            self.assertEqual(simulated.heard.count(text.encode()), 1)
            error = self.failure(self.command(text, holder="other"), DeviceRefused)
            self.assertIn("another client", error.reason)
            self.assertEqual(self.do(text), NOTHING)
            self.assertEqual(len(simulated.deeds.moves), 1)
            self.assertEqual(self.mount.renew_axis("north", "one"), 3.0)
            self.run_for(3.1)
            self.assertEqual(self.mount.health()["moving"], [])
            self.stop()

    def test_released_axis(self) -> None:
        self.simulate()
        self.do(":Mn#")
        self.mount.release("one")
        self.assertEqual(self.mount.health()["moving"], [])

    def test_fraction_of_nothing_stops(self) -> None:
        simulated = self.simulate()
        self.do(":*Mn08529486#")
        self.assertEqual(self.do(":*Mn00009999#"), NOTHING)
        self.assertEqual(self.mount.health()["moving"], [])
        self.assertEqual(len(simulated.deeds.moves), 1)

    def test_rate_that_changes_is_another_move(self) -> None:
        """An axis is stopped before its rate changes."""
        for choice in (b":RM#", set_command("SET_SLEW_RATE", 2)):
            simulated = self.simulate()
            self.do(":RS#")
            self.do(":Mn#")
            self.do(choice)
            move = self.command(":Mn#")
            self.assertEqual(self.mount.health()["moving"], [])
            self.after(move, 3.0)
            rates = [move.rate_deg_s for move in simulated.deeds.moves]
            self.assertEqual(rates, [3.0, 1.4])

    def test_pulse(self) -> None:
        simulated = self.simulate()
        self.assertEqual(self.do(":Mgn0350#"), NOTHING)
        (pulse,) = simulated.deeds.pulses
        self.assertEqual((pulse.direction, pulse.milliseconds), ("north", 350))

    def test_park(self) -> None:
        simulated = self.simulate()
        self.assertEqual(self.do(":hP#"), NOTHING)
        self.assertEqual(len(simulated.deeds.parks), 1)

    def test_drive(self) -> None:
        simulated = self.simulate()
        self.do(":T1#")
        self.assertTrue(simulated.state.motion.is_tracking)
        self.do(":TL#")
        self.assertEqual(simulated.state.motion.drive, 1)

    def test_sync(self) -> None:
        simulated = self.simulate()
        for command in self.mount._slews.target(13.0, 20.0).commands:
            self.do(command.data)
        for command in self.mount._slews.target(15.0, 10.0).commands:
            self.do(command.data, holder="other")
        answer = self.do(":CM#")
        self.assertEqual(answer["kind"], "text")
        self.assertIn("matched", answer["text"])
        (sync,) = simulated.deeds.syncs
        self.assertAlmostEqual(sync.right_ascension_h, 13.0, 3)

    def test_sync_to_what_is_stored(self) -> None:
        simulated = self.simulate()
        self.assertEqual(self.do(":CM#")["kind"], "text")
        self.assertEqual(simulated.count(b":Sr"), 0)
        self.assertEqual(len(simulated.deeds.syncs), 1)

    def test_sync_of_an_alignment(self) -> None:
        simulated = self.simulate()
        self.assertEqual(self.do(":**3#"), {"kind": "text", "text": "3"})
        for command in self.mount._slews.target(13.0, 20.0).commands:
            self.do(command.data)
        self.assertEqual(self.do(":*CM#")["kind"], "text")
        (sync,) = simulated.deeds.syncs
        self.assertAlmostEqual(sync.right_ascension_h, 13.0, 3)

    def test_lost_answer_to_a_sync_that_was_done(self) -> None:
        scripted = self.script()
        self.do(":Sr00:00.0#")
        self.do(":Sd+10*00#")

        def sync() -> None:
            scripted.values |= {"RA": 0.0, "DEC": math.radians(10.0)}

        scripted.answers[b":CM#"] = sync
        answer = self.after(self.command(":CM#"), 5.0)
        self.assertEqual(answer, {"kind": "text", "text": ""})

    def test_unknown_is_taken_for_motion(self) -> None:
        scripted = self.script()
        scripted.values["PARK_FLAG"] = 1
        for text in (":XX#", ":hF#", ":F+#"):
            command = self.command(text, "blind")
            self.run_for(1.0)
            self.assertEqual(self.failure(command, DeviceRefused).request, text)
            self.assertEqual(scripted.count(text.encode()), 0)


class CheckTests(PassingTestCase):
    """Each form of a command is checked as ours of that sense are."""

    MOVES = (
        b":Mn#",
        b":*Mn08529486#",
        b":Mgn0350#",
        b":hP#",
        b":XX#",
        b":CM#",
        b":*CM#",
        set_command("MOVE_AXIS", 0, 1.0),
        set_command("SLEW_TO_TARGET", 0),
        set_command("SLEW_TO_TARGET", 1, 1.0, 0.5),
        set_command("SLEW_TO_TARGET", 2, 1.0, 0.5),
        set_command("SLEW_TO_TARGET", 3),
        set_command("GUIDE", 0, 100),
        set_command("PARK_UNPARK", 0),
        set_command("ROTATOR_OPS", 0),
        set_command("SYNC_FUNCTIONS", 0),
        set_command("INITIALIZE"),
        b":*!S 7F;#",
    )
    DRIVE = (
        b":T1#",
        b":TL#",
        set_command("SET_TRACKING", 1),
        set_command("SET_TRACK_RATE", 1),
    )

    def refusals(self, commands: tuple[bytes, ...], reason: str) -> None:
        for data in commands:
            command = self.command(data, "blind")
            self.run_for(0.5)
            error = self.failure(command, DeviceRefused)
            self.assertIn(reason, error.reason, data)

    def test_parked(self) -> None:
        simulated = self.simulate(parked=True)
        heard = len(simulated.heard)
        self.refusals(self.MOVES + self.DRIVE, "it is parked")
        sent = [each for each in simulated.heard[heard:] if each in self.MOVES]
        self.assertEqual(sent, [])
        self.assertEqual(self.do(":MS#")["text"], "it is parked")

    def test_slewing(self) -> None:
        simulated = self.simulate()
        self.after(self.mount.slew(altitude_deg=10.0, azimuth_deg=10.0), 1.0)
        heard = len(simulated.heard)
        self.refusals(self.MOVES, "it is slewing")
        sent = [each for each in simulated.heard[heard:] if each in self.MOVES]
        self.assertEqual(sent, [])
        for data in self.DRIVE:
            self.do(data, "blind")

    def test_settings_are_not_checked(self) -> None:
        self.simulate(parked=True)
        for data in (
            b":RS#",
            b":Sr05:00:00#",
            set_command("SET_AXIS_RATE", 0, 1.0),
            set_command("SET_TARGET", 1.0, 0.5),
            set_command("SET_PARK_LOCATION", 0),
        ):
            self.do(data)


class BinaryTests(PassingTestCase):
    def test_move(self) -> None:
        simulated = self.simulate()
        self.assertEqual(self.set("MOVE_AXIS", 3, 1.0), DONE)
        self.assertEqual(self.mount.health()["moving"], ["west"])
        error = self.failure(
            self.command(set_command("MOVE_AXIS", 2, 1.0), holder="other"),
            DeviceRefused,
        )
        self.assertIn("another client", error.reason)
        # The same again.
        self.assertEqual(self.set("MOVE_AXIS", 3, 1.0), DONE)
        self.assertEqual(len(simulated.deeds.moves), 1)
        self.assertEqual(self.set("MOVE_AXIS", 3, 0.0), DONE)
        self.assertEqual(self.mount.health()["moving"], [])
        self.run_for(3.0)
        self.assertEqual(self.set("MOVE_AXIS", 0, 1.0), DONE)
        self.run_for(3.0)
        self.assertEqual(self.mount.health()["moving"], [])
        self.assertTrue(simulated.is_still)

    def test_move_that_the_mount_refuses(self) -> None:
        scripted = self.script(Dialect.V357)
        scripted.answers[b":*!S 03;"] = bytes.fromhex("0104faffffff")
        self.assertEqual(self.set("MOVE_AXIS", 0, 1.0), FAILED)
        self.assertEqual(self.mount.health()["moving"], [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slew_to_what_was_told(self) -> None:
        simulated = self.simulate()
        hours, degrees = self.place(50.0, 120.0)
        radians = hours * math.pi / 12, math.radians(degrees)
        self.assertEqual(self.set("SET_TARGET", *radians), DONE)
        self.set("SET_TARGET", 0.1, 0.1, holder="other")
        self.assertEqual(self.set("SLEW_TO_TARGET", 0), DONE)
        (slew,) = simulated.deeds.slews
        self.assertAlmostEqual(slew.altitude_deg, 50.0, 1)

    def test_slew_to_coordinates(self) -> None:
        simulated = self.simulate()
        hours, degrees = self.place(50.0, 120.0)
        radians = hours * math.pi / 12, math.radians(degrees)
        self.assertEqual(self.set("SLEW_TO_TARGET", 1, *radians), DONE)
        self.assertAlmostEqual(simulated.deeds.slews[-1].altitude_deg, 50.0, 1)
        self.assertTrue(self.mount._observer.known.slewing)
        simulated = self.simulate()
        radians = math.radians(120.0), math.radians(50.0)
        self.assertEqual(self.set("SLEW_TO_TARGET", 2, *radians), DONE)
        self.assertAlmostEqual(simulated.deeds.slews[-1].azimuth_deg, 120.0, 3)

    def test_slew_below_the_horizon(self) -> None:
        simulated = self.simulate()
        hours, degrees = self.place(-10.0, 120.0)
        radians = hours * math.pi / 12, math.radians(degrees)
        for data in (
            set_command("SLEW_TO_TARGET", 1, *radians),
            set_command("SLEW_TO_TARGET", 2, 1.0, math.radians(-10.0)),
        ):
            command = self.command(data)
            self.run_for(1.0)
            error = self.failure(command, DeviceRefused)
            self.assertIn("below the horizon", error.reason)
        self.assertEqual(simulated.deeds.slews, [])

    def test_ends_of_ranges(self) -> None:
        """A quarter of a turn in 4 bytes is a little more than that."""
        scripted = self.script(Dialect.V357)
        data = set_command("SLEW_TO_TARGET", 2, math.tau, math.pi / 2)
        self.assertEqual(self.do(data), DONE)
        self.assertIn(data, scripted.heard)

    def test_home(self) -> None:
        simulated = self.simulate()
        self.assertEqual(self.set("SLEW_TO_TARGET", 3), DONE)
        self.assertEqual(len(simulated.deeds.slews), 1)

    def test_slew_that_the_mount_refuses(self) -> None:
        scripted = self.script(Dialect.V357)
        scripted.answers[b":*!S 04;"] = bytes.fromhex("0104faffffff")
        self.assertEqual(self.set("SLEW_TO_TARGET", 2, 1.0, 0.5), FAILED)
        self.assertFalse(self.mount._observer.known.slewing)

    def test_pulse(self) -> None:
        simulated = self.simulate()
        self.assertEqual(self.set("GUIDE", 1, 35), DONE)
        self.assertEqual(simulated.deeds.pulses[0].milliseconds, 35)

    def test_park_and_unpark(self) -> None:
        simulated = self.simulate()
        self.assertEqual(self.set("PARK_UNPARK", 0), DONE)
        self.run_for(60.0)
        self.assertTrue(simulated.state.motion.is_parked)
        self.assertEqual(self.set("PARK_UNPARK", 1), DONE)
        self.assertFalse(simulated.state.motion.is_parked)

    def test_mount_that_refuses_to_park_or_not(self) -> None:
        scripted = self.script(Dialect.V357)
        scripted.answers[b":*!S 0B;"] = bytes.fromhex("0104faffffff")
        self.assertEqual(self.set("PARK_UNPARK", 0), FAILED)
        self.assertFalse(self.mount._observer.known.slewing)
        self.assertEqual(self.set("PARK_UNPARK", 1), FAILED)

    def test_lost_answer_to_parking(self) -> None:
        for is_done in (True, False):
            scripted = self.script(Dialect.V357)

            def park(scripted: ScriptedMount = scripted, done: bool = is_done) -> None:
                scripted.values["GOTO_ACTIVE"] = int(done)

            scripted.answers[b":*!S 0B;"] = park
            command = self.command(set_command("PARK_UNPARK", 0))
            self.run_for(6.0)
            if is_done:
                self.assertEqual(self.successResultOf(command), DONE)
            else:
                self.failure(command, DeviceTimeout)
            self.assertEqual(scripted.count(b":*!S 0B;"), 1)

    def test_lost_answer_to_a_slew_home(self) -> None:
        """Nobody can tell whether it is there already."""
        scripted = self.script(Dialect.V357)
        scripted.answers[b":*!S 04;"] = None
        command = self.command(set_command("SLEW_TO_TARGET", 3))
        self.run_for(6.0)
        self.failure(command, DeviceTimeout)

    def test_lost_answer_to_a_slew(self) -> None:
        scripted = self.script(Dialect.V357)

        def begin() -> None:
            scripted.values["GOTO_ACTIVE"] = 1

        scripted.answers[b":*!S 04;"] = begin
        command = self.command(set_command("SLEW_TO_TARGET", 2, 1.0, 0.5))
        self.assertEqual(self.after(command, 6.0), DONE)

    def test_lost_answer_to_a_pulse(self) -> None:
        scripted = self.script(Dialect.V357)
        scripted.answers[b":*!S 05;"] = None
        command = self.command(set_command("GUIDE", 1, 35))
        self.run_for(6.0)
        self.failure(command, DeviceTimeout)
        self.assertEqual(scripted.count(b":*!S 05;"), 1)

    def test_sync_and_drive(self) -> None:
        simulated = self.simulate()
        self.assertEqual(self.set("SYNC_FUNCTIONS", 0), DONE)
        self.assertEqual(len(simulated.deeds.syncs), 1)
        self.assertEqual(self.set("SET_TRACKING", 1), DONE)
        self.assertTrue(simulated.state.motion.is_tracking)


class SettingTests(PassingTestCase):
    def test_what_seldom_changes_is_read_anew(self) -> None:
        simulated = self.simulate(Dialect.V356)
        self.mount.watch()
        self.run_for(2.0)
        self.do(":St-33*52#")
        self.do(":Sg208*48#")
        self.run_for(1.0)
        status = self.successResultOf(self.mount.status())
        self.assertAlmostEqual(status["latitude_deg"], -33.8667, 3)
        self.assertAlmostEqual(simulated.state.place.longitude_deg, 151.2, 3)

    def test_time_is_followed_by_a_throw_away_question(self) -> None:
        simulated = self.simulate(stale_time=True)
        self.assertTrue(self.do(":SL05:00:00#")["value"])
        self.assertEqual(self.do(":GL#")["text"][:5], "05:00")
        scripted = self.script()
        scripted.answers[b":GS#"] = None
        command = self.command(":SL05:00:00#")
        self.assertEqual(self.after(command, 5.0)["value"], True)
        self.assertGreater(simulated.count(b":GS#"), 0)

    def test_released_target_is_forgotten(self) -> None:
        self.simulate()
        self.do(":Sr05:00.0#")
        self.do(":Sd+10*00#")
        self.mount.release("one")
        self.assertEqual(self.mount._passing._targets._told, {})
