from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.access import Principal, Role
from gatewaykit.errors import AccessDenied, MotionStopped
from gatewaykit.interfaces import Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.sessions import Session
from tests.rpc.common import RpcTestCase

SOMEBODY = Principal("uid:7", frozenset({Role.OPERATOR}), "unix")


class SessionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.session = Session(SOMEBODY)
        self.called: list[int] = []

    def test_endings_are_called_once_and_in_order(self) -> None:
        self.session.on_end(lambda: self.called.append(1))
        self.session.on_end(lambda: self.called.append(2))
        self.assertFalse(self.session.ended)
        self.session.end()
        self.session.end()
        self.assertEqual((self.called, self.session.ended), ([1, 2], True))

    def test_ending_that_comes_too_late_is_called_at_once(self) -> None:
        self.session.end()
        self.session.on_end(lambda: self.called.append(1))
        self.assertEqual(self.called, [1])

    def test_ending_that_raises_keeps_no_other_away(self) -> None:
        self.session.on_end(lambda: self.called.append(1 // 0))
        self.session.on_end(lambda: self.called.append(2))
        self.session.end()
        self.assertEqual(self.called, [2])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_two_of_one_principal_are_two(self) -> None:
        self.assertEqual(len({self.session, Session(SOMEBODY)}), 2)


class Move(verbs.Verb):
    """Something that a client keeps going."""

    role = Role.OPERATOR
    changes = True
    in_session = True
    arguments: ClassVar = [(b"renew", amp.Boolean(optional=True))]

    @classmethod
    def has_effect(cls, arguments: dict[str, str]) -> bool:
        return arguments.get("renew") != "True"


class ServedSessionTests(RpcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.answers = {**self.answers, Move: self.move}
        self.factory = self.make_factory()
        self.sessions: list[Session] = []
        self.failure: Exception | None = None

    async def move(self, *, renew: bool | None, session: Session) -> Record:
        self.sessions.append(session)
        if self.failure is not None:
            raise self.failure
        return {}

    def call(self, client: Any, **arguments: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(client._call(Move, **arguments))

    def test_one_session_a_connection(self) -> None:
        client, other = self.client(), self.client(Role.OPERATOR)
        for caller in (client, client, other):
            self.result(self.call(caller))
        first, again, theirs = self.sessions
        self.assertIs(first, again)
        self.assertIsNot(first, theirs)
        self.assertEqual(
            (first.principal.name, theirs.principal.name), ("admin", "operator")
        )

    def test_session_ends_with_its_connection(self) -> None:
        client, other = self.client(), self.client()
        self.result(self.call(client))
        self.result(self.call(other))
        client.close()
        self.flush()
        self.assertEqual([s.ended for s in self.sessions], [True, False])

    def test_session_ends_when_the_gateway_stops(self) -> None:
        self.result(self.call(self.client()))
        self.factory.close_all()
        self.flush()
        self.assertTrue(self.sessions[0].ended)

    def test_connection_of_nobody_has_none_to_end(self) -> None:
        self.factory.identify = lambda _: None
        _, connection, pump = self.join()
        pump.flush()
        self.successResultOf(connection.lost)

    def test_use_without_an_effect_is_not_recorded(self) -> None:
        client = self.client()
        self.result(self.call(client))
        for _ in range(3):
            self.result(self.call(client, renew=True))
        self.failure = MotionStopped("move", "somebody")
        self.failed(self.call(client, renew=True), MotionStopped)
        (record,) = self.store.audit_records
        self.assertEqual((record["what"], record["arguments"]), ("Move", {}))

    def test_refusal_is_recorded_whatever_the_effect(self) -> None:
        self.failed(self.call(self.client(Role.VIEWER), renew=True), AccessDenied)
        (record,) = self.store.audit_records
        self.assertEqual((record["what"], record["outcome"]), ("Move", "refused"))
