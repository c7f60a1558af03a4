from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from click.testing import Result
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.access import Principal, Role, audit_record
from gatewaykit.errors import AccessDenied, ConnectionFailed, InternalError
from gatewaykit.store import schema, writes
from tests.cli.support import ENDPOINT, IMEI, FakeGateway, gatewayctl

WHO = Principal("uid:7", frozenset({Role.DISPATCHER}), "unix")


def bare(number: int) -> dict[str, object]:
    at = f"2026-01-31T12:00:{number % 60:02}.000Z"
    arguments = {"imei": IMEI, "kind": "block\x1b"}
    return audit_record(WHO, "QueueCommand", arguments, at, "done")


class AuditTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway()
        for number in range(3):
            self.gateway.store.append_audit(bare(number))
        self.records = self.gateway.store.audit_records

    def run_verb(self, *args: str) -> Result:
        result = gatewayctl(self.gateway, "audit", *args)
        self.assertEqual(self.gateway.open, 0)
        return result

    def lines(self, *args: str) -> list[str]:
        result = self.run_verb(*args)
        self.assertEqual((result.exit_code, result.stderr), (0, ""), result.output)
        return result.stdout.splitlines()

    def fails(self, code: int, *args: str) -> str:
        result = self.run_verb(*args)
        self.assertEqual((result.exit_code, result.stdout), (code, ""), result.stderr)
        return result.stderr


class ListTests(AuditTestCase):
    def test_fields_between_tabs_oldest_first(self) -> None:
        lines = self.lines()
        self.assertEqual(len(lines), 3)
        self.assertEqual(
            lines[0],
            "1\t2026-01-31T12:00:00.000Z\tuid:7\tunix\tQueueCommand\tdone"
            f"\timei={IMEI} kind=block\\x1b",
        )

    def test_newest_only(self) -> None:
        for count, first in (("1", "3\t"), ("2", "2\t"), ("9", "1\t")):
            lines = self.lines("--last", count)
            self.assertTrue(lines[0].startswith(first))
            self.assertTrue(lines[-1].startswith("3\t"))

    def test_json_is_the_record(self) -> None:
        lines = self.lines("--json", "--last", "2")
        self.assertEqual([json.loads(line) for line in lines], self.records[1:])

    def test_nothing(self) -> None:
        self.records.clear()
        self.assertEqual(self.lines(), [])

    def test_usage(self) -> None:
        for args in (("--last", "0"), ("--last", "1", "verify"), ("fly",)):
            self.fails(2, *args)

    def test_viewer_is_refused(self) -> None:
        denied = AccessDenied("anonymous", "AuditTrail", "dispatcher")
        for args in ((), ("verify",)):
            self.gateway.failures = [denied]
            self.assertEqual(self.fails(4, *args), f"gatewayctl: {denied}\n")


