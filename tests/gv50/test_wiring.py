"""Whose word on levels and forms counts."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.wiring import Wiring, server_after
from gatewaykit.sections import CommandsSettings
from gatewaykit.vehicles import Registration


class WiringTests(SynchronousTestCase):
    def wiring(self, **told: Any) -> Wiring:
        return Wiring(CommandsSettings(**told))

    def test_vehicle_before_model_before_installation(self) -> None:
        wiring = self.wiring(block_level=1, block_levels=["GV55=0"])
        own = Registration(block_level=0)
        self.assertEqual(wiring.level(None, "GV50"), 1)
        self.assertEqual(wiring.level(Registration(), "GV55"), 0)
        self.assertEqual(wiring.level(own, "GV50"), 0)
        self.assertIsNone(self.wiring().level(None, None))

    def test_forms_by_firmware_and_by_model(self) -> None:
        wiring = self.wiring(
            output_forms=["GV50=16", "GV50/03aa=13"], ask_gtdos=["GV50"]
        )
        for version, form in (("0903AA", 13), ("090302", 16), ("", 16)):
            target = wiring.target(None, "GV50", version, None)
            self.assertEqual(target.output_form, form)
            self.assertTrue(target.ask_gtdos)
        target = wiring.target(None, None, "8020030302", {"host": "x"})
        self.assertEqual((target.output_form, target.firmware), (None, "0302"))
        self.assertEqual(target.server, {"host": "x"})

    def test_server_after_a_command(self) -> None:
        server = {"host": "x", "heartbeat_min": 60, "sack": False}
        other = {"host": "y"}
        for kind, parameters, expected in (
            ("server", other, other),
            ("quick_start", other, other),
            ("heartbeat", {"interval_min": 30}, {**server, "heartbeat_min": 30}),
            ("sack", {"enabled": True}, {**server, "sack": True}),
            ("apn", {"apn": "web"}, server),
        ):
            self.assertEqual(server_after(server, kind, parameters), expected)
        self.assertIsNone(server_after(None, "sack", {"enabled": True}))

    def test_settings_that_are_none_are_refused(self) -> None:
        for told in (
            {"block_level": 2},
            {"block_level": True},
            {"block_levels": ["GV50"]},
            {"output_forms": ["GV50=14"]},
        ):
            with self.assertRaises(ValueError):
                self.wiring(**told)
