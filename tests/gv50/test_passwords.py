"""The devices' passwords in their file."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import TestCase

from gatewaykit.errors import CommandRefused, ConfigError
from gatewaykit.gv50 import passwords
from gatewaykit.gv50.passwords import Passwords
from gatewaykit.sections import CommandsSettings

IMEI = "865083030000012"


class PasswordTests(TestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.touch(mode=0o600)
        self.write("# ours", "", "GV50 = abc123", "car-7=Zyx987")

    def write(self, *lines: str) -> None:
        self.path.write_text("\n".join(lines))
        stamp = getattr(self, "stamp", 10**18) + 10**9
        self.stamp = stamp
        os.utime(self.path, ns=(stamp, stamp))

    def test_reference_before_model_before_factory(self) -> None:
        found = Passwords(self.path)
        self.assertEqual(found.of(IMEI, "block", "car-7", "GV50"), "Zyx987")
        self.assertEqual(found.of(IMEI, "block", None, "GV50"), "abc123")
        self.assertEqual(found.of(IMEI, "block", None, "GV55"), "gv55")
        self.assertEqual(Passwords(None).of(IMEI, "block", None, "GV50"), "gv50")
        self.assertEqual(found.known(), {"abc123", "Zyx987"})
        self.assertEqual(Passwords(None).known(), frozenset())

    def test_what_is_missing_is_told(self) -> None:
        found = Passwords(self.path)
        for ref, model in (("car-8", "GV50"), (None, None)):
            with self.assertRaises(CommandRefused):
                found.of(IMEI, "block", ref, model)

    def test_a_changed_file_is_read_again(self) -> None:
        found = Passwords(self.path)
        self.write("GV50 = other1")
        self.assertEqual(found.of(IMEI, "block", None, "GV50"), "other1")

    def test_what_cannot_be_read_changes_nothing(self) -> None:
        found = Passwords(self.path)
        self.write("GV50 = no!")
        self.assertEqual(found.of(IMEI, "block", None, "GV50"), "abc123")
        self.path.unlink()
        self.assertEqual(found.of(IMEI, "block", None, "GV50"), "abc123")
        self.write("GV50 = other1")
        self.assertEqual(found.of(IMEI, "block", None, "GV50"), "other1")

    def test_a_file_that_is_gone_is_told_once(self) -> None:
        told: list[object] = []
        self.patch(passwords.log, "error", lambda *_, **__: told.append(1))
        found = Passwords(self.path)
        self.path.unlink()
        for _ in range(3):
            found.known()
        self.assertEqual(len(told), 1)
        self.assertRaises(ConfigError, Passwords, self.path)

    def test_another_file_of_the_same_age_is_read(self) -> None:
        found = Passwords(self.path)
        other = Path(self.mktemp())
        other.write_text("GV50 = other1")
        os.utime(other, ns=(self.stamp, self.stamp))
        other.replace(self.path)
        self.assertEqual(found.of(IMEI, "block", None, "GV50"), "other1")

    def test_no_error_shows_a_line(self) -> None:
        for line in ("GV50 = no!secret", "secret", "GV50 = \xe4secret"):
            self.path.write_text(line, "latin-1")
            error = self.assertRaises(ConfigError, Passwords, self.path)
            self.assertNotIn("secret", f"{error!r} {error.__cause__!r}")
            self.assertTrue(error.__suppress_context__ or not error.__context__)
        self.assertNotIn("abc123", repr(Passwords(None)))

    def test_others_may_not_read_it(self) -> None:
        CommandsSettings(passwords_file=str(self.path))
        self.path.chmod(0o604)
        with self.assertRaises(ValueError):
            CommandsSettings(passwords_file=str(self.path))
        with self.assertRaises(ValueError):
            CommandsSettings(passwords_file=str(self.path.parent))
        with self.assertRaises(ValueError):
            CommandsSettings(passwords_file="/no/such/file")
