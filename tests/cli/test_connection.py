from __future__ import annotations

import os
import signal
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.selectreactor import SelectReactor
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli.connection import default_endpoint, run_in
from gatewaykit.cli.endings import Interrupted


class RunInTests(SynchronousTestCase):
    """With a reactor that nobody else runs."""

    def setUp(self) -> None:
        self.reactor: Any = SelectReactor()
        self.handlers = self.current_handlers()

    def tearDown(self) -> None:
        self.assertEqual(self.current_handlers(), self.handlers)
        for reader in self.reactor.removeAll():
            reader.connectionLost(None)

    def current_handlers(self) -> list[Any]:
        return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    def test_result_of_what_is_done_at_once(self) -> None:
        async def main(_reactor: object) -> int:
            return await succeed(5)

        self.assertEqual(run_in(self.reactor, main), 5)

    def test_result_of_what_takes_time(self) -> None:
        async def main(reactor: Any) -> str:
            later: Deferred[str] = Deferred()
            reactor.callLater(0, later.callback, "done")
            return await later

        self.assertEqual(run_in(self.reactor, main), "done")

    def test_error_is_raised(self) -> None:
        async def main(reactor: Any) -> None:
            raise LookupError("here")

        self.assertRaises(LookupError, run_in, self.reactor, main)

    def check_signal(self, signum: int) -> None:
        cleaned: list[str] = []

        async def main(reactor: Any) -> None:
            reactor.callLater(0, os.kill, os.getpid(), signum)
            try:
                await Deferred()
            except CancelledError:
                cleaned.append("up")
                raise

        error = self.assertRaises(Interrupted, run_in, self.reactor, main)
        self.assertEqual((error.signum, cleaned), (signum, ["up"]))

    def test_interrupt_cancels(self) -> None:
        self.check_signal(signal.SIGINT)

    def test_termination_cancels(self) -> None:
        self.check_signal(signal.SIGTERM)


class DefaultEndpointTests(SynchronousTestCase):
    def test_is_the_default_socket(self) -> None:
        self.patch(os, "environ", {"RUNTIME_DIRECTORY": "/run/gatewaykit"})
        self.assertEqual(default_endpoint(), "unix:/run/gatewaykit/gatewaykit.sock")
