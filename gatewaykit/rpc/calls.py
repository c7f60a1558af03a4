"""The one way through which every call goes: role, arguments, answer, audit trail.

What comes out is an answer or one of the errors that a verb may have, never anything else:
an error that AMP does not know would end the connection for every other call on it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.protocols import amp

from gatewaykit import access, metrics
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    GatewayError,
    InternalError,
    StoreUnavailable,
)
from gatewaykit.interfaces import IStore
from gatewaykit.rpc.answers import Answer
from gatewaykit.rpc.arguments import encode_error
from gatewaykit.rpc.sessions import Session
from gatewaykit.rpc.trail import Trail, outcome
from gatewaykit.rpc.verbs import ERRORS, Verb

log = Logger()


def random_reference() -> str:
    return secrets.token_hex(4)


class Calls:
    """Answers requests, whichever connection they came by; see `RpcFactory`."""

    def __init__(
        self,
        answers: Mapping[type[Verb], Answer],
        store: IStore,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
        deadline_s: float | None,
        new_reference: Callable[[], str],
    ) -> None:
        self._answers = {verb.commandName: (verb, answers[verb]) for verb in answers}
        self._trail = Trail(store, clock, wall_ms)
        self._clock = clock
        self._deadline_s = deadline_s
        self._new_reference = new_reference

    async def answer(self, box: amp.AmpBox, session: Session) -> amp.AmpBox:
        """Answer one request, or raise the `RemoteAmpError` that tells the client why not.

        Nothing else is ever raised: what AMP does not know closes the connection.
        """
        command = box[amp.COMMAND]
        if command not in self._answers:
            text = f"unknown verb {command[:100]!r}"
            raise amp.RemoteAmpError(amp.UNHANDLED_ERROR_CODE, text)
        verb, answer = self._answers[command]
        error: GatewayError | None = None
        refusal: GatewayError | None = None
        try:
            response, refusal = await self._guarded(verb, answer, box, session)
        except GatewayError as caught:
            error = caught
        if not await self._audited(verb, box, session, error or refusal):
            # The client must not take for recorded what is not.
            error = error or StoreUnavailable("done, but the audit trail lacks it")
        metrics.rpc_calls.labels(verb.name(), outcome(error)).inc()
        if error is not None:
            code = ERRORS[type(error)]
            raise amp.RemoteAmpError(code, encode_error(error))
        return response

    async def _guarded(
        self, verb: type[Verb], answer: Answer, box: amp.AmpBox, session: Session
    ) -> tuple[amp.AmpBox, GatewayError | None]:
        """The answer, and what the audit trail is to tell of it. Whatever goes wrong in
        here is one of the errors that a verb may have."""
        seconds = verb.deadline_s if self._deadline_s is None else self._deadline_s
        try:
            access.check(session.principal, verb.weighed_as(_as_text(verb, box)))
            arguments = verb.parseArguments(box, None)
            if verb.in_session:
                arguments["session"] = session
            result = await Deferred.fromCoroutine(answer(**arguments)).addTimeout(
                seconds, self._clock
            )
            response: amp.AmpBox = verb.makeResponse(result, None)
            refusal = verb.refusal(result)
        except defer.TimeoutError:
            raise CallTimeout(verb.name(), seconds) from None
        except Exception as error:
            if type(error) in ERRORS:
                raise
            reference = self._new_reference()
            log.failure(
                "{verb} failed, {reference}", verb=verb.name(), reference=reference
            )
            raise InternalError(reference) from error
        return response, refusal

    async def _audited(
        self,
        verb: type[Verb],
        box: amp.AmpBox,
        session: Session,
        error: GatewayError | None,
    ) -> bool:
        """Write down how the use of a verb ended, where it has to be; False if that could
        not be done."""
        if not verb.changes or (verb.audits_itself and error is None):
            return True
        arguments = _as_text(verb, box)
        if not isinstance(error, AccessDenied) and not verb.has_effect(arguments):
            return True
        return await self._trail.record(
            session.principal, verb.name(), verb.auditable(arguments), error
        )


def _as_text(verb: type[Verb], box: amp.AmpBox) -> dict[str, str]:
    """The arguments as they came, even those that could not be read."""
    return {
        name.decode(): box[name].decode("utf-8", "backslashreplace")
        for name, _ in verb.arguments
        if name in box
    }
