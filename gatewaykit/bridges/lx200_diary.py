"""The audit trail of LX200 clients, within bounds: it is kept for ever.

Every use of a verb that changes something is in it, as it is by RPC, but a program may send
several a second for a whole night. So each address has a number of records a minute for each
verb and outcome; what goes beyond is counted, and becomes one record at the end of the minute.
Guiding is so by nature: of pulses there is the first, and how many followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gatewaykit.access import Principal
from gatewaykit.errors import GatewayError
from gatewaykit.rpc.trail import Trail, outcome

MINUTE_S = 60.0
RECORDS_A_MINUTE = 30
ONE_A_MINUTE = frozenset({"MountGuide"})


@attrs.define
class _Minute:
    """What an address did of one kind since `timer` was set."""

    timer: IDelayedCall
    principal: Principal
    error: GatewayError | None
    records: int = 1
    more: int = 0


class Diary:
    """Writes what clients did, and lets nobody wait for it."""

    def __init__(self, trail: Trail, clock: IReactorTime) -> None:
        self._trail = trail
        self._clock = clock
        self._minutes: dict[tuple[str, str, str], _Minute] = {}
        self._writing: set[Deferred[bool]] = set()

    def note(
        self,
        host: str,
        principal: Principal,
        verb: str,
        arguments: Mapping[str, object],
        error: GatewayError | None,
    ) -> None:
        """Somebody used a verb, or (with an error) tried to."""
        key = (host, verb, outcome(error))
        minute = self._minutes.get(key)
        most = 1 if verb in ONE_A_MINUTE else RECORDS_A_MINUTE
        if minute is None:
            timer = self._clock.callLater(MINUTE_S, self._over, key)
            self._minutes[key] = _Minute(timer, principal, error)
        elif minute.records < most:
            minute.records += 1
        else:
            minute.more += 1
            minute.principal, minute.error = principal, error
            return
        shown = {name: str(value) for name, value in arguments.items()}
        self._write(principal, verb, shown, error)

    def close(self) -> Deferred[Any]:
        """Write what is yet to be written; fires when all of it is."""
        for key in tuple(self._minutes):
            self._minutes[key].timer.cancel()
            self._over(key)
        return gatherResults(list(self._writing))

    def _over(self, key: tuple[str, str, str]) -> None:
        minute = self._minutes.pop(key)
        if minute.more:
            _, verb, _ = key
            self._write(
                minute.principal, verb, {"more": str(minute.more)}, minute.error
            )

    def _write(
        self,
        principal: Principal,
        verb: str,
        arguments: Mapping[str, str],
        error: GatewayError | None,
    ) -> None:
        # It never fails: what cannot be written is logged.
        writing = Deferred.fromCoroutine(
            self._trail.record(principal, verb, arguments, error)
        )

        def written(result: bool) -> bool:  # noqa: FBT001 - what the Deferred fires with
            self._writing.discard(writing)
            return result

        self._writing.add(writing)
        writing.addCallback(written)
