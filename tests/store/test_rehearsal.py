from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from gatewaykit.errors import ConfigError
from gatewaykit.store import schema, writer
from gatewaykit.store.rehearsal import rehearse
from tests.support import DirectoryTestCase


class RehearsalTests(DirectoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = Path("gk.sqlite")

    def make(self) -> None:
        connection = schema.connect(self.path)
        schema.prepare(connection, self.path)
        connection.close()

    def refused(self) -> ConfigError:
        error = self.assertRaises(ConfigError, rehearse, self.path)
        assert isinstance(error, ConfigError)
        self.assertEqual(error.key, "store.path")
        return error

    def test_file_that_is_not_there_is_not_made(self) -> None:
        rehearse(self.path)
        self.assertFalse(self.path.exists())

    def test_our_file_opens_again_and_again(self) -> None:
        self.make()
        rehearse(self.path)
        rehearse(self.path)

    def test_damaged_file_is_left_to_the_start(self) -> None:
        self.path.write_bytes(b"not a database, not at all" * 100)
        rehearse(self.path)

    def test_file_of_somebody_else(self) -> None:
        with sqlite3.connect(self.path) as other:
            other.execute("CREATE TABLE mine (a)")
        self.refused()

    def test_file_of_a_later_release(self) -> None:
        self.make()
        with sqlite3.connect(self.path) as later:
            later.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        self.refused()

    def test_file_that_another_gateway_has_open(self) -> None:
        self.make()
        descriptor = writer.lock(self.path)
        self.assertIn("no other gateway", str(self.refused()))
        os.close(descriptor)
        rehearse(self.path)

    def test_file_that_sqlite_cannot_open(self) -> None:
        self.path.mkdir()
        self.refused()
