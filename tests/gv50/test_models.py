from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.models import MODELS, model_of


class ModelTests(SynchronousTestCase):
    def test_is_told_by_both_forms_of_version(self) -> None:
        self.assertEqual(model_of("090302"), "GV50")
        self.assertEqual(model_of("fe1712"), "GV50M")
        self.assertEqual(model_of("8020050502"), "GV355CEU")

    def test_unknown_is_none(self) -> None:
        for version in ("", "09", "420302", "FF0000", "8020990000", "0102120204"):
            self.assertIsNone(model_of(version), version)

    def test_device_types_are_as_frames_have_them(self) -> None:
        self.assertEqual([x for x in MODELS if len(x) not in {2, 6}], [])
        self.assertEqual([x for x in MODELS if x != x.upper()], [])
