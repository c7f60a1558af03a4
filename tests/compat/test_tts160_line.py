"""The blocking line: what is lost, late, stopped or ended, and twenty threads."""

from __future__ import annotations

import threading
import time
from typing import Any

from gatewaykit.compat import tts160_line
from gatewaykit.compat.tts160_serial import (
    CommandType,
    ConnectionError,  # noqa: A004 - the API's name
    ResponseError,
    SerialManager,
)
from gatewaykit.tts160 import framing, resync
from gatewaykit.tts160.resync import PROBES
from tests.compat.mounts import PATIENCE_S, Asking, MountTestCase

BLIND, BOOL, STRING, AUTO = CommandType
RA, DEC = "05:47:12#", "-05*23:28#"
NEVER_TWICE = (
    *(":MS#", ":CM#", ":SC08/05/26#", ":P#", ":XX#", ":Sr05:47:12#"),
    ":*!S 0D;\0#",
)


def once(*answers: Any) -> Any:
    """One after the other, and the last from then on."""
    left = list(answers)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


class LostTests(MountTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.hurry()
        self.patch(framing, "NEXT_BYTE_S", 0.03)

    def test_a_read_is_asked_again_in_step(self) -> None:
        manager = self.manager()
        self.mount.answer(b":GR#", once(None, RA.encode()))
        self.assertEqual(manager.send_command(":GR#"), RA)
        self.assertEqual(self.mount.heard, [b":GR#", b":GW#", b":GR#"])

    def test_a_read_is_sent_six_times_and_no_more(self) -> None:
        self.hurry(share=0.2)
        manager = self.manager()
        self.mount.answer(b":GD#", None)
        with self.assertRaises(ConnectionError) as caught:
            manager.send_command(":GD#")
        self.assertIn("did not answer :GD# within 0.1 s", str(caught.exception))
        self.assertEqual(self.mount.heard.count(b":GD#"), 6)
        self.assertEqual(self.mount.heard.count(b":GW#"), 5)

    def test_pauses_grow(self) -> None:
        pauses_s = tts160_line.Limits().pauses_s
        self.assertEqual(len(pauses_s), 5)
        self.assertEqual(list(pauses_s), sorted(set(pauses_s)))

    def test_nothing_else_is_sent_twice(self) -> None:
        self.hurry(share=0.2)
        manager = self.manager()
        for command in NEVER_TWICE:
            wire = command.encode("latin-1")
            self.mount.answer(wire, None)
            with self.assertRaises(ConnectionError):
                manager.send_command(command)
            self.assertEqual(self.mount.heard.count(wire), 1, command)

    def test_garbled_answers(self) -> None:
        """A header that is cut off, one that is none, a payload that breaks off."""
        manager = self.manager()
        for garbled in (b"BINARY:2", b"BINARY:2z\n", b"BINARY:2i\n12345", b"05:4"):
            with self.subTest(garbled):
                self.mount.answer(b":*!G T1,2#", garbled)
                with self.assertRaises(ResponseError):
                    manager.send_command(":*!G T1,2#")
                self.mount.answer(
                    b":*!G T1,2#", once(garbled, b"BINARY:2i\n\1\0\0\0\2\0\0\0")
                )
                self.assertEqual(manager.send_command(":*!G T1,2#"), [1, 2])

    def test_an_answer_of_another_kind(self) -> None:
        manager = self.manager()
        self.mount.answer(b":*!G T1#", b"12345#")
        with self.assertRaisesRegex(ResponseError, "no proper answer.*a text"):
            manager.send_command(":*!G T1#")

    def test_a_stop_with_an_answer(self) -> None:
        """On a line that nobody uses, and its answer is lost once."""
        manager = self.manager()
        self.mount.answer(b":*!S 06;#", once(None, bytes.fromhex("010100000000")))
        self.assertEqual(manager.send_command(":*!S 06;#"), [0])
        self.assertEqual(self.mount.heard, [b":*!S 06;#", b":GW#", b":*!S 06;#"])

    def test_an_answer_of_the_mounts_is_no_failure_of_the_line(self) -> None:
        manager = self.manager()
        self.mount.answer(b":*!G T99#", b"ERROR:VAR_ERROR\n")
        with self.assertRaisesRegex(ResponseError, "VAR_ERROR"):
            manager.send_command(":*!G T99#")
        self.assertEqual(self.mount.heard, [b":*!G T99#"])

    def test_a_mute_mount_is_not_told_to_move(self) -> None:
        manager = self.manager()
        self.mount.answer(b":XX#", None)
        with self.assertRaises(ConnectionError):
            manager.send_command(":XX#")
        for probe in PROBES:
            self.mount.answer(probe.command.data, None)
        with self.assertRaisesRegex(ConnectionError, "hand pad"):
            manager.send_command(":MS#", BOOL)
        self.assertNotIn(b":MS#", self.mount.heard)
        self.mount.answer(b":GW#", b"PT3#")
        self.assertIs(manager.send_command(":MS#", BOOL), False)


class LateTests(MountTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.hurry()

    def test_what_comes_while_nobody_asks(self) -> None:
        manager = self.manager()
        self.mount.answer(b":CM#", None)
        with self.assertRaises(ConnectionError):
            manager.send_command(":CM#")
        self.mount.say(b"Coordinates matched.#")
        self.assertEqual(manager.send_command(":GR#"), RA)
        self.assertEqual(manager.send_command(":GD#"), DEC)

    def test_what_comes_unasked_is_told_and_dropped(self) -> None:
        manager = self.manager()
        manager.send_command(":GR#")
        self.mount.say(b"12:34:56#")
        with self.assertLogs(manager.logger, "WARNING") as logged:
            self.assertEqual(manager.send_command(":GR#"), RA)
        self.assertIn("nobody asked for: b'12:34:56#'", logged.output[0])

    def test_what_comes_with_the_next_answer(self) -> None:
        """The probe of the resynchronisation gets the late answer first, then its own."""
        manager = self.manager()
        self.mount.answer(b":GD#", once(None, DEC.encode()))
        self.mount.answer(b":GW#", once(b"+12*34:56#PT3#", b"PT3#"))
        self.assertEqual(manager.send_command(":GD#"), DEC)
        self.assertEqual(manager.send_command(":GR#"), RA)

    def test_the_probe_is_not_what_is_missing(self) -> None:
        manager = self.manager()
        self.mount.answer(b":GW#", once(None, b"PT3#"))
        self.assertEqual(manager.send_command(":GW#"), "PT3#")
        self.assertEqual(self.mount.heard, [b":GW#", b":GC#", b":GW#"])

    def test_a_late_answer_behind_a_probes(self) -> None:
        manager = self.manager()
        self.mount.answer(b":GD#", once(None, DEC.encode()))
        self.mount.answer(b":GW#", once(b"PT3#PT3#", b"PT3#"))
        self.assertEqual(manager.send_command(":GD#"), DEC)

    def test_bytes_behind_an_answer(self) -> None:
        """It may be another's, so it is nobody's."""
        manager = self.manager()
        self.mount.answer(b":GD#", once(b"+12*34:56#" + DEC.encode(), DEC.encode()))
        self.assertEqual(manager.send_command(":GD#"), DEC)
        self.mount.answer(b":MS#", b"00")
        with self.assertRaisesRegex(ResponseError, "bytes too many"):
            manager.send_command(":MS#", BOOL)
        self.assertEqual(self.mount.heard.count(b":MS#"), 1)

    def test_a_byte_too_many_is_heard_before_a_slew(self) -> None:
        manager = self.manager()
        self.mount.answer(b":Sr05:47:12#", b"1")
        self.patch(tts160_line, "LISTEN_S", 60.0)
        manager.send_command(":Sr05:47:12#")
        slew = Asking(manager.send_command, ":MS#", BOOL)
        self.mount.say(b"1")
        self.assertIs(slew.result, False)
        self.assertEqual(self.mount.heard, [b":Sr05:47:12#", b":GW#", b":MS#"])

    def test_no_answer_is_waited_for_for_ever(self) -> None:
        self.patch(tts160_line, "MOST_BYTES", 10)
        manager = self.manager()
        self.mount.answer(b":CM#", b"Coordinates")
        asking = Asking(manager.send_command, ":CM#")
        self.mount.wait_for(b":CM#")
        with self.assertRaisesRegex(ResponseError, "broke off"):
            _ = asking.result

    def test_a_line_that_never_falls_silent_is_asked_all_the_same(self) -> None:
        self.patch(resync, "MOST_SILENCE_S", 0.1)
        self.hurry(silence_s=0.08)
        manager = self.manager()
        self.mount.say(b"x")
        babble = threading.Event()

        def babbling() -> None:
            while not babble.wait(0.005):
                self.mount.say(b"x")

        thread = threading.Thread(target=babbling)
        thread.start()
        try:
            with self.assertRaises(ConnectionError):
                manager.send_command(":MS#", BOOL)
        finally:
            babble.set()
            thread.join(PATIENCE_S)
        self.assertGreaterEqual(len(self.mount.heard), 2)
        self.assertNotIn(b":MS#", self.mount.heard)
        self.assertIs(manager.send_command(":MS#", BOOL), False)

    def test_clear_buffers(self) -> None:
        manager = self.manager()
        self.mount.say(b"12:34:56#")
        manager.clear_buffers()
        with self.assertNoLogs(manager.logger, "WARNING"):
            self.assertEqual(manager.send_command(":GR#"), RA)

    def test_clear_buffers_of_a_mute_mount(self) -> None:
        manager = self.manager()
        for probe in PROBES:
            self.mount.answer(probe.command.data, None)
        with self.assertRaises(ConnectionError):
            manager.clear_buffers()


class StopTests(MountTestCase):
    """``:MS#`` is under way, and its answer is the test's to give."""

    def setUp(self) -> None:
        super().setUp()
        self.first = self.manager()
        self.second = self.manager()
        self.mount.answer(b":MS#", None)
        self.slew = Asking(self.first.send_command, ":MS#", BOOL)
        self.mount.wait_for(b":MS#")

    def waiting(self, *commands: str) -> list[Asking]:
        """Commands in the order in which they wait."""
        line: Any = self.first._way
        askings = []
        for command in commands:
            before = len(line._line._turns._waiting)
            askings.append(Asking(self.second.send_command, command))
            while len(line._line._turns._waiting) == before:
                threading.Event().wait(0.001)
        return askings

    def test_a_stop_waits_for_nobody(self) -> None:
        read, park = self.waiting(":GD#", ":hP#")
        self.assertEqual(self.second.send_command(":Q#"), "")
        self.mount.wait_for(b":Q#")
        with self.assertRaisesRegex(ResponseError, ":hP# is over: stopped by"):
            _ = park.result
        self.assertEqual(self.mount.heard, [b":MS#", b":Q#"])
        self.mount.say(b"0")
        with self.assertRaisesRegex(ResponseError, ":MS# is over: stopped by"):
            _ = self.slew.result
        self.assertEqual(read.result, DEC)
        # Once more: the mount may have been deaf while it worked on the slew.
        self.assertEqual(self.mount.heard, [b":MS#", b":Q#", b":Q#", b":GD#"])

    def test_motion_after_a_stop_goes_on(self) -> None:
        self.second.send_command(":Q#", BLIND)
        (later,) = self.waiting(":hP#")
        self.mount.say(b"0")
        self.assertEqual(later.result, "")
        self.mount.wait_for(b":hP#")
        self.assertEqual(self.mount.heard, [b":MS#", b":Q#", b":Q#", b":hP#"])

    def test_a_slew_that_is_not_answered_is_stopped_all_the_same(self) -> None:
        self.hurry()
        self.second.send_command(":Q#", BLIND)
        self.patch(framing, "NEXT_BYTE_S", 0.03)
        self.mount.say(b"x")
        with self.assertRaisesRegex(ResponseError, "stopped"):
            _ = self.slew.result

    def test_the_stop_of_an_axis_is_for_that_axis(self) -> None:
        north, south, east, guide = self.waiting(
            ":Mn#", ":*Ms08529486#", ":Me#", ":Mgs0100#"
        )
        self.second.send_command(":Qn#")
        for stopped in (north, south, guide):
            with self.assertRaisesRegex(ResponseError, "stopped"):
                _ = stopped.result
        self.mount.say(b"0")
        self.assertIs(self.slew.result, False)
        self.assertEqual(east.result, "")

    def test_a_stop_with_an_answer(self) -> None:
        """Its answer can't come inside another's, so `:Q#` stands in for it."""
        (read,) = self.waiting(":GD#")
        self.mount.answer(b":*!S 06;#", bytes.fromhex("010100000000"))
        stop = Asking(self.second.send_command, ":*!S 06;#")
        self.mount.wait_for(b":Q#")
        self.mount.say(b"0")
        self.assertEqual(stop.result, [0])
        with self.assertRaisesRegex(ResponseError, "stopped"):
            _ = self.slew.result
        self.assertEqual(read.result, DEC)
        heard = self.mount.heard
        self.assertEqual(heard, [b":MS#", b":Q#", b":Q#", b":*!S 06;#", b":GD#"])

    def test_cleanup_ends_what_waits(self) -> None:
        (read,) = self.waiting(":GD#")
        self.second.cleanup()
        with self.assertRaisesRegex(ConnectionError, "closed meanwhile"):
            _ = read.result
        self.mount.say(b"0")
        self.assertIs(self.slew.result, False)
        self.assertEqual(self.first.send_command(":GR#"), RA)

    def test_cleanup_ends_what_is_under_way(self) -> None:
        (read,) = self.waiting(":GD#")
        self.first.cleanup()
        with self.assertRaisesRegex(ConnectionError, "closed meanwhile"):
            _ = self.slew.result
        self.mount.say(b"0")
        # Its late answer is not for those who share the line.
        self.assertEqual(read.result, DEC)

    def test_the_last_disconnect_ends_what_waits(self) -> None:
        self.first.connect(self.mount.path)
        self.first.disconnect()
        self.assertTrue(self.slew.is_alive())
        self.second.disconnect()
        self.first.disconnect()
        with self.assertRaises(ConnectionError):
            _ = self.slew.result
        self.assertFalse(self.first.is_connected)

    def test_a_stop_while_the_line_finds_its_step(self) -> None:
        """What was to be sent after that is not; the stop is repeated at once."""
        self.hurry(silence_s=30.0)
        self.mount.say(b"0")
        self.assertIs(self.slew.result, False)
        self.mount.say(b"x")
        park = Asking(self.first.send_command, ":hP#")
        line: Any = self.first._way
        while not line._line._is_suspect:
            threading.Event().wait(0.001)
        self.second.send_command(":Q#")
        self.mount.wait_for(b":Q#", 2)
        with self.assertRaisesRegex(ResponseError, "stopped"):
            _ = park.result
        self.assertEqual(self.mount.heard, [b":MS#", b":Q#", b":Q#"])

    def test_a_stop_finds_the_port_gone(self) -> None:
        self.mount.say(b"0")
        self.assertIs(self.slew.result, False)
        line: Any = self.first._way
        self.mount.unplug()
        with self.assertRaisesRegex(ConnectionError, "port is gone"):
            self.first.send_command(":Q#")
        self.assertFalse(line._line._port.is_open)
        self.assertFalse(self.second.is_connected)

    def test_it_is_open_while_it_writes(self) -> None:
        line: Any = self.first._way
        with line._line._output:
            self.assertTrue(self.first.is_connected)

    def test_unplugged_under_way(self) -> None:
        (read,) = self.waiting(":GD#")
        self.mount.unplug()
        for asking in (self.slew, read):
            with self.assertRaisesRegex(ConnectionError, "port is gone"):
                _ = asking.result
        with self.assertRaises(ConnectionError):
            self.second.send_command(":Q#")
        self.assertFalse(self.first.is_connected)


class GapTests(MountTestCase):
    def test_nothing_follows_a_blind_command_too_closely(self) -> None:
        self.patch(tts160_line, "GAP_S", 0.1)
        manager = self.manager()
        line: Any = manager._way
        put: list[float] = []
        send = line._line._port.send

        def timed(data: bytes) -> None:
            put.append(time.monotonic())
            send(data)

        line._line._port.send = timed
        manager.send_command(":T1#")
        manager.send_command(":GR#")
        self.assertGreaterEqual(put[1] - put[0], 0.1)
        manager.send_command(":T1#")
        manager.send_command(":Q#")  # at once, and again when the mount hears it
        self.assertLess(put[3] - put[2], 0.1)
        self.assertGreaterEqual(put[4] - put[3], 0.1)
        self.mount.wait_for(b":Q#", 2)


class ThreadTests(MountTestCase):
    def test_twenty_threads_get_their_own_answers(self) -> None:
        managers = [self.manager() for _ in range(4)]
        for number in range(1, 21):
            answer = b"BINARY:2B\n#" + bytes([number])
            self.mount.answer(b":*!G T%d#" % number, answer)
        start = threading.Barrier(20)

        def ask(number: int) -> list[Any]:
            manager: SerialManager = managers[number % 4]
            start.wait(PATIENCE_S)
            got = [manager.send_command(f":*!G T{number}#") for _ in range(20)]
            manager.register_binary_format(f"f{number}", "i")
            manager.connect(self.mount.path)
            manager.disconnect()
            return got

        askings = [Asking(ask, number) for number in range(1, 21)]
        for number, asking in enumerate(askings, 1):
            self.assertEqual(asking.result, [[ord("#"), number]] * 20)
        self.assertEqual(len(self.mount.heard), 400)
        self.assertEqual([each.connection_count for each in managers], [1] * 4)
