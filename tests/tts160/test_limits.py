"""Whatever one asks for, by whichever door: limits of altitude, and of what old firmware knows."""

from __future__ import annotations

from gatewaykit.errors import DeviceRefused
from gatewaykit.tts160.set_commands import set_command
from gatewaykit.tts160.variables import Dialect
from tests.tts160.cases import MountTestCase

HOME = set_command("SLEW_TO_TARGET", 3).decode("latin-1")
SOMEWHERE = (":MA#", ":hF#", ":hS#", HOME)


class AltitudeTests(MountTestCase):
    def test_a_place_that_nobody_knows_is_out_of_limits_that_were_set(self) -> None:
        for limits in ({"min_altitude_deg": 10}, {"max_altitude_deg": 80}):
            scripted = self.script(Dialect.V357, **limits)
            scripted.heard.clear()
            for text in SOMEWHERE:
                asked = self.mount.command(text, "blind", self)
                self.run_for(1.0)
                error = self.failure(asked, DeviceRefused)
                self.assertIn("nobody can tell", error.reason)
                self.assertNotIn(text.encode("latin-1"), scripted.heard)
            self.stop()

    def test_within_the_widest_limits_it_is_left_to_the_mount(self) -> None:
        scripted = self.script(Dialect.V357)
        for text in SOMEWHERE:
            self.after(self.mount.command(text, "blind", self))
            self.assertIn(text.encode("latin-1"), scripted.heard)


class FirmwareTests(MountTestCase):
    def test_blocks_are_not_asked_of_a_mount_that_has_none(self) -> None:
        scripted = self.script(Dialect.TEXT)
        scripted.heard.clear()
        error = self.failure(self.mount.case(2), DeviceRefused)
        self.assertEqual(error.reason, "this firmware has none")
        self.run_for(5.0)
        self.assertNotIn(b":*!2#", scripted.heard)
