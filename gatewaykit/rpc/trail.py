"""The audit trail as the doors write it, whatever protocol they speak."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from gatewaykit import access
from gatewaykit.access import Principal
from gatewaykit.errors import AccessDenied, GatewayError, StoreUnavailable
from gatewaykit.interfaces import IStore
from gatewaykit.logs import LogLimiter
from gatewaykit.rpc.verb import ERRORS
from gatewaykit.times import iso

REFUSALS_A_MINUTE = 100
"""Refusals of one principal in the audit trail, which is kept for ever."""
AUDIT_S = 60.0
"""Time that the store may take for an audit record."""

log = Logger()


class Trail:
    """Writes down how uses of verbs ended.

    :param wall_ms: the audit trail's clock, milliseconds since the epoch.
    """

    def __init__(
        self, store: IStore, clock: IReactorTime, wall_ms: Callable[[], int]
    ) -> None:
        self._store = store
        self._clock = clock
        self._wall_ms = wall_ms
        self._limiter = LogLimiter(clock)
        self._refusals: dict[str, tuple[int, int]] = {}

    async def record(
        self,
        principal: Principal,
        verb: str,
        arguments: Mapping[str, str],
        error: GatewayError | None,
    ) -> bool:
        """Append a record, unless it is of one refusal too many.

        :param arguments: as the audit trail may show them.
        :param error: None if it was done.
        :return: False if it could not be written.
        """
        if isinstance(error, AccessDenied) and not self._may_record_refusal(principal):
            if self._limiter.should_log(principal.name) is not None:
                log.warn(  # noqa: G010 - the name that Twisted's Logger has
                    "refusals are left out of the audit trail: more than {most} a minute",
                    most=REFUSALS_A_MINUTE,
                    peer=principal.origin,
                )
            return True
        record = access.audit_record(
            principal, verb, arguments, iso(self._wall_ms()), outcome(error)
        )
        try:
            await self._store.append_audit(record).addTimeout(AUDIT_S, self._clock)
        except StoreUnavailable as reason:
            log.error(
                "no audit record of {record}: {reason}", record=record, reason=reason
            )
            return False
        except Exception:  # noqa: BLE001 - whatever it is, the record is not there
            log.failure("no audit record of {record}", record=record)
            return False
        return True

    def _may_record_refusal(self, principal: Principal) -> bool:
        minute = int(self._clock.seconds() // 60)
        at, count = self._refusals.get(principal.name, (minute, 0))
        count = count + 1 if at == minute else 1
        self._refusals[principal.name] = (minute, count)
        return count <= REFUSALS_A_MINUTE


def outcome(error: GatewayError | None) -> str:
    """How the use of a verb ended. No text of the error: it may hold an argument that is
    secret."""
    if error is None:
        return "done"
    if isinstance(error, AccessDenied):
        return "refused"
    return f"failed: {ERRORS[type(error)].decode()}"
