"""The line kept in order: opened, its mount known, recovered, stopped once more."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from gatewaykit import metrics
from gatewaykit.errors import DeviceGarbled, DeviceUnavailable
from gatewaykit.tts160.keeper import DOUBT_S, REOPEN_AFTER
from gatewaykit.tts160.variables import Dialect
from tests.tts160.cases import MountTestCase
from tests.tts160.scripted import ScriptedMount


class KeeperTests(MountTestCase):
    def state(self) -> tuple[str, str, str | None]:
        health = self.mount.health()
        return health["status"], health["state"], health["reason"]

    def gauge(self) -> float:
        value: float = metrics.mount_available._value.get()
        return value

    def test_states(self) -> None:
        self.make()
        self.assertEqual(self.state(), ("failed", "absent", "no such device"))
        self.mount.start()
        self.lines[0].trouble = None
        self.assertEqual(self.state(), ("failed", "absent", "its port is gone"))
        scripted = ScriptedMount(self.clock)
        self.plug_in(scripted)
        starting = ("degraded", "starting", "it is being asked what it is")
        self.assertEqual(self.state(), starting)
        self.assertEqual(self.gauge(), 0)
        error = self.failure(self.mount.park(), DeviceUnavailable)
        self.assertEqual(error.reason, "it is being asked what it is")
        self.run_for(3.0)
        self.assertEqual(self.state(), ("ok", "ready", None))
        self.assertEqual(self.gauge(), 1)
        self.assertEqual(self.mount.health()["firmware"], "356.1.0")
        self.assertEqual(self.mount.health()["port"], "/dev/none")
        scripted.unplug()
        self.assertEqual(self.state(), ("failed", "absent", "no such device"))
        self.assertEqual(self.gauge(), 0)
        error = self.failure(self.mount.park(), DeviceUnavailable)
        self.assertEqual(error.reason, "no such device")
        self.plug_in(scripted)
        self.run_for(3.0)
        self.assertEqual(self.state(), ("ok", "ready", None))
        self.stop()
        self.assertEqual(self.gauge(), 0)

    def test_first_of_all_the_line_is_brought_into_step(self) -> None:
        """What an earlier program was answered may still come."""
        scripted = self.script()
        self.assertEqual(scripted.heard[:2], [b":GW#", b":GVN#"])

    def test_mute_at_the_start(self) -> None:
        """Its hand pad shows a menu."""
        self.make()
        scripted = ScriptedMount(self.clock)
        scripted.is_on_screen = False
        self.mount.start()
        self.plug_in(scripted)
        self.run_for(20.0)
        status, state, reason = self.state()
        self.assertEqual((status, state), ("degraded", "degraded"))
        self.assertIn("hand pad", reason or "")
        self.failure(self.mount.variables(["RA"]), DeviceUnavailable)
        self.failure(self.mount.clear_buffers(), DeviceUnavailable)
        self.assertEqual(self.after(self.mount.status())["state"], "degraded")
        scripted.is_on_screen = True
        self.run_for(12.0)
        self.assertEqual(self.state(), ("ok", "ready", None))
        self.assertEqual(scripted.aborted, 0)
        self.stop()

    def test_mute_while_it_serves(self) -> None:
        scripted = self.script()
        self.mount.watch()
        self.run_for(2.0)
        scripted.is_on_screen = False
        self.run_for(15.0)
        self.assertEqual(self.mount.health()["state"], "degraded")
        self.assertTrue(self.after(self.mount.status())["stale"])
        scripted.is_on_screen = True
        self.run_for(12.0)
        self.assertEqual(self.mount.health()["state"], "ready")
        self.assertFalse(self.after(self.mount.status())["stale"])
        self.stop()

    def test_port_is_opened_anew_after_many_tries(self) -> None:
        before = metrics.mount_recoveries.labels("reopen")._value.get()
        self.make()
        scripted = ScriptedMount(self.clock)
        scripted.is_on_screen = False
        self.mount.start()
        self.plug_in(scripted)
        self.run_for(15.0 * REOPEN_AFTER)
        self.assertEqual(scripted.aborted, 1)
        self.assertEqual(self.mount.health()["state"], "absent")
        after = metrics.mount_recoveries.labels("reopen")._value.get()
        self.assertEqual(after - before, 1)
        scripted.is_on_screen = True
        self.plug_in(scripted)
        self.run_for(4.0)
        self.assertEqual(self.mount.health()["state"], "ready")
        self.stop()

    def test_port_that_is_lost_while_the_mount_is_asked(self) -> None:
        self.make()
        scripted = ScriptedMount(self.clock)
        self.mount.start()
        self.plug_in(scripted)
        self.run_for(0.5)
        scripted.unplug()
        self.assertEqual(self.mount.health()["state"], "absent")
        self.run_for(0.05)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.plug_in(scripted)
        self.run_for(4.0)
        self.assertEqual(self.mount.health()["state"], "ready")
        self.stop()

    def test_stop_while_the_mount_is_asked(self) -> None:
        self.make()
        self.mount.start()
        self.plug_in(ScriptedMount(self.clock))
        self.run_for(0.5)
        self.stop()

    def test_stop_of_a_mute_mount(self) -> None:
        self.make()
        scripted = ScriptedMount(self.clock)
        scripted.is_on_screen = False
        self.mount.start()
        self.plug_in(scripted)
        self.run_for(20.0)
        self.stop()

    def test_port_that_is_lost_before_the_next_try(self) -> None:
        self.make()
        scripted = ScriptedMount(self.clock)
        scripted.is_on_screen = False
        self.mount.start()
        self.plug_in(scripted)
        while self.mount.health()["state"] != "degraded":
            self.run_for(0.05)
        self.run_for(1.0)
        scripted.unplug()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_before_there_was_a_mount(self) -> None:
        self.make()
        self.mount.start()
        self.stop()

    def test_bug_in_the_greeting_is_logged_and_tried_again(self) -> None:
        self.make()
        scripted = ScriptedMount(self.clock)
        real, self.mount._keeper._met = self.mount._keeper._met, 1 // 1  # type: ignore[assignment]
        self.mount.start()
        self.plug_in(scripted)
        self.run_for(3.0)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.assertEqual(self.mount.health()["state"], "degraded")
        self.mount._keeper._met = real
        self.run_for(5.0)
        self.assertEqual(self.mount.health()["state"], "ready")


class DoubtTests(MountTestCase):
    """A mount that answers with other types than its dialect has."""

    def setUp(self) -> None:
        super().setUp()
        self.scripted = self.script()

    def ask(self, *names: str) -> Deferred[Any]:
        return self.mount.variables(names)

    def test_other_firmware_is_noticed(self) -> None:
        """It has got new firmware while its adapter stayed where it was."""
        self.scripted.dialect = Dialect.V357
        self.scripted.answers[b":GVN#"] = b"357.1.0#"
        asking = self.ask("ALIGNMENT_MATRIX", "RA")
        self.run_for(10.0)
        self.failure(asking, DeviceGarbled)
        self.assertEqual(self.mount.health()["dialect"], "v357")
        self.assertEqual(self.mount.health()["state"], "ready")
        self.assertAlmostEqual(self.after(self.ask("T16"))["T16"], 1.514945, 5)

    def test_it_is_asked_anew_once(self) -> None:
        """If it says the same, one variable is another than in the table, and no more."""
        probes = self.scripted.count(b":*!G T16,T31#")
        self.scripted.answers[b":*!G C3#"] = b"BINARY:1f\n\0\0\0\0"
        for _ in range(3):
            asking = self.ask("C3")
            self.run_for(10.0)
            self.failure(asking, DeviceGarbled)
            self.assertEqual(self.mount.health()["state"], "ready")
        self.assertEqual(self.scripted.count(b":*!G T16,T31#") - probes, 1)
        self.assertEqual(self.after(self.ask("C1")), {"C1": 0})
        self.assertIn("other types", self.mount.health()["reason"])
        self.run_for(DOUBT_S)
        self.assertEqual(self.mount.health()["status"], "ok")

    def test_mixed_tables_are_refused(self) -> None:
        """Values of one dialect behind a header of another are nobody's."""
        self.scripted.answers[b":*!G T17,T18#"] = b"BINARY:1B1f\n" + bytes(5)
        asking = self.ask("RA", "DEC")
        self.run_for(10.0)
        error = self.failure(asking, DeviceGarbled)
        self.assertIn("1B1f", error.reason)


