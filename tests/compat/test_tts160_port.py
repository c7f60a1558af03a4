from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.compat import tts160_port
from gatewaykit.compat.tts160_port import BlockingPort
from gatewaykit.errors import DeviceUnavailable
from tests.compat.mounts import Asking
from tests.ptys import PtyPair, descriptors


class PortTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pty = PtyPair()
        self.addCleanup(self.pty.close)
        self.port = BlockingPort(self.pty.path, 9600)
        self.addCleanup(self.port.close)

    def test_bytes_both_ways(self) -> None:
        self.port.send(b":GR#\xff\0\r\n")
        self.assertEqual(self.pty.read(), b":GR#\xff\0\r\n")
        self.pty.write(b"\x11\x13\r\n\0")
        self.assertEqual(self.port.receive(10), b"\x11\x13\r\n\0")
        self.assertEqual(self.port.receive(0), b"")
        self.assertEqual(self.port.receive(-1), b"")

    def test_waiting_is_ended_from_outside(self) -> None:
        waiting = Asking(self.port.receive, 60)
        self.port.wake()
        self.assertEqual(waiting.result, b"")
        self.assertEqual(self.port.receive(0), b"")

    def test_it_is_ours_alone(self) -> None:
        self.assertRaises(DeviceUnavailable, BlockingPort, self.pty.path, 9600)
        self.port.close()
        self.port.close()
        self.port.wake()
        self.assertFalse(self.port.is_open)
        self.assertFalse(self.port.is_there)
        BlockingPort(self.pty.path, 9600).close()

    def test_unplugged(self) -> None:
        self.assertTrue(self.port.is_there)
        self.pty.unplug()
        self.assertFalse(self.port.is_there)
        self.assertRaises(OSError, self.port.receive, 10)
        self.assertRaises(OSError, self.port.send, b":GR#")
        self.port.close()

    def test_output_that_is_held_up(self) -> None:
        self.patch(tts160_port, "WRITE_S", 0.05)
        with self.assertRaisesRegex(OSError, "nothing could be written for 0.05 s"):
            while True:
                self.port.send(b"x" * 4096)
        self.pty.read()
        self.port.send(b":Q#")
        self.assertEqual(self.pty.read(), b":Q#")

    def test_nothing_stays_open(self) -> None:
        before = descriptors()
        for _ in range(3):
            pty = PtyPair()
            port = BlockingPort(pty.path, 9600)
            port.close()
            port = BlockingPort(pty.path, 9600)
            port.forget()
            port.close()
            pty.close()
        self.assertEqual(len(descriptors()), len(before))

    def test_what_was_sent_goes_out_before_it_closes(self) -> None:
        waiting = [9, 5, 0]

        class Slow:
            closed = False

            @property
            def out_waiting(self) -> int:
                return waiting.pop(0)

            def close(self) -> None:
                self.closed = True

        slow: Any = Slow()
        self.addCleanup(self.port._serial.close)
        self.port._serial = slow
        self.port.close()
        self.assertEqual((waiting, slow.closed), ([], True))


class ForkTests(SynchronousTestCase):
    def test_a_child_takes_nothing_from_its_parent(self) -> None:
        """The lock and the mark that make the device its parent's."""
        pty = PtyPair()
        self.addCleanup(pty.close)
        port = BlockingPort(pty.path, 9600)
        self.addCleanup(port.close)
        child = os.fork()
        if not child:
            port.forget()
            os._exit(0)
        os.waitpid(child, 0)
        self.assertRaises(DeviceUnavailable, BlockingPort, pty.path, 9600)
        pty.write(b"1")
        self.assertEqual(port.receive(10), b"1")
