"""The mount as everybody shares it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import defer, reactor, task
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
)
from gatewaykit.interfaces import IHealth, IMount
from gatewaykit.sections import Tts160Settings
from gatewaykit.simulators.mount import MountBehaviour, SimulatedMount
from gatewaykit.snapshots import LINGER_S
from gatewaykit.testing.records import mount_record
from gatewaykit.tts160.mount import Mount
from gatewaykit.tts160.variables import Dialect
from tests.ptys import until
from tests.tts160.cases import MountTestCase

STATE = b":*!G T4,"


class ReadTests(MountTestCase):
    def test_interfaces(self) -> None:
        self.make()
        verifyObject(IMount, self.mount)
        verifyObject(IHealth, self.mount)

    def test_status_has_the_fields_of_the_record(self) -> None:
        self.make()
        status = self.successResultOf(self.mount.status())
        self.assertEqual(set(status), set(mount_record()))

    def test_port_and_speed(self) -> None:
        self.make(port="/dev/mount", baudrate=19200)
        self.assertEqual(
            (self.lines[0].port, self.lines[0].baudrate), ("/dev/mount", 19200)
        )
        self.assertFalse(self.lines[0].running)
        self.mount.start()
        self.assertTrue(self.lines[0].running)

    def test_one_query_for_many_clients(self) -> None:
        scripted = self.script()
        scripted.values |= {"H_TICKS": 7, "E_TICKS": -8}
        self.run_for(20.0)
        scripted.heard.clear()
        askings = [
            self.mount.variables(["RA", "H_TICKS"]),
            self.mount.variables(["T1", "T2"]),
            self.mount.variables(["T1,2"]),
            self.mount.variables([]),
        ]
        self.run_for(0.2)
        found = [self.successResultOf(asking) for asking in askings]
        self.assertEqual(scripted.heard, [b":*!G T17,T1,T2#"])
        self.assertAlmostEqual(found[0].pop("RA"), 1.514945, 5)
        self.assertEqual(
            found, [{"H_TICKS": 7}, {"T1": 7, "T2": -8}, {"T1": 7, "T2": -8}, {}]
        )

    def test_matrices_and_quaternions_are_lists(self) -> None:
        self.script(Dialect.V356)
        found = self.after(self.mount.variables(["ALIGNMENT_MATRIX"]))
        self.assertEqual(found["ALIGNMENT_MATRIX"], [1, 0, 0, 0, 1, 0, 0, 0, 1])
        self.script(Dialect.V357)
        found = self.after(self.mount.variables(["ALIGNMENT_QUAT", "INV_QUAT"]))
        self.assertEqual(found["INV_QUAT"], [1, 0, 0, 0])

    def test_variables_of_the_dialect(self) -> None:
        scripted = self.script(Dialect.V357)
        error = self.failure(self.mount.variables(["ALIGNMENT_MATRIX"]), MisuseError)
        self.assertIn("ALIGNMENT_QUAT", error.allowed)
        self.assertEqual(
            self.after(self.mount.variables(["POINT_COUNT"])), {"POINT_COUNT": 0}
        )
        self.assertEqual(scripted.count(b":*!G A16#"), 1)

    def test_firmware_without_variables(self) -> None:
        self.script(Dialect.TEXT)
        error = self.failure(self.mount.variables(["RA"]), DeviceRefused)
        self.assertEqual(error.reason, "this firmware has none")

    def test_bad_variable_costs_nobody_else(self) -> None:
        scripted = self.script()

        def refuse() -> bytes:
            return b"ERROR:VAR_ERROR\n"

        for words in (b"M3", b"M2,M3", b"M3,M4", b"M2,M3,M4"):
            scripted.answers[b":*!G " + words + b"#"] = refuse
        askings = [self.mount.variables([each]) for each in ("M2", "M3", "M4")]
        self.run_for(1.0)
        self.assertEqual(self.successResultOf(askings[0]), {"M2": 0})
        self.failure(askings[1], DeviceRefused)
        self.assertEqual(self.successResultOf(askings[2]), {"M4": 0})

    def test_case(self) -> None:
        scripted = self.script()
        scripted.answers[b":*!4#"] = b"CASE:4\n" + bytes(28)
        format, values = self.after(self.mount.case(4))
        self.assertEqual((format, values), ("7i", [0] * 7))
        scripted.answers[b":*!3#"] = b"CASE:4\n" + bytes(28)
        wrong = self.mount.case(3)
        self.run_for(5.0)
        self.assertEqual(self.failure(wrong, DeviceGarbled).reason, "block 4")
        silent = self.mount.case(5)
        self.run_for(10.0)
        self.failure(silent, DeviceTimeout)
        self.failure(self.mount.case(9), MisuseError)

    def test_clear_buffers(self) -> None:
        scripted = self.script()
        probes = scripted.count(b":GW#") + scripted.count(b":GR#")
        clearing = self.mount.clear_buffers()
        self.assertNoResult(clearing)
        self.assertIsNone(self.after(clearing))
        self.assertGreater(scripted.count(b":GW#") + scripted.count(b":GR#"), probes)


class SnapshotTests(MountTestCase):
    def test_nobody_watches(self) -> None:
        scripted = self.script()
        self.run_for(LINGER_S + 10.0)
        scripted.heard.clear()
        self.run_for(60.0)
        self.assertEqual(scripted.heard, [])

    def test_at_the_set_rate_and_shared(self) -> None:
        scripted = self.script(status_interval=0.25)
        ends = [self.mount.watch() for _ in range(10)]
        self.run_for(2.0)
        count = scripted.count(STATE)
        for _ in range(100):
            for _ in range(5):
                self.successResultOf(self.mount.status())
            self.run_for(0.1)
        self.assertIn(scripted.count(STATE) - count, range(30, 42))
        for end in ends:
            end()
            end()
        self.run_for(LINGER_S + 5.0)
        count = scripted.count(STATE)
        self.run_for(20.0)
        self.assertEqual(scripted.count(STATE), count)

    def test_after_somebody_asked_it_is_kept_for_a_while(self) -> None:
        scripted = self.script()
        self.run_for(40.0)
        self.after(self.mount.status())
        count = scripted.count(STATE)
        self.run_for(5.0)
        self.assertGreater(scripted.count(STATE), count + 5)

    def test_status_is_never_longer_than_two_seconds(self) -> None:
        scripted = self.script()
        self.run_for(40.0)
        scripted.is_on_screen = False
        for _ in range(15):
            asking = self.mount.status()
            self.run_for(2.1)
            status = self.successResultOf(asking)
            self.assertTrue(status["stale"])
            self.assertIsNotNone(status["right_ascension_h"])
        self.assertEqual(status["state"], "degraded")

    def test_status_under_many_queued_reads(self) -> None:
        scripted = self.script()
        self.run_for(40.0)
        scripted.delay_s = 0.05
        for number in range(100):
            self.mount.command(f":*!G M{number % 20 + 1}#", "auto", number)
        asking = self.mount.status()
        self.run_for(2.1)
        self.successResultOf(asking)
        self.run_for(10.0)

    def test_motion_goes_before_queued_reads(self) -> None:
        scripted = self.script()
        scripted.delay_s = 0.05
        for number in range(50):
            self.mount.command(f":*!G M{number % 20 + 1}#", "auto", number)
        scripted.heard.clear()
        self.assertIsNone(self.after(self.mount.guide("north", 10), 1.0))
        self.assertLess(len(scripted.heard), 25)


class StopServiceTests(MountTestCase):
    def test_nothing_is_left(self) -> None:
        for dialect in Dialect:
            self.simulate(dialect)
            self.mount.watch()
            self.run_for(3.0)
            calls: list[Deferred[Any]] = [
                self.mount.status(),
                self.mount.variables(["RA"]),
                self.mount.slew(altitude_deg=60.0, azimuth_deg=170.0),
                self.mount.sync(5.0, 10.0),
                self.mount.set_site(at_ms=self.wall_ms()),
                self.mount.clear_buffers(),
                self.mount.command(":GR#", "auto", "one"),
            ]
            self.clock.advance(0.01)
            self.stop()
            for call in calls:
                self.assertTrue(call.called)
                call.addErrback(
                    lambda failure: failure.trap(DeviceUnavailable, DeviceRefused)
                )
            self.assertEqual(self.mount.health()["state"], "absent")
            self.successResultOf(self.mount.status())
            self.mount.watch()
            self.failure(self.mount.stop("somebody"), DeviceUnavailable)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_bug_stays_a_bug(self) -> None:
        """It is not taken for the end of the gateway."""
        self.script()
        waiting: Deferred[None] = Deferred()

        async def fail() -> None:
            try:
                await waiting
            except defer.CancelledError:
                raise ZeroDivisionError from None

        self.mount._motion.park = fail  # type: ignore[assignment,method-assign]
        parking = self.mount.park()
        self.mount.stop_service()
        self.failure(parking, ZeroDivisionError)


class PtyTests(TestCase):
    """With a real port: what is written last goes out before it closes."""

    def test_axis_is_stopped_before_the_port_closes(self) -> Deferred[None]:
        async def story() -> None:
            link = Path(self.mktemp()).absolute()
            simulated = SimulatedMount(
                reactor,
                link,
                behaviour=MountBehaviour(altitude_deg=45.0),
            )
            simulated.start()
            self.addCleanup(simulated.stop)
            settings = Tts160Settings(port=str(link))
            mount = Mount(settings, reactor, lambda: 0)
            mount.start()
            await until(reactor, lambda: mount.health()["state"] == "ready")
            await mount.move_axis("north", 0.5, "one")
            # The line is in use while it stops.
            reads = [mount.variables(["RA"]) for _ in range(3)]
            for read in reads:
                read.addErrback(lambda failure: failure.trap(DeviceUnavailable))
            await mount.stop_service()
            await task.deferLater(reactor, 0.1)
            self.assertEqual([stop.what for stop in simulated.stops], ["all", "all"])
            self.assertEqual(mount.health()["state"], "absent")

        return Deferred.fromCoroutine(story())
