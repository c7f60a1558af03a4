"""A gateway in memory behind the command line: no socket, no reactor, no time."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from click.testing import CliRunner, Result
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

import gatewaykit
from gatewaykit.access import Principal, Role
from gatewaykit.cli.invocation import Invocation
from gatewaykit.cli.main import main
from gatewaykit.errors import MisuseError, NotFound
from gatewaykit.interfaces import ICommands, Page, Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.answers import Answer
from gatewaykit.rpc.client import GatewayClient, GatewayHealth, GatewayInfo
from gatewaykit.rpc.command_answers import CommandAnswers
from gatewaykit.rpc.command_calls import CommandCalls
from gatewaykit.rpc.device_answers import DeviceAnswers
from gatewaykit.rpc.modem_answers import ModemAnswers
from gatewaykit.rpc.modem_calls import ModemAvailability
from gatewaykit.rpc.mount_answers import MountAnswers
from gatewaykit.rpc.mount_calls import MountCalls
from gatewaykit.rpc.sessions import Session
from gatewaykit.testing import MemoryModem, MemoryMount, MemoryStore
from gatewaykit.tts160.registry import Registry

IMEI = "865083030000012"
OTHER = "865083030000029"
ENDPOINT = "unix:/run/nowhere.sock"
PAGE = 2


def device(imei: str = IMEI, **fields: Any) -> Record:
    return {
        "imei": imei,
        "name": "van",
        "status": "online",
        "last_seen": "2026-01-31T12:00:00.250Z",
        "ignition": True,
        "policy": "accepted",
        "latest": {
            "gps_time": "2026-01-31T11:59:59Z",
            "longitude": 8.5,
            "latitude": 47.25,
            "speed_kmh": 50.5,
        },
    } | fields


def process_environment() -> dict[str, str]:
    """For a process of its own, which does not run where the package lies."""
    root = Path(gatewaykit.__file__).parent.parent
    return {**os.environ, "PYTHONPATH": str(root), "PYTHONUNBUFFERED": ""}


class FakeGateway:
    """What the gateway holds; `failures` are raised by the next calls, one each."""

    def __init__(self) -> None:
        self.devices: list[Record] = []
        self.reports: list[Record] = []
        self.events: list[Record] = []
        self.health = GatewayHealth("ok", {})
        self.policies: dict[str, str] = {}
        self.modem: MemoryModem | None = None
        self.mount: MemoryMount | None = None
        self.commands: ICommands | None = None
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.failures: list[Exception | None] = []
        self.refusals: list[Exception | None] = []
        self.asked: list[tuple[Any, ...]] = []
        self.endpoints: list[str] = []
        self.open = 0

    def connect(self, endpoint: str, reactor: Any) -> Deferred[GatewayClient]:
        self.endpoints.append(endpoint)
        refusal = self.refusals.pop(0) if self.refusals else None
        if refusal is not None:
            return fail(refusal)
        self.open += 1
        return succeed(cast(GatewayClient, FakeClient(self)))


class FakeClient(CommandCalls, MountCalls):
    """As strict as the real one: closed is closed, an IMEI has its form."""

    def __init__(self, gateway: FakeGateway) -> None:
        self._gateway = gateway
        self._closed = False
        self._answers: dict[type[verbs.Verb], Answer] = {
            **MountAnswers(gateway.mount, Registry).table(),
            **CommandAnswers(gateway.commands, gateway.store).table(),
            **DeviceAnswers(gateway.store, None).table(),
            verbs.SetPolicy: self._set_policy,
        }
        self._session = Session(Principal("fake", frozenset(Role), "unix"))

    def _ask(self, imei: str | None = None) -> None:
        if self._closed:
            raise AssertionError("used after close")
        failure = self._gateway.failures.pop(0) if self._gateway.failures else None
        if failure is not None:
            raise failure
        if imei is not None and not re.fullmatch("[0-9]{15}", imei):
            raise MisuseError("imei", imei, "15 digits")

    def _answer(self, value: Any, imei: str | None = None) -> Deferred[Any]:
        try:
            self._ask(imei)
        except Exception:  # noqa: BLE001 - the real one's Deferreds fail, whatever it was
            return fail(Failure())
        return succeed(value)

    def _piece(self, records: list[Record], cursor: str | None) -> Page:
        start = int(cursor or 0)
        end = start + PAGE
        return Page(records[start:end], str(end) if end < len(records) else None)

    def info(self) -> Deferred[GatewayInfo]:
        return self._answer(
            GatewayInfo("0.1.0", 1, "3.11.7", "26.10", 273906.5, self._subsystems())
        )

    def _subsystems(self) -> list[str]:
        found = ["gv50"]
        if self._gateway.modem is not None:
            found.append("sim7600")
        if self._gateway.mount is not None:
            found.append("tts160")
        return found

    def health(self) -> Deferred[GatewayHealth]:
        return self._answer(self._gateway.health)

    def devices(
        self,
        cursor: str | None = None,
        limit: int | None = None,
        policy: str | None = None,
    ) -> Deferred[Page]:
        found = self._gateway.devices
        if policy is not None:
            found = [record for record in found if record["policy"] == policy]
        return self._answer(self._piece(found, cursor))

    def device(self, imei: str) -> Deferred[Record]:
        for record in self._gateway.devices:
            if record["imei"] == imei:
                return self._answer(record, imei)
        return (
            fail(NotFound("device", imei)) if len(imei) == 15 else self._answer(0, imei)
        )

    async def iter_devices(self) -> AsyncIterator[Record]:
        self._ask()
        for record in list(self._gateway.devices):
            yield record

    async def iter_history(
        self, imei: str, since: datetime | None = None, until: datetime | None = None
    ) -> AsyncIterator[Record]:
        self._gateway.asked.append((imei, since, until))
        for record in self._gateway.reports:
            self._ask(imei)
            yield record

    async def iter_events(self, imei: str | None = None) -> AsyncIterator[Record]:
        self._ask(imei)
        for event in self._gateway.events:
            if imei in {None, event["imei"]}:
                yield event

    def set_policy(self, imei: str, policy: str) -> Deferred[None]:
        answer = self._answer(None, imei)
        self._gateway.policies[imei] = policy
        return answer

    async def _set_policy(self, imei: str, policy: str) -> Record:
        self._gateway.policies[imei] = policy
        return {}

    def acknowledge_damage(self) -> Deferred[int]:
        return self._answer(2)

    def _modem(self, verb: type[verbs.Verb], **arguments: Any) -> Deferred[Any]:
        """What the gateway answers; the arguments go the way that they go to it."""

        async def ask() -> Any:
            self._ask()
            arrived = verb.parseArguments(verb.makeArguments(arguments, None), None)
            table = ModemAnswers(self._gateway.modem).table()
            return await table[verb](**arrived)

        return Deferred.fromCoroutine(ask())

    def network_status(self) -> Deferred[Record]:
        return self._modem(verbs.NetworkStatus).addCallback(lambda a: a["network"])

    def gnss_location(self) -> Deferred[Record]:
        return self._modem(verbs.GNSSLocation).addCallback(lambda a: a["location"])

    def modem_available(self) -> Deferred[ModemAvailability]:
        asked = self._modem(verbs.ModemAvailable)
        return asked.addCallback(lambda answer: ModemAvailability(**answer))

    def modem_info(self) -> Deferred[Record]:
        return self._modem(verbs.ModemInfo).addCallback(lambda a: a["modem"])

    async def iter_modem_events(self) -> AsyncIterator[Record]:
        for event in (await self._modem(verbs.ListModemEvents))["records"]:
            yield event

    def list_sms(self) -> Deferred[list[Record]]:
        return self._modem(verbs.ListSMS).addCallback(lambda a: a["messages"])

    def send_sms(self, number: str, text: str) -> Deferred[Record]:
        asked = self._modem(verbs.SendSMS, number=number, text=text)
        return asked.addCallback(lambda answer: answer["sent"])

    def delete_sms(
        self, index: int | None = None, *, everything: bool = False
    ) -> Deferred[int]:
        asked = self._modem(verbs.DeleteSMS, index=index, all=everything or None)
        return asked.addCallback(lambda answer: answer["deleted"])

    def send_at_command(self, command: str) -> Deferred[list[str]]:
        asked = self._modem(verbs.SendATCommand, command=command)
        return asked.addCallback(lambda answer: answer["lines"])

    async def _call(self, verb: type[verbs.Verb], **arguments: Any) -> dict[str, Any]:
        """A call that is answered as the gateway does it, and the answer as it would arrive."""
        self._ask()
        given = verb.parseArguments(verb.makeArguments(arguments, None), None)
        if verb.in_session:
            given["session"] = self._session
        answered = await self._answers[verb](**given)
        return verb.parseResponse(verb.makeResponse(answered, None), None)

    def close(self) -> Deferred[None]:
        self._closed = True
        self._gateway.open -= 1
        self._session.end()
        return succeed(None)


def react(
    main: Callable[[Any], Coroutine[Deferred[Any], Any, Any]], clock: Clock
) -> Any:
    """Run to the end, with as much time as it takes."""
    results: list[Any] = []
    Deferred.fromCoroutine(main(clock)).addBoth(results.append)
    for _ in range(400):
        if results:
            break
        clock.advance(1)
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return result


def gatewayctl(
    gateway: FakeGateway,
    *args: str,
    env: dict[str, str | None] | None = None,
    input: str | bytes | None = None,
) -> Result:
    """Run the command line against `gateway`."""
    invocation = Invocation(
        connect=gateway.connect, react=lambda main: react(main, gateway.clock)
    )
    environment = {"GATEWAYKIT_ENDPOINT": ENDPOINT} | (env or {})
    return CliRunner(env=environment).invoke(main, args, input, obj=invocation)
