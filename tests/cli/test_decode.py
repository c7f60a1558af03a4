from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from click.testing import CliRunner, Result
from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli.main import main
from gatewaykit.interfaces import Record
from tests.strategies import HEX_FRAMES, SAMPLES, streams

HEARTBEAT = b"+ACK:GTHBD,090302,865083030000012,,20250727214540,071C$"
FRAMES = [sample["raw"].encode("latin-1") for sample in SAMPLES]


def run(data: bytes) -> Result:
    return CliRunner().invoke(main, ["decode"], input=data)


def lines(result: Result) -> list[Record]:
    return [json.loads(line) for line in result.stdout.splitlines()]


class Decode(SynchronousTestCase):
    def test_all_samples(self) -> None:
        result = run(b"\r\n".join(FRAMES))
        self.assertEqual(
            [line["raw"] for line in lines(result)],
            [sample["raw"] for sample in SAMPLES],
        )
        self.assertEqual(result.stderr, f"{len(SAMPLES)} frames, 0 errors\n")
        self.assertEqual(result.exit_code, 0)

    def test_record_of_the_design(self) -> None:
        (record,) = lines(run(HEARTBEAT))
        self.assertEqual(len(record.pop("id")), 32)
        self.assertEqual(
            record,
            {
                "imei": "865083030000012",
                "device_name": None,
                "prefix": "+ACK",
                "type": "GTHBD",
                "protocol_version": "090302",
                "received_at": None,
                "send_time": "20250727214540",
                "count": "071C",
                "positions": [],
                "raw": HEARTBEAT.decode(),
            },
        )

    def test_what_cannot_be_decoded(self) -> None:
        data = b"".join(
            (b"\xff\xfeF$", HEX_FRAMES[0], b"+RESP:x$", HEARTBEAT, HEARTBEAT[:9])
        )
        result = run(data)
        errors = [
            (line.get("error"), line["raw"].encode("latin-1")) for line in lines(result)
        ]
        self.assertEqual(
            errors,
            [
                ("junk", b"\xff\xfeF$"),
                ("hex format", HEX_FRAMES[0]),
                ("no +PREFIX:GTxxx, header", b"+RESP:x$"),
                (None, HEARTBEAT),
                ("incomplete", HEARTBEAT[:9]),
            ],
        )
        self.assertEqual(result.stderr, "1 frame, 4 errors\n")
        self.assertEqual(result.exit_code, 0)

    def test_nothing(self) -> None:
        result = run(b"")
        self.assertEqual((result.stdout, result.exit_code), ("", 0))
        self.assertEqual(result.stderr, "0 frames, 0 errors\n")

    def test_more_than_one_read(self) -> None:
        result = run(HEARTBEAT * 5_000)
        self.assertEqual(len(result.stdout.splitlines()), 5_000)

    @given(streams())
    def test_any_stream_is_counted(self, stream: bytes) -> None:
        result = run(stream)
        errors = sum("error" in line for line in lines(result))
        frames = len(lines(result)) - errors
        self.assertEqual(
            [part.split()[0] for part in result.stderr.split(", ")],
            [str(frames), str(errors)],
        )
        self.assertEqual(result.exit_code, 0)

    def test_file(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "capture")
            path.write_bytes(HEARTBEAT)
            result = CliRunner().invoke(main, ["decode", str(path)])
            self.assertEqual(result.stderr, "1 frame, 0 errors\n")
            for unusable in (directory, str(Path(directory, "none"))):
                result = CliRunner().invoke(main, ["decode", unusable])
                self.assertEqual(result.exit_code, 2)

    def test_live_capture_is_shown_as_it_comes(self) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "gatewaykit.cli", "decode"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdin.write(HEARTBEAT)
            process.stdin.flush()
            record = json.loads(process.stdout.readline())
            self.assertEqual(record["type"], "GTHBD")
            process.stdout.close()  # the reader goes away
            process.stdin.write(HEARTBEAT)
            process.stdin.close()
            self.assertNotIn(b"Traceback", process.stderr.read())
