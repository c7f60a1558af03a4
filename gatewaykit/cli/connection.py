"""How a verb reaches the gateway: an async function, a reactor, a connection."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure

from gatewaykit.cli.endings import Interrupted
from gatewaykit.rpc.client import GatewayClient

T = TypeVar("T")

Connect = Callable[[str, Any], "Deferred[GatewayClient]"]
React = Callable[[Callable[[Any], Coroutine["Deferred[Any]", Any, Any]]], Any]


@dataclass
class Gateway:
    """The gateway as a verb sees it: a clock, and connections as often as it likes."""

    endpoint: str
    reactor: Any
    connector: Connect

    def connect(self) -> Deferred[GatewayClient]:
        return self.connector(self.endpoint, self.reactor)


def default_endpoint() -> str:
    # The settings' models take a quarter of a second that --endpoint spares.
    from gatewaykit.sections import default_socket_path  # noqa: PLC0415

    return f"unix:{default_socket_path()}"


def run(main: Callable[[Any], Coroutine[Deferred[Any], Any, T]]) -> T:
    """`run_in` the process's reactor, with Twisted's log thrown away: what concerns the
    user is raised, and Twisted would print tracebacks of its own."""
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    return run_in(reactor, main)


def run_in(reactor: Any, main: Callable[[Any], Coroutine[Deferred[Any], Any, T]]) -> T:
    """Run `reactor` until `main(reactor)` is done; give its result or raise its error.

    SIGINT and SIGTERM cancel it and raise `Interrupted` once it has ended; a second one
    ends the process there and then.
    """
    results: list[T | Failure] = []
    signals: list[int] = []

    def end(result: T | Failure) -> None:
        results.append(result)
        reactor.stop()

    def interrupt(signum: int, _frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)
        signals.append(signum)
        reactor.callFromThread(cancel)

    def cancel() -> None:
        task.cancel()

    # First: what `main` prints at once may be what somebody waits for who ends it then.
    before = {
        signum: signal.signal(signum, interrupt)
        for signum in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        task = Deferred.fromCoroutine(main(reactor))
        task.addBoth(lambda result: reactor.callWhenRunning(end, result))
        reactor.run(installSignalHandlers=False)
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
    if signals:
        raise Interrupted(signals[0])
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return result