class VerifyTests(AuditTestCase):
    def newest(self) -> str:
        return f"{self.records[-1]['sequence']}:{self.records[-1]['hash']}"

    def test_unbroken(self) -> None:
        self.assertEqual(
            self.lines("verify"),
            [f"3 records, chain unbroken, newest {self.newest()}"],
        )

    def test_over_many_pages(self) -> None:
        for number in range(3, 1500):
            self.gateway.store.append_audit(bare(number))
        self.assertIn("1500 records, chain unbroken", self.lines("verify")[0])

    def test_json(self) -> None:
        told = {"records": 3, "unbroken": True, "newest": self.newest()}
        self.assertEqual(json.loads(self.lines("verify", "--json")[0]), told)
        self.assertEqual(json.loads(self.lines("--json", "verify")[0]), told)

    def test_empty(self) -> None:
        self.records.clear()
        self.assertEqual(self.lines("verify"), ["0 records, chain unbroken"])
        told = json.loads(self.lines("verify", "--json")[0])
        self.assertEqual(told, {"records": 0, "unbroken": True, "newest": None})

    def test_tampering_is_1_and_tells_where(self) -> None:
        self.records[1]["who"] = "uid:0"
        self.assertEqual(
            self.fails(1, "verify"),
            "gatewayctl: record 2 is not as it was written\n",
        )

    def test_what_was_kept_elsewhere_is_there(self) -> None:
        kept = self.newest()
        self.gateway.store.append_audit(bare(3))
        self.assertIn("4 records", self.lines("verify", "--expect", kept)[0])

    def test_cut_off_is_noticed(self) -> None:
        kept = self.newest()
        self.records.pop()
        self.lines("verify")
        self.assertIn("record 3 is missing", self.fails(1, "verify", "--expect", kept))

    def test_another_chain_is_noticed(self) -> None:
        kept = f"2:{'0' * 64}"
        self.assertIn("another hash", self.fails(1, "verify", "--expect", kept))

    def test_usage(self) -> None:
        for args in (("--expect", "3"), ("--file", "/nowhere"), ("extra",)):
            self.fails(2, "verify", *args)

    def test_lost_gateway_is_3(self) -> None:
        self.gateway.failures = [ConnectionFailed(ENDPOINT, "lost")]
        self.fails(3, "verify")

    def test_trail_that_the_gateway_cannot_read_is_1(self) -> None:
        self.gateway.failures = [InternalError("abcd")]
        self.fails(1, "verify")


class FileTests(AuditTestCase):
    """The file itself, without a gateway."""

    def setUp(self) -> None:
        super().setUp()
        self.path = Path(self.mktemp())
        connection = schema.connect(self.path)
        schema.prepare(connection, self.path)
        connection.execute("BEGIN")
        for number in range(1200):
            writes.append_audit(connection, bare(number))
        connection.execute("COMMIT")
        connection.close()

    def verify(self, code: int = 0) -> str:
        args = ("verify", "--file", str(self.path))
        text = "".join(self.lines(*args)) if code == 0 else self.fails(code, *args)
        self.assertEqual(self.gateway.endpoints, [])
        return text

    def write(self, statement: str, *values: object) -> None:
        connection = sqlite3.connect(self.path)
        with connection:
            connection.execute(statement, values)
        connection.close()

    def test_unbroken_and_nothing_is_written(self) -> None:
        before = sorted(self.path.parent.iterdir()), self.path.read_bytes()
        self.assertIn("1200 records, chain unbroken, newest 1200:", self.verify())
        after = sorted(self.path.parent.iterdir()), self.path.read_bytes()
        self.assertEqual(before, after)

    def test_what_is_still_in_the_log_counts(self) -> None:
        connection = schema.connect(self.path)
        self.addCleanup(connection.close)
        writes.append_audit(connection, bare(1200))
        self.assertIn("1201 records", self.verify())

    def test_tampering(self) -> None:
        self.write(
            "UPDATE audit SET record = replace(record, 'uid:7', 'uid:8')"
            " WHERE sequence = 700"
        )
        self.assertIn("record 700 is not as it was written", self.verify(1))

    def test_left_out(self) -> None:
        self.write("DELETE FROM audit WHERE sequence = 3")
        self.assertIn("record 3 ", self.verify(1))

    def test_what_is_no_json(self) -> None:
        for text in ("{", "[]", "5", "", "[" * 100_000):
            self.setUp()
            self.write("UPDATE audit SET record = ? WHERE sequence = 777", text)
            self.assertIn("record 777 is not as it was written", self.verify(1))

    def test_other_files_are_1(self) -> None:
        self.path.unlink()
        self.write("CREATE TABLE other (x)")
        self.assertIn("no such table", self.verify(1))
        self.path.write_bytes(b"x" * 5000)
        self.assertIn("not a database", self.verify(1))
        self.path.write_bytes(b"")
        self.verify(1)

    def test_expected(self) -> None:
        mark = f"1201:{'0' * 64}"
        error = self.fails(1, "verify", "--file", str(self.path), "--expect", mark)
        self.assertIn("record 1201 is missing", error)
