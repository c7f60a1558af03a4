"""A gateway and its clients, joined in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.test import iosim
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gatewaykit.access import Principal, Role
from gatewaykit.interfaces import IFleet, IHealth, Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.answers import Answer, GatewayAnswers
from gatewaykit.rpc.caller import ClientProtocol
from gatewaykit.rpc.client import GatewayClient
from gatewaykit.rpc.command_answers import CommandAnswers
from gatewaykit.rpc.device_answers import DeviceAnswers
from gatewaykit.rpc.modem_answers import ModemAnswers
from gatewaykit.rpc.mount_answers import MountAnswers
from gatewaykit.rpc.server import GatewayServer, RpcFactory
from gatewaykit.testing import (
    MemoryCommands,
    MemoryModem,
    MemoryMount,
    MemoryStore,
)
from gatewaykit.tts160.registry import Registry
from gatewaykit.vehicles import Registration

IMEI = "864000000000001"


def report(
    number: int = 0, imei: str = IMEI, *, gps: bool = True, **more: Any
) -> Record:
    minute, second = divmod(number, 60)
    stamp = f"2026-01-31T12:{minute:02}:{second:02}Z"
    position = {"gps_time": stamp if gps else None, "longitude": 1.5, "latitude": 2.5}
    return {
        "id": f"{number:032x}",
        "imei": imei,
        "type": "GTFRI",
        "received_at": stamp,
        "positions": [position],
        **more,
    }


@implementer(IFleet)
class FakeFleet:
    def __init__(self) -> None:
        self.lives: dict[str, Record] = {}
        self.policies: list[tuple[str, str]] = []
        self.registrations: list[tuple[str, Registration]] = []

    def live(self, imei: str) -> Record | None:
        return self.lives.get(imei)

    def counts(self) -> dict[str, int]:
        return {"online": len(self.lives), "offline": 0, "unknown": 0}

    def policy_changed(self, imei: str, policy: str) -> None:
        self.policies.append((imei, policy))

    def registered(self, imei: str, registration: Registration) -> None:
        self.registrations.append((imei, registration))


@implementer(IHealth)
class FakeHealth:
    def __init__(self, name: str, state: Record | Exception) -> None:
        self.name = name
        self.state = state

    def health(self) -> Record:
        if isinstance(self.state, Exception):
            raise self.state
        return self.state


class RpcTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_769_860_800)  # 2026-01-31T12:00:00Z
        self.store = MemoryStore(self.clock)
        self.fleet = FakeFleet()
        self.subsystems: list[FakeHealth] = []
        self.modem = MemoryModem(at_commands=("AT+CSQ", "AT+CPIN*"))
        self.commands = MemoryCommands(self.store)
        self.mount = MemoryMount(self.clock.seconds)
        self.answers: Mapping[type[verbs.Verb], Answer] = {
            **GatewayAnswers(
                self.store, self.fleet, self.subsystems, self.clock
            ).table(),
            **CommandAnswers(self.commands, self.store).table(),
            **DeviceAnswers(self.store, self.fleet).table(),
            **ModemAnswers(self.modem).table(),
            **MountAnswers(self.mount, Registry).table(),
        }
        self.factory = self.make_factory()
        self.role = Role.ADMIN
        self.flushed: list[iosim.IOPump] = []

    def make_factory(self, **settings: Any) -> RpcFactory:
        return RpcFactory(
            self.answers,
            self.store,
            self.clock,
            wall_ms=lambda: 1_772_280_000_000,  # 2026-02-28T12:00:00Z
            identify=lambda _: Principal(
                self.role.value, frozenset({self.role}), "unix"
            ),
            new_reference=lambda: "a-reference",
            **settings,
        )

    def join(self) -> tuple[ClientProtocol, GatewayServer, iosim.IOPump]:
        """A client's protocol and the server's, and what carries bytes between them."""

        def server() -> GatewayServer:
            protocol = self.factory.buildProtocol(None)
            assert protocol is not None
            return protocol

        address = IPv4Address("TCP", "127.0.0.1", 40000)
        return iosim.connectedServerAndClient(
            server,
            ClientProtocol,
            serverTransportFactory=lambda p: iosim.FakeTransport(
                p, isServer=True, peerAddress=address
            ),
            clock=self.clock,
        )

    def client(self, role: Role = Role.ADMIN) -> GatewayClient:
        self.role = role
        protocol, _, pump = self.join()
        self.flushed.append(pump)
        return GatewayClient(protocol, self.clock, "unix:test")

    def flush(self) -> None:
        for pump in self.flushed:
            pump.flush()

    def result(self, call: Deferred[Any]) -> Any:
        self.flush()
        return self.successResultOf(call)

    def failed(self, call: Deferred[Any], kind: type[Exception]) -> Any:
        self.flush()
        return self.failureResultOf(call, kind).value

    def collect(self, records: Any) -> list[Record]:
        """All that an asynchronous iterator gives."""

        async def walk() -> list[Record]:
            return [record async for record in records]

        found = Deferred.fromCoroutine(walk())
        found_records: list[Record] = self.result(found)
        return found_records
