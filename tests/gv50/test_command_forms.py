from __future__ import annotations

from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50 import command_forms
from gatewaykit.gv50.command_forms import arity, forms, is_known, secret_places, types
from gatewaykit.gv50.models import MODELS

GENERATION = {
    # facts/gv50.md 5.1
    "GTOUT": 16,
    "GTSRI": 14,
    "GTBSI": 7,
    "GTQSS": 15,
    "GTFRI": 17,
    "GTRTO": 6,
    "GTTMA": 9,
    "GTCFG": 20,
    "GTTOW": 19,
    "GTSPD": 20,
    "GTDOG": 11,
    "GTGEO": 14,
    "GTIDL": 15,
    "GTHBM": 23,
    "GTJDC": 12,
    "GTCRA": 12,
    "GTDIS": 20,
    "GTEPS": 13,
    "GTSSR": 8,
    "GTPDS": 8,
    "GTHMC": 10,
    "GTUDF": 12,
    "GTPIN": 7,
}


class ArityTests(SynchronousTestCase):
    def test_generation_of_gv55(self) -> None:
        for type_, size in GENERATION.items():
            for model in ("GV55", "GV55 Lite"):
                self.assertEqual(arity(type_, model, None), size, type_)
        self.assertEqual(set(types()), set(GENERATION))

    def test_gv50_has_its_own_output_and_configuration(self) -> None:
        own = {**GENERATION, "GTOUT": 13, "GTCFG": 21}
        for type_, size in own.items():
            for firmware in (None, "0302", "0401"):
                self.assertEqual(arity(type_, "GV50", firmware), size, type_)

    def test_other_outputs(self) -> None:
        for model, size in (
            ("GV200", 16),
            ("GV300", 16),
            ("GV50M", 21),
            ("GV50MG", 21),
            ("gv50m", 21),
            ("GV57CG", None),
            ("GV58LAU", None),
            ("", None),
            (None, None),
        ):
            self.assertEqual(arity("GTOUT", model, None), size, model)

    def test_everybody_is_asked_in_one_form(self) -> None:
        for model in (None, "", "unheard of", *MODELS.values()):
            self.assertEqual(arity("GTRTO", model, None), 6)

    def test_unknown_command(self) -> None:
        self.assertIsNone(arity("GTHBD", "GV50", None))


class FormTests(SynchronousTestCase):
    def test_templates_fit_their_forms(self) -> None:
        for rows in command_forms._table().values():
            for form in rows:
                if form.template is not None:
                    self.assertEqual(form.template.count(",") + 1, form.size, form.type)
                self.assertIn(form.certainty, "SK")

    def test_firmware_goes_before_its_model(self) -> None:
        row = command_forms._Row("GTOUT", "GV50/0401", "level!! 14*-")
        with mock.patch.object(command_forms, "_ROWS", [row, *command_forms._ROWS]):
            command_forms._table.cache_clear()
            self.addCleanup(command_forms._table.cache_clear)
            self.assertEqual(arity("GTOUT", "GV50", "0401"), 15)
            self.assertEqual(arity("GTOUT", "GV50", "0302"), 13)
            self.assertEqual(arity("GTOUT", "GV50", None), 13)

    def test_settings_choose_among_the_forms_of_a_model(self) -> None:
        (form,) = forms("GTOUT", "GV50", None, 16)
        self.assertEqual((form.size, form.certainty), (16, "S"))
        (form,) = forms("GTOUT", "GV50", None, 21)
        self.assertEqual((form.size, form.certainty), (21, "set"))
        (form,) = forms("GTOUT", "GV75W", None, 13)
        self.assertEqual((form.size, form.certainty), (13, "set"))
        self.assertEqual(forms("GTOUT", "GV50", None, 14), ())
        self.assertEqual(forms("GTOUT", None, None, 13), ())
        self.assertEqual(forms("GTSRI", "GV50", None, 16)[0].size, 14)

    def test_models_that_any_table_knows(self) -> None:
        for model in ("GV50", "gv50", "GV500CG", "GL320M", "GV30CAU", "GV50MA"):
            self.assertTrue(is_known(model), model)
        for model in ("", "GV51", "GT501"):
            self.assertFalse(is_known(model), model)

    def test_places_of_secrets(self) -> None:
        self.assertEqual(secret_places("GTBSI"), {7: {2}})
        self.assertEqual(secret_places("GTQSS"), {15: {2}})
        self.assertEqual(secret_places("GTPIN"), {7: {1}})
        self.assertEqual(secret_places("GTCFG"), {20: {0}, 21: {0}})
        self.assertEqual(secret_places("GTOUT"), {13: set(), 16: set(), 21: set()})
        self.assertEqual(secret_places("nothing"), {})
