"""How the parts of the modem's service ask it, and what they bear of its answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from gatewaykit import metrics
from gatewaykit.errors import DeviceRefused, DeviceTimeout, GatewayError
from gatewaykit.sim7600 import replies
from gatewaykit.sim7600.at import DEVICE
from gatewaykit.sim7600.commands import Command, Priority
from gatewaykit.sim7600.dialogue import Reply
from gatewaykit.sim7600.replies import ReplyError

A = TypeVar("A")
T = TypeVar("T")

log = Logger()


class Ask(Protocol):
    """Puts a command on the line of this moment; see `ATProtocol.execute`."""

    def __call__(self, command: Command, priority: Priority) -> Deferred[Reply]: ...


def expect_ok(command: Command, reply: Reply) -> Reply:
    """The reply, or `DeviceRefused` for an error of the modem's."""
    if not reply.ok:
        reason = replies.final_error(reply.final).text
        raise DeviceRefused(DEVICE, command.text, reason)
    return reply


def in_background(work: Coroutine[Deferred[Any], Any, None]) -> Deferred[None]:
    """Begin what nobody waits for: what the modem does not do now, the upkeep tries again."""
    return Deferred.fromCoroutine(work).addErrback(_forgive)


def _forgive(failure: Failure) -> None:
    if not failure.check(GatewayError, CancelledError):
        log.failure("work on the modem failed", failure)


class Answers:
    """Answers read by their parsers; those that cannot be read or true are counted."""

    def __init__(self) -> None:
        self.implausible = 0

    def refuse(self, reason: str = "implausible") -> None:
        self.implausible += 1
        metrics.modem_lines_refused.labels(reason).inc()

    def read(self, parse: Callable[[A], T], answer: A) -> T | None:
        """What an answer says; None for one that is refused."""
        try:
            return parse(answer)
        except ReplyError:
            self.refuse()
            return None

    def expect(self, command: Command, parse: Callable[[A], T], answer: A) -> T:
        """What an answer says; `DeviceRefused` for one that is refused."""
        try:
            return parse(answer)
        except ReplyError as error:
            self.refuse()
            raise DeviceRefused(DEVICE, command.text, str(error)) from error


class Patience:
    """Bears that the modem refuses something or gives no answer, and tells it once."""

    def __init__(self) -> None:
        self._complaints: dict[str, str] = {}

    async def bear(self, title: str, work: Coroutine[Deferred[Any], Any, Any]) -> None:
        """Do some work. Fails with `DeviceUnavailable` only."""
        try:
            await work
        except (DeviceTimeout, DeviceRefused) as error:
            complaint = str(error)
            if self._complaints.get(title) != complaint:
                self._complaints[title] = complaint
                log.warn(  # noqa: G010 - the name that Twisted's Logger has
                    "{title}: {complaint}", title=title, complaint=complaint
                )
        else:
            self._complaints.pop(title, None)
