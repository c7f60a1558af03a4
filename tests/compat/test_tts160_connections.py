"""Who has the mount's port, for how long, and what becomes of it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.compat import tts160_serial, tts160_shared
from gatewaykit.compat.tts160_serial import (
    ConnectionError,  # noqa: A004 - the API's name
    SerialManager,
)
from tests.compat.mounts import MountTestCase, ThreadedMount
from tests.support import DirectoryTestCase

ROOT = Path(__file__).resolve().parents[2]


class ConnectionTests(MountTestCase):
    def test_counting(self) -> None:
        manager = SerialManager()
        self.assertEqual((manager.is_connected, manager.connection_count), (False, 0))
        manager.disconnect()
        for count in (1, 2, 3):
            manager.connect(self.mount.path)
            self.assertEqual(manager.connection_count, count)
        for count in (2, 1):
            manager.disconnect()
            self.assertEqual(
                (manager.is_connected, manager.connection_count), (True, count)
            )
        manager.disconnect()
        self.assertEqual((manager.is_connected, manager.connection_count), (False, 0))
        manager.connect(self.mount.path)
        manager.connect(self.mount.path)
        manager.cleanup()
        self.assertEqual((manager.is_connected, manager.connection_count), (False, 0))
        manager.cleanup()

    def test_the_default_logger_is_the_modules(self) -> None:
        self.assertEqual(SerialManager().logger.name, tts160_serial.__name__)
        logger = logging.getLogger("mine")
        self.assertIs(SerialManager(logger).logger, logger)

    def test_verbose_logging(self) -> None:
        manager = self.manager()
        with self.assertLogs(manager.logger, "DEBUG") as logged:
            manager.send_command(":GR#")
        self.assertIn(
            ":GR# is answered with Text(text='05:47:12#'"[:-2], logged.output[1]
        )

    def test_what_can_be_no_port_or_speed(self) -> None:
        manager = SerialManager()
        path: Any = self.mount.path
        for port in ("", " ", None, 7, b"/dev/x", "a\0b", "tcp:", "unix:", "tcp:x:0"):
            self.assertRaises(ValueError, manager.connect, port)
        for baudrate in (0, -9600, 9601, "9600", 9600.0, True, None):
            self.assertRaises(ValueError, manager.connect, path, baudrate)
        self.assertEqual(manager.connection_count, 0)

    def test_another_port_or_speed(self) -> None:
        manager = self.manager()
        other = self.new_mount()
        self.assertRaisesRegex(ValueError, self.mount.path, manager.connect, other.path)
        for same in (manager, SerialManager()):
            self.assertRaisesRegex(
                ValueError, "9600", same.connect, self.mount.path, 19_200
            )
        manager.cleanup()
        manager.connect(other.path, 19_200)
        self.assertTrue(manager.is_connected)

    def test_not_connected(self) -> None:
        manager = SerialManager()
        for call in (
            lambda: manager.send_command(":GR#"),
            lambda: manager.get_case_data(1),
            manager.clear_buffers,
        ):
            self.assertRaisesRegex(ConnectionError, "not connected", call)
        # What is no command is told first.
        self.assertRaises(ValueError, manager.send_command, "GR")

    def test_managers_of_one_device_share_it(self) -> None:
        first, second = self.manager(), self.manager()
        self.assertEqual(first.connection_count, 1)
        first.cleanup()
        self.assertEqual(second.send_command(":GR#"), "05:47:12#")
        second.cleanup()
        self.assertFalse(second.is_connected)
        self.manager().send_command(":GR#")


class FakeLine:
    def __init__(self, path: str, baudrate: int) -> None:
        self.baudrate = baudrate
        self.is_open = True
        self.ended: list[object] = []

    def leave(self, owner: object) -> None:
        self.ended.append(owner)

    def close(self) -> None:
        self.is_open = False


class SharingTests(SynchronousTestCase):
    def test_a_line_that_is_gone_is_not_shared(self) -> None:
        self.patch(tts160_shared, "Line", FakeLine)
        lines: Any = tts160_shared.Lines()
        gone = lines.join("/dev/mount", 9600, "first")
        gone.close()
        line = lines.join("/dev/mount", 9600, "second")
        self.assertIsNot(line, gone)
        lines.leave(gone, "first")
        self.assertIs(lines.join("/dev/mount", 9600, "third"), line)
        lines.leave(line, "second")
        self.assertEqual((line.ended, line.is_open), (["second"], True))
        lines.leave(line, "third")
        self.assertFalse(line.is_open)


class LinkTests(DirectoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.mount = ThreadedMount(link=Path("mount").absolute())
        self.addCleanup(self.mount.close)

    def test_a_device_is_the_same_by_all_its_names(self) -> None:
        first, second = SerialManager(), SerialManager()
        self.addCleanup(first.cleanup)
        self.addCleanup(second.cleanup)
        first.connect("mount")
        first.connect(self.mount.pty.name)
        second.connect(str(Path("mount").absolute()))
        self.assertEqual(second.send_command(":GR#"), "05:47:12#")

    def test_unplugged_and_back(self) -> None:
        manager = SerialManager()
        self.addCleanup(manager.cleanup)
        manager.connect("mount")
        self.mount.unplug()
        self.assertFalse(manager.is_connected)
        with self.assertRaisesRegex(ConnectionError, "port is gone"):
            manager.send_command(":GR#")
        with self.assertRaisesRegex(ConnectionError, "no such device"):
            manager.connect("mount")
        self.mount.do(self.mount.pty.plug)
        manager.connect("mount")
        self.assertEqual(manager.send_command(":GR#"), "05:47:12#")
        self.assertTrue(manager.is_connected)

    def test_back_before_anybody_noticed(self) -> None:
        first, second = SerialManager(), SerialManager()
        self.addCleanup(first.cleanup)
        self.addCleanup(second.cleanup)
        first.connect("mount")
        self.mount.do(self.mount.pty.replug)
        second.connect("mount")
        self.assertEqual(second.send_command(":GR#"), "05:47:12#")
        first.connect("mount")
        self.assertEqual(first.send_command(":GR#"), "05:47:12#")

    def test_no_serial_device(self) -> None:
        manager = SerialManager()
        Path("file").touch()
        for port, reason in (("file", "not a serial"), ("nothing", "no such device")):
            with self.assertRaisesRegex(ConnectionError, reason):
                manager.connect(port)
        self.assertEqual(manager.connection_count, 0)

    def test_another_program_has_it(self) -> None:
        code = (
            "import sys; from gatewaykit.serialport import open_claimed;"
            "port = open_claimed('mount', baudrate=9600);"
            "print('open', flush=True); sys.stdin.read()"
        )
        program = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        self.addCleanup(program.communicate, timeout=30)
        assert program.stdout is not None
        self.assertEqual(program.stdout.readline(), b"open\n")
        manager = SerialManager()
        self.addCleanup(manager.cleanup)
        with self.assertRaisesRegex(ConnectionError, f"in use by pid {program.pid} "):
            manager.connect("mount")
        program.communicate(timeout=30)
        manager.connect("mount")
        self.assertTrue(manager.is_connected)


class ForkTests(MountTestCase):
    def test_a_connection_stays_the_parents(self) -> None:
        manager = self.manager()
        child = os.fork()
        if not child:
            status = 1
            try:
                assert not manager.is_connected
                assert manager.connection_count == 0
                try:
                    manager.connect(self.mount.path)
                except ConnectionError as error:
                    assert f"pid {os.getppid()}" in str(error)
                    status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual(manager.send_command(":GR#"), "05:47:12#")
