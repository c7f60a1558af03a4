from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import ConnectionFailed
from tests.cli.support import ENDPOINT, IMEI, OTHER, FakeGateway, device, gatewayctl
from tests.cli.test_exports import report, write
from tests.cli.test_tracks import position


class TrackTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway()
        self.gateway.devices = [device(name=None)]
        self.gateway.reports = [report(position(0)), report(position(400))]
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.file = self.directory / "track"

    def track(self, *args: str) -> str:
        result = gatewayctl(self.gateway, "track", IMEI, *args)
        self.assertEqual((result.exit_code, result.stderr), (0, ""))
        return result.stdout_bytes.decode()

    def test_without_format_gives_the_records(self) -> None:
        lines = self.track().splitlines()
        self.assertEqual([json.loads(line) for line in lines], self.gateway.reports)

    def test_every_format_is_what_its_writer_writes(self) -> None:
        for name in ("ndjson", "csv", "geojson", "gpx", "kml"):
            self.assertEqual(
                self.track("--format", name), write(name, *self.gateway.reports)
            )

    def test_empty_track_is_a_valid_document(self) -> None:
        self.gateway.reports = []
        self.assertEqual(json.loads(self.track("--format", "geojson"))["features"], [])

    def test_gap_splits(self) -> None:
        document = json.loads(self.track("--format", "geojson", "--gap", "5m"))
        self.assertEqual(len(document["features"]), 2)

    def test_without_times_asks_for_everything(self) -> None:
        self.track()
        self.assertEqual(self.gateway.asked, [(IMEI, None, None)])

    def test_times_are_passed_on_in_utc(self) -> None:
        self.track("--since", "2026-01-31T01:00+01:00", "--until", "2026-01-31")
        self.assertEqual(
            self.gateway.asked,
            [
                (
                    IMEI,
                    datetime(2026, 1, 31, tzinfo=UTC),
                    datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC),
                )
            ],
        )

    def test_relative_time_is_counted_back_from_now(self) -> None:
        before = datetime.now(UTC)
        self.track("--since", "2h")
        since = self.gateway.asked[0][1]
        self.assertTrue(before <= since + timedelta(hours=2) <= datetime.now(UTC))

    def test_bad_values_end_with_2(self) -> None:
        for args in (
            ["--since", "soon"],
            ["--until", "2026-13-01"],
            ["--gap", "long"],
            ["--format", "shp"],
            ["--since", "2026-02-01", "--until", "2026-01-01"],
        ):
            result = gatewayctl(self.gateway, "track", IMEI, *args)
            self.assertEqual(result.exit_code, 2, args)
            self.assertEqual(self.gateway.endpoints, [])

    def test_unknown_device_ends_with_5_and_makes_no_file(self) -> None:
        result = gatewayctl(self.gateway, "track", OTHER, "-o", str(self.file))
        self.assertEqual(result.exit_code, 5)
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_file_is_written(self) -> None:
        self.assertEqual(self.track("--format", "csv", "-o", str(self.file)), "")
        self.assertEqual(
            self.file.read_bytes().decode(), write("csv", *self.gateway.reports)
        )
        self.assertEqual(list(self.directory.iterdir()), [self.file])

    def test_failure_on_the_way_keeps_what_was_there(self) -> None:
        self.file.write_text("before")
        self.gateway.failures = [None, None, ConnectionFailed(ENDPOINT, "lost")]
        result = gatewayctl(self.gateway, "track", IMEI, "-o", str(self.file))
        self.assertEqual(result.exit_code, 3)
        self.assertEqual(self.file.read_text(), "before")
        self.assertEqual(list(self.directory.iterdir()), [self.file])

    def test_link_stays_a_link(self) -> None:
        link = self.directory / "link"
        link.symlink_to(self.file.resolve())
        self.track("-o", str(link))
        self.assertTrue(link.is_symlink())
        self.assertTrue(self.file.is_file())

    def test_device_file_is_written_and_not_replaced(self) -> None:
        fifo = self.directory / "fifo"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.track("-o", str(fifo))
        self.assertEqual(
            os.read(reader, 65536).decode(), write("ndjson", *self.gateway.reports)
        )
        self.assertTrue(fifo.is_fifo())

    def test_failure_keeps_a_device_file(self) -> None:
        fifo = self.directory / "fifo"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.gateway.failures = [None, ConnectionFailed(ENDPOINT, "lost")]
        result = gatewayctl(self.gateway, "track", IMEI, "-o", str(fifo))
        self.assertEqual(result.exit_code, 3)
        self.assertTrue(fifo.is_fifo())

    def test_dash_is_standard_output(self) -> None:
        self.assertEqual(self.track("-o", "-"), write("ndjson", *self.gateway.reports))

    def test_file_that_cannot_be_made_ends_with_1(self) -> None:
        missing = self.directory / "missing" / "track"
        result = gatewayctl(self.gateway, "track", IMEI, "-o", str(missing))
        self.assertEqual(result.exit_code, 1)
        self.assertIn("No such file or directory", result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1)
