from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel
from twisted.python import log as legacy
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit import logs
from gatewaykit.logs import LogLimiter


def event(**fields: Any) -> dict[str, Any]:
    return {
        "log_time": 1767225600.25,
        "log_level": LogLevel.info,
        "log_namespace": "gatewaykit.gv50",
        "log_format": "{word} from a tracker",
        "word": "hello",
    } | fields


def failure() -> Failure:
    try:
        raise ZeroDivisionError("1\n2")
    except ZeroDivisionError:
        return Failure()


class TextLineTests(SynchronousTestCase):
    def test_shape(self) -> None:
        self.assertEqual(
            logs.text_line(event()),
            "2026-01-01T00:00:00.250Z info gatewaykit.gv50: hello from a tracker\n",
        )

    def test_imei_and_peer_where_known(self) -> None:
        line = logs.text_line(event(imei="864696060004173", peer="192.0.2.1:9", x=1))
        self.assertTrue(
            line.endswith("tracker imei=864696060004173 peer=192.0.2.1:9\n"), line
        )

    def test_failure_has_error_and_traceback_on_the_line(self) -> None:
        line = logs.text_line(event(log_failure=failure()))
        self.assertIn("error='1\\n2'", line.replace("\\\\", "\\"))
        self.assertIn("test_logs.py", line)
        self.assertEqual(line.count("\n"), 1)

    @given(st.text() | st.binary())
    def test_nothing_makes_two_lines_or_leaves_a_control_character(
        self, word: str | bytes
    ) -> None:
        line = logs.text_line(event(word=word, peer=word, log_namespace=word))
        self.assertEqual(line.splitlines(), [line[:-1]])
        self.assertTrue(all(c >= " " and not "\x7f" <= c < "\xa0" for c in line[:-1]))
        line.encode("utf-8")

    def test_direction_of_writing_stays(self) -> None:
        self.assertIn("\\u202e", logs.text_line(event(word="\u202e")))


class JsonLineTests(SynchronousTestCase):
    def test_shape(self) -> None:
        self.assertEqual(
            json.loads(logs.json_line(event(imei="1", peer="p", raw=b"\xff", x=[1]))),
            {
                "ts": "2026-01-01T00:00:00.250Z",
                "level": "info",
                "namespace": "gatewaykit.gv50",
                "message": "hello from a tracker",
                "word": "hello",
                "imei": "1",
                "peer": "p",
                "raw": "\xff",
            },
        )

    def test_failure(self) -> None:
        record = json.loads(logs.json_line(event(log_failure=failure())))
        self.assertEqual(record["error"], "1\n2")
        self.assertIn("test_logs.py", record["traceback"])

    @given(st.text() | st.binary())
    def test_nothing_makes_two_lines_or_leaves_a_control_character(
        self, word: str | bytes
    ) -> None:
        line = logs.json_line(event(word=word))
        self.assertTrue(all(" " <= c < "\x7f" for c in line[:-1]))
        json.loads(line)


class ObserverTests(SynchronousTestCase):
    def written(self, level: str, *events: dict[str, Any]) -> list[str]:
        stream = io.StringIO()
        observer = logs.stream_observer(stream, level, "text")
        for each in events:
            observer(each)
        return stream.getvalue().splitlines()

    def test_level(self) -> None:
        warning = event(log_level=LogLevel.warn)
        self.assertEqual(len(self.written("warn", event(), warning)), 1)
        self.assertEqual(len(self.written("info", event(), warning)), 2)

    def test_logger_and_legacy_log(self) -> None:
        events: list[dict[str, Any]] = []
        Logger("ns", observer=cast(Any, events.append)).info("hi {there}", there=1)
        publisher = legacy.LogPublisher()
        publisher.addObserver(events.append)
        publisher.msg("old")
        for each in events:
            json.loads(logs.json_line(each))

    def test_chatter_of_old_twisted_is_for_debug(self) -> None:
        chatter = event(log_namespace="log_legacy")
        error = event(log_namespace="log_legacy", log_level=LogLevel.critical)
        self.assertEqual(len(self.written("info", chatter, error)), 1)
        self.assertEqual(len(self.written("debug", chatter, error)), 2)

    def test_file_is_appended_to(self) -> None:
        path = Path(self.mktemp())
        path.write_text("before\n")
        logs.observer("info", "text", str(path))(event())
        self.assertEqual(len(path.read_text().splitlines()), 2)

    def test_streams(self) -> None:
        for file, name in (("-", "stderr"), ("stdout", "stdout")):
            stream = io.StringIO()
            self.patch(sys, name, stream)
            logs.observer("info", "json", file)(event())
            json.loads(stream.getvalue())


class LogLimiterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limiter = LogLimiter(self.clock, interval_s=10.0, max_keys=2)

    def test_first_line_about_a_cause_is_logged(self) -> None:
        self.assertEqual(self.limiter.should_log("junk"), 0)

    def test_line_within_the_interval_is_suppressed(self) -> None:
        self.limiter.should_log("junk")
        self.clock.advance(9.9)
        self.assertIsNone(self.limiter.should_log("junk"))

    def test_line_after_the_interval_tells_how_many_were_suppressed(self) -> None:
        for _ in range(4):
            self.limiter.should_log("junk")
        self.clock.advance(10)
        self.assertEqual(self.limiter.should_log("junk"), 3)

    def test_count_starts_again_after_a_line(self) -> None:
        self.limiter.should_log("junk")
        self.limiter.should_log("junk")
        self.clock.advance(10)
        self.limiter.should_log("junk")
        self.clock.advance(10)
        self.assertEqual(self.limiter.should_log("junk"), 0)

    def test_causes_are_counted_apart(self) -> None:
        self.limiter.should_log("junk")
        self.assertEqual(self.limiter.should_log("http"), 0)

    def test_cause_that_is_longest_quiet_is_forgotten_first(self) -> None:
        self.limiter.should_log("a")
        self.limiter.should_log("b")
        self.limiter.should_log("a")
        self.limiter.should_log("c")
        self.assertIsNone(self.limiter.should_log("a"))
        self.assertEqual(self.limiter.should_log("b"), 0)
