"""A mount on a pseudo terminal, in a thread, for blocking code; and a gateway that has it."""

from __future__ import annotations

import logging
import os
import select
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import reactor as global_reactor
from twisted.internet import task
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from gatewaykit.compat import tts160_line
from gatewaykit.compat.tts160_serial import SerialManager
from gatewaykit.rpc.mount_answers import MountAnswers
from gatewaykit.rpc.server import RpcFactory
from gatewaykit.sections import Tts160Settings
from gatewaykit.testing import MemoryStore
from gatewaykit.tts160.mount import Mount
from gatewaykit.tts160.registry import Registry
from gatewaykit.tts160.variables import Dialect
from tests.ptys import PtyPair
from tests.tts160.scripted import ScriptedMount

reactor: Any = global_reactor

QUIET = logging.getLogger("tests.mount")
QUIET.addHandler(logging.NullHandler())

PATIENCE_S = 10.0
"""For what must come; a test that waits so long has failed."""
HURRIED = tts160_line.Limits(
    share=0.3,
    silence_s=0.02,
    after_s=0.005,
    pauses_s=(0.001, 0.002, 0.003, 0.004, 0.005),
)
"""Time limits for tests in which answers are lost."""


class _Terminal(Protocol):
    def __init__(self, pty: PtyPair) -> None:
        self.pty = pty

    def dataReceived(self, data: bytes) -> None:
        self.pty.write(data)


class ThreadedMount:
    """A `ScriptedMount` that answers by itself, at once.

    The thread alone touches `script`: the test has it done what it wants with `do`. What is
    delayed comes when the test lets the time pass.
    """

    def __init__(
        self, dialect: Dialect = Dialect.V356, link: Path | None = None
    ) -> None:
        self.pty = PtyPair(link)
        self.clock = Clock()
        self.script = ScriptedMount(self.clock, dialect)
        self.script.delay_s = 0.0
        self.script.connect(_Terminal(self.pty))
        self._tick_s = 0.0
        self._tasks: deque[Callable[[], object]] = deque()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self._changed = threading.Condition()
        self._ends = False
        self._thread = threading.Thread(target=self._run, name="mount", daemon=True)
        self._thread.start()

    @property
    def path(self) -> str:
        return self.pty.path

    def do(self, task: Callable[[], object]) -> None:
        """Have the thread do something, and wait for it."""
        done = threading.Event()

        def run() -> None:
            task()
            done.set()

        self._tasks.append(run)
        os.eventfd_write(self._wake_fd, 1)
        assert done.wait(PATIENCE_S)

    def answer(self, command: bytes, answer: Any) -> None:
        """What the mount says to a command from now on; None is silence."""
        self.do(lambda: self.script.answers.__setitem__(command, answer))

    def pass_time(self, seconds: float) -> None:
        self.do(lambda: self.clock.advance(seconds))

    def come_byte_by_byte(self) -> None:
        """Answers come in as many pieces as they have bytes."""
        self._tick_s = 1e6
        self.do(lambda: setattr(self.script, "byte_s", 1.0))

    def unplug(self) -> None:
        self.do(self.pty.unplug)

    def say(self, data: bytes) -> None:
        self.do(lambda: self.pty.write(data))

    @property
    def heard(self) -> list[bytes]:
        with self._changed:
            return list(self.script.heard)

    def wait_for(self, command: bytes, count: int = 1) -> None:
        """Until a command has been heard so many times."""
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: self.script.heard.count(command) >= count, PATIENCE_S
            )
        assert arrived, (command, self.script.heard)

    def close(self) -> None:
        if self._thread.is_alive():
            self._ends = True
            os.eventfd_write(self._wake_fd, 1)
            self._thread.join(PATIENCE_S)
            os.close(self._wake_fd)
            self.pty.close()

    def _run(self) -> None:
        is_quiet = False  # nobody has the other end open, so select is of no use
        while not self._ends:
            master = [] if self.pty.master is None or is_quiet else [self.pty.master]
            wait_s = 0.002 if is_quiet else None
            select.select([self._wake_fd, *master], [], [], wait_s)
            if select.select([self._wake_fd], [], [], 0)[0]:
                os.eventfd_read(self._wake_fd)
            while self._tasks:
                self._tasks.popleft()()
            data = self.pty.read()
            is_quiet = not data and self.pty.master is not None
            if data:
                with self._changed:
                    self.script.write(data)
                    self._changed.notify_all()
                self.clock.advance(self._tick_s)


class MountTestCase(SynchronousTestCase):
    """With a mount, and managers that are closed in the end."""

    dialect = Dialect.V356

    def setUp(self) -> None:
        self.mount = self.new_mount()

    def new_mount(self, link: Path | None = None) -> ThreadedMount:
        mount = ThreadedMount(self.dialect, link)
        self.addCleanup(mount.close)
        return mount

    def manager(self, port: str | None = None) -> SerialManager:
        manager = SerialManager(QUIET)
        self.addCleanup(manager.cleanup)
        manager.connect(port or self.mount.path)
        return manager

    def hurry(self, **limits: Any) -> None:
        self.patch(tts160_line, "LIMITS", attrs.evolve(HURRIED, **limits))


class Asking(threading.Thread):
    """A call in a thread of its own, and what came of it."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        super().__init__(daemon=True)
        self._call, self._arguments = call, arguments
        self._result: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result = self._call(*self._arguments)
        except BaseException as error:  # noqa: BLE001 - for the thread that wants to know
            self._error = error

    @property
    def result(self) -> Any:
        return self.wait()

    def wait(self) -> Any:
        self.join(PATIENCE_S)
        assert not self.is_alive(), "it does not come back"
        if self._error is not None:
            raise self._error
        return self._result


class GatewayTestCase(TestCase):
    """With a mount that a gateway has, on a unix socket."""

    timeout = 30

    async def serve(self, mount: ThreadedMount) -> str:
        """The endpoint of a gateway with the mount, once it is ready."""
        settings = Tts160Settings(port=mount.path, timeout=0.15)
        service = Mount(settings, reactor, lambda: int(time.time() * 1000))
        answers = MountAnswers(service, Registry).table()
        factory = RpcFactory(answers, MemoryStore(reactor), reactor)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = f"{directory.name}/gateway.sock"
        port = await serverFromString(reactor, f"unix:{path}").listen(factory)
        self.addCleanup(port.stopListening)
        self.addCleanup(factory.close_all)
        service.start()
        self.addCleanup(service.stop_service)
        while (await service.status())["state"] != "ready":
            await task.deferLater(reactor, 0.002)
        return f"unix:{path}"
