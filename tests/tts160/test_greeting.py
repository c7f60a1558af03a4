"""What a mount is, found out by its answers and never guessed."""

from __future__ import annotations

from functools import partial
from typing import Any

from gatewaykit.tts160.greeting import Identity
from gatewaykit.tts160.variables import Dialect
from tests.tts160.cases import MountTestCase
from tests.tts160.scripted import ScriptedMount

PROBE = b":*!G T16,T31#"


class GreetingTests(MountTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.make()
        self.scripted = ScriptedMount(self.clock)

    def greet(
        self, dialect: Dialect = Dialect.V356, answers: dict[bytes, Any] | None = None
    ) -> Identity:
        self.scripted = ScriptedMount(self.clock, dialect)
        self.scripted.answers |= answers or {}
        self.start(self.scripted)
        identity = self.mount._keeper.identity
        assert identity is not None
        return identity

    def test_dialects_with_variables(self) -> None:
        for dialect, firmware in (
            (Dialect.V356, "356.1.0"),
            (Dialect.V356B, "356.1.0"),
            (Dialect.V357, "357.1.0"),
        ):
            self.make()
            found = self.greet(dialect)
            self.assertEqual(
                found, Identity(firmware, dialect, True, True, "JNow", None)
            )
            self.assertEqual(self.scripted.count(PROBE), 1)

    def test_version_is_a_hint_only(self) -> None:
        """What it answers counts: a mount may have other firmware than it says."""
        for version in (b"354.1#", b"357.9#", b"T160 3#", b"#"):
            self.make()
            found = self.greet(Dialect.V356B, {b":GVN#": version})
            self.assertEqual(found.dialect, Dialect.V356B, version)
            self.assertTrue(found.is_extended)

    def test_old_mount_is_silent(self) -> None:
        found = self.greet(Dialect.TEXT, {b":D#": None})
        self.assertEqual(
            found, Identity("354.1", Dialect.TEXT, False, False, None, None)
        )
        # Nothing is gained by asking it again.
        self.assertEqual(self.scripted.count(PROBE), 1)
        self.assertEqual(self.scripted.heard.count(b":D#"), 1)
        self.assertEqual(self.scripted.count(b":*E#"), 0)
        self.assertEqual(self.mount.health()["status"], "ok")

    def test_old_mount_that_says_error(self) -> None:
        found = self.greet(
            Dialect.TEXT, {b":*!G ": b"ERROR:INVALID_CMD\n", b":D#": b"|#"}
        )
        self.assertEqual(found.dialect, Dialect.TEXT)
        self.assertTrue(found.tells_slewing)
        self.assertIsNone(found.trouble)

    def test_text_with_extensions(self) -> None:
        answers = {
            b":GVN#": b"355.2#",
            b":*E#": b"0",
            b":*Pq#": b"0",
            b":*Gt#": b"+1*0",
        }
        found = self.greet(Dialect.TEXT, answers)
        self.assertEqual(
            found, Identity("355.2", Dialect.TEXT, True, True, "J2000", None)
        )

    def test_equinox_that_is_not_told(self) -> None:
        self.assertIsNone(self.greet(answers={b":*E#": b"?#"}).equinox)

    def test_lost_answer_makes_no_other_mount_of_it(self) -> None:
        for version, lost in ((b"356.1.0#", 1), (b"356.1.0#", 2), (None, 1)):
            self.make()
            self.scripted = ScriptedMount(self.clock)
            self.scripted.answers[b":GVN#"] = version
            self.scripted.answers[PROBE] = partial(self.probe, [None] * lost)
            self.mount.start()
            self.plug_in(self.scripted)
            self.run_for(15.0)
            self.assertEqual(self.mount.health()["dialect"], "v356", (version, lost))

    def probe(self, lost: list[None]) -> bytes | None:
        return lost.pop() if lost else self.scripted._variables("T16,T31")

    def test_mount_that_should_have_variables_and_has_none(self) -> None:
        """It is used by its text commands, and health tells."""
        self.scripted.answers[b":*!G "] = None
        self.mount.start()
        self.plug_in(self.scripted)
        self.run_for(15.0)
        health = self.mount.health()
        self.assertEqual(
            (health["state"], health["status"]), ("ready", "degraded"), health
        )
        self.assertEqual(health["reason"], "it does not tell its variables")
        self.assertEqual(health["dialect"], "text")
        self.assertEqual(self.scripted.count(PROBE), 3)

    def test_unknown_dialect(self) -> None:
        self.scripted.answers[PROBE] = b"BINARY:hH\n\0\0\0\0"
        self.start(self.scripted)
        health = self.mount.health()
        self.assertEqual(health["dialect"], "text")
        self.assertEqual(health["reason"], "its variables are of no known dialect (hH)")

    def test_unknown_types(self) -> None:
        self.scripted.answers[PROBE] = b"BINARY:fZ\n" + bytes(20)
        self.mount.start()
        self.plug_in(self.scripted)
        self.run_for(15.0)
        self.assertEqual(self.mount.health()["dialect"], "text")