class OnceMoreTests(MountTestCase):
    """A stop that the mount may not have heard."""

    def test_stop_while_it_starts(self) -> None:
        self.make()
        scripted = ScriptedMount(self.clock)
        self.mount.start()
        self.plug_in(scripted)
        self.successResultOf(self.mount.stop("a test"))
        self.assertEqual(scripted.heard, [b":Q#"])
        self.run_for(4.0)
        self.assertIn(b":Q#", scripted.heard[scripted.heard.index(b":GVN#") :])

    def test_stop_of_a_mute_mount_is_told_again(self) -> None:
        scripted = self.script()
        scripted.is_on_screen = False
        self.mount.watch()
        self.run_for(15.0)
        self.successResultOf(self.mount.stop("a test"))
        self.run_for(1.0)
        self.assertNotIn(b":Q#", scripted.heard)
        scripted.is_on_screen = True
        self.run_for(12.0)
        self.assertIn(b":Q#", scripted.heard)

    def test_stop_just_before_it_fell_mute(self) -> None:
        scripted = self.script()
        self.mount.watch()
        self.run_for(1.0)
        scripted.is_on_screen = False
        self.successResultOf(self.mount.stop("a test"))
        self.run_for(15.0)
        scripted.is_on_screen = True
        self.run_for(12.0)
        self.assertIn(b":Q#", scripted.heard)
        # Once is enough.
        count = scripted.heard.count(b":Q#")
        self.run_for(30.0)
        self.assertEqual(scripted.heard.count(b":Q#"), count)

    def test_stop_that_was_heard_is_not_told_again(self) -> None:
        scripted = self.script()
        self.mount.watch()
        self.successResultOf(self.mount.stop("a test"))
        self.run_for(2.0)
        count = scripted.heard.count(b":Q#")
        scripted.is_on_screen = False
        self.run_for(15.0)
        scripted.is_on_screen = True
        self.run_for(12.0)
        self.assertEqual(self.mount.health()["state"], "ready")
        self.assertEqual(scripted.heard.count(b":Q#"), count)

    def test_stop_without_a_port_fails(self) -> None:
        scripted = self.script()
        scripted.unplug()
        error = self.failure(self.mount.stop("a test"), DeviceUnavailable)
        self.assertEqual(error.reason, "no such device")
        self.failure(self.mount.stop_axis("north"), DeviceUnavailable)
