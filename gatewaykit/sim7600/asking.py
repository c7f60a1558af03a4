"""How the parts of the modem's service ask it."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred

from gatewaykit.errors import DeviceRefused
from gatewaykit.sim7600 import replies
from gatewaykit.sim7600.at import DEVICE
from gatewaykit.sim7600.commands import Command, Priority
from gatewaykit.sim7600.dialogue import Reply


class Ask(Protocol):
    """Puts a command on the line of this moment; see `ATProtocol.execute`."""

    def __call__(self, command: Command, priority: Priority) -> Deferred[Reply]: ...


def expect_ok(command: Command, reply: Reply) -> Reply:
    """The reply, or `DeviceRefused` for an error of the modem's."""
    if not reply.ok:
        reason = replies.final_error(reply.final).text
        raise DeviceRefused(DEVICE, command.text, reason)
    return reply
