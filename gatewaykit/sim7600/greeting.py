"""The first words to a modem: does it answer, and does it answer in words?"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from gatewaykit.errors import DeviceTimeout, DeviceUnavailable
from gatewaykit.sim7600.at import ECHO_OFF, GONE, ATProtocol
from gatewaykit.sim7600.commands import Command, Priority, read

PROBE = read("AT", timeout_s=1.0)
PLAIN = Command("ATQ0V1E0", timeout_s=1.0)
"""For a modem that was told to answer with digits or not at all (facts/sim7600.md 2.1)."""
PROBES = (PROBE, PLAIN)
"""With the handshakes after each that is not answered nearly ten tries in as many seconds
(facts/sim7600.md 2.8)."""
REFUSALS = 10
PAUSE_S = 1.0
"""A modem that is starting answers ERROR at first (facts/sim7600.md 2.7)."""
VERBOSE_ERRORS = Command("AT+CMEE=2")


async def greet(line: ATProtocol, clock: IReactorTime) -> bool:
    """Whether the modem answers; its echo is off then, and its errors speak.

    Fails with `DeviceUnavailable` when the port goes.
    """
    for probe in PROBES:
        if await _is_answered(line, probe, clock):
            for command in (ECHO_OFF, VERBOSE_ERRORS):
                # Without either it can be understood, too.
                await _try(line, command)
            return True
    return False


async def _is_answered(line: ATProtocol, probe: Command, clock: IReactorTime) -> bool:
    for number in range(REFUSALS):
        if number:
            await deferLater(clock, PAUSE_S)
        answer = await _try(line, probe)
        if answer is None:
            # The line tries to find its step again before it sends the next one.
            answer = await _try(line, PROBE)
        if answer is not False:
            return answer is True
    return False


async def _try(line: ATProtocol, command: Command) -> bool | None:
    """Whether it was answered with OK; None without any answer."""
    try:
        reply = await line.execute(command, Priority.URGENT)
    except DeviceTimeout:
        return None
    except DeviceUnavailable as error:
        if error.reason == GONE:
            raise
        return None
    return reply.ok
