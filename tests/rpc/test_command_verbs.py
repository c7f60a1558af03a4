from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.access import MASK, Role
from gatewaykit.errors import MisuseError
from gatewaykit.rpc import verbs
from tests.rpc.common import IMEI

ID = "0123456789ab"
COMMANDS = (
    verbs.QueueCommand,
    verbs.GetCommand,
    verbs.ListCommands,
    verbs.CancelCommand,
    verbs.TrustConnection,
    verbs.ListKinds,
    verbs.AuditTrail,
)
CHANGES = {verbs.QueueCommand, verbs.CancelCommand, verbs.TrustConnection}


def sent(verb: type[verbs.Verb], **values: Any) -> dict[str, Any]:
    """What arrives of a verb's arguments."""
    return verb.parseArguments(verb.makeArguments(values, None), None)


class VocabularyTests(SynchronousTestCase):
    def test_all_are_for_dispatchers(self) -> None:
        for verb in COMMANDS:
            self.assertIs(verb.role, Role.DISPATCHER)
            self.assertIn(verb, verbs.ALL)
            self.assertIn(verb.name(), verbs.__all__)

    def test_who_changes_hands_the_principal_on_and_audits_itself(self) -> None:
        for verb in COMMANDS:
            itself = verb in CHANGES
            self.assertEqual(verb.changes, itself)
            self.assertEqual(verb.in_session, itself)
            self.assertEqual(verb.audits_itself, itself)
        others = set(verbs.ALL) - set(COMMANDS)
        self.assertEqual({verb for verb in others if verb.audits_itself}, set())


class ArgumentTests(SynchronousTestCase):
    def refused(self, verb: type[verbs.Verb], **values: Any) -> MisuseError:
        """The error where it is sent, after the same one where it arrives."""
        box = amp.AmpBox(
            {
                name.encode(): str(value).encode("utf-8", "surrogatepass")
                for name, value in values.items()
                if value is not None
            }
        )
        with self.assertRaises(MisuseError) as there:
            verb.parseArguments(box, None)
        with self.assertRaises(MisuseError) as here:
            verb.makeArguments(values, None)
        error: MisuseError = here.exception
        self.assertEqual(there.exception.name, error.name)
        return error

    def queue(self, **values: Any) -> MisuseError:
        return self.refused(
            verbs.QueueCommand, **{"imei": IMEI, "kind": "block"} | values
        )

    def test_a_command_has_a_vehicle_and_a_kind(self) -> None:
        self.assertEqual(
            sent(verbs.QueueCommand, imei=IMEI, kind="read_configuration"),
            {
                "imei": IMEI,
                "kind": "read_configuration",
                "parameters": None,
                "expires_in": None,
                "override": None,
            },
        )
        self.assertEqual(self.queue(imei="x").name, "imei")
        for bad in ("", "Block", "block1", "a" * 31, "block\n", None, "\u00e9"):
            self.assertEqual(self.queue(kind=bad).name, "kind")

    def test_expiry(self) -> None:
        for good in (60, 600.5, 604_800):
            arrived = sent(verbs.QueueCommand, imei=IMEI, kind="block", expires_in=good)
            self.assertEqual(arrived["expires_in"], good)
        for bad in (59.9, 604_800.5, 0, -30, float("nan"), float("inf"), "soon"):
            error = self.queue(expires_in=bad)
            self.assertEqual(error.name, "expires_in")
            self.assertEqual(error.allowed, "60 to 604800 seconds")

    def test_an_override_is_a_text_that_can_be_read(self) -> None:
        for good in ("x", "theft, police case 7/2026", "\u00fc" * 200):
            arrived = sent(verbs.QueueCommand, imei=IMEI, kind="block", override=good)
            self.assertEqual(arrived["override"], good)
        for bad in ("", " ", "x" * 201, "a\nb", "\x1b[2K", "a\u202eb", "\ud800"):
            self.assertEqual(self.queue(override=bad).name, "override")

    def test_ids(self) -> None:
        for verb in (verbs.GetCommand, verbs.CancelCommand):
            for good in (ID, ID.upper()):
                self.assertEqual(sent(verb, id=good), {"id": good})
            for bad in ("", ID[1:], ID + "0", ID[:-1] + "g", ID + "\n"):
                error = self.refused(verb, id=bad)
                self.assertEqual((error.name, error.allowed), ("id", "12 hex digits"))

    def test_listing(self) -> None:
        none = {"imei": None, "status": None, "cursor": None, "limit": None}
        self.assertEqual(sent(verbs.ListCommands), none)
        for status in ("pending", "sent", "confirmed", "failed"):
            self.assertEqual(
                sent(verbs.ListCommands, imei=IMEI, status=status, limit=3),
                none | {"imei": IMEI, "status": status, "limit": 3},
            )
        for bad in ("verified", "Sent", "", "pending|sent"):
            self.assertEqual(
                self.refused(verbs.ListCommands, status=bad).name, "status"
            )


class AuditableTests(SynchronousTestCase):
    def auditable(self, **parameters: Any) -> dict[str, str]:
        box = verbs.QueueCommand.makeArguments(
            {"imei": IMEI, "kind": "custom", "parameters": parameters}, None
        )
        texts = {name.decode(): value.decode() for name, value in box.items()}
        return verbs.QueueCommand.auditable(texts)

    def test_passwords_and_custom_values_are_masked(self) -> None:
        shown = self.auditable(
            command="GTBSI", values="web,s3cret", new_password="s3cret"
        )
        self.assertEqual((shown["imei"], shown["kind"]), (IMEI, "custom"))
        self.assertEqual(
            set(json.loads(shown["parameters"])), {"command", "values", "new_password"}
        )
        self.assertNotIn("s3cret", str(shown))

    def test_without_parameters_there_are_none(self) -> None:
        arguments = {"imei": IMEI, "kind": "block", "override": "theft"}
        self.assertEqual(verbs.QueueCommand.auditable(arguments), arguments)

    @given(st.text(max_size=60), st.text(max_size=60))
    def test_what_cannot_be_read_is_not_shown(self, before: str, behind: str) -> None:
        text = f"{before}'s3cret'{behind}"
        shown = verbs.QueueCommand.auditable({"parameters": text})
        self.assertEqual(shown, {"parameters": MASK})
