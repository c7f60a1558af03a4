"""Tests for `gatewaykit.simulators.ledger`."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.reports import identity, read_head
from gatewaykit.simulators.encoding import Encoder
from gatewaykit.simulators.ledger import Ledger

IMEI = "865083030000012"


class LedgerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.ledger = Ledger(self.path)
        self.addCleanup(self.ledger.close)

    def test_a_line_is_in_the_file_before_record_ends(self) -> None:
        report = Encoder(IMEI, first_count=0x00AB).connection_up(0)
        self.ledger.record(IMEI, report)
        (line,) = self.path.read_text().splitlines()
        frame = report.live()
        self.assertEqual(
            json.loads(line),
            {
                "imei": IMEI,
                "type": "GTPDP",
                "send_time": "19691231210000",
                "count": "00AB",
                "id": identity(read_head(frame), frame).hex(),
            },
        )

    def test_a_replayed_report_has_the_same_identity(self) -> None:
        report = Encoder(IMEI).connection_up(0)
        stored = report.stored()
        self.ledger.record(IMEI, report)
        line = json.loads(self.path.read_text())
        self.assertEqual(line["id"], identity(read_head(stored), stored).hex())

    def test_goes_on_where_it_ended(self) -> None:
        encoder = Encoder(IMEI)
        self.ledger.record(IMEI, encoder.connection_up(0))
        self.ledger.close()
        again = Ledger(self.path)
        self.addCleanup(again.close)
        again.record(IMEI, encoder.connection_up(0))
        counts = [json.loads(line)["count"] for line in self.path.open()]
        self.assertEqual(counts, ["0000", "0001"])
