"""Vehicles that drive in and out of dead spots for minutes, where the network holds back what
goes either way and lets it go later: nothing of a command arrives after it has expired."""

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import datetime
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

from gatewaykit.gv50 import connection
from gatewaykit.gv50.commands import parse
from tests.gv50.support import IMEI, START_MS, Line
from tests.gv50.vehicles import CommandCase

STEP_S = 0.25
MINUTES = 8
DRIVES = 40
REPEATED = "gps_state"
"""A kind that may be written again: it only asks."""

_COMMAND = re.compile(rb"AT\+[^$]*\$")


class Network(StringTransport):
    """What lies between the gateway and a vehicle.

    :ivar known: whether our own TCP notices that nothing arrives; where a proxy of the
        carrier's takes it, it does not.
    """

    def __init__(self, *, known: bool, **more: Any) -> None:
        super().__init__(**more)
        self.known = known
        self.holds = False
        self.held = b""

    @property
    def unacknowledged(self) -> int:
        return len(self.held) if self.known else 0

    def write(self, data: bytes) -> None:
        if self.holds:
            self.held += data
        else:
            super().write(data)

    def let_go(self) -> None:
        self.holds = False
        held, self.held = self.held, b""
        super().write(held)

    def abortConnection(self) -> None:
        self.held = b""
        super().abortConnection()


class Drive:
    """A vehicle in the gateway's eyes and its own."""

    def __init__(self, case: DeadSpotCase, dice: random.Random) -> None:
        self.case = case
        self.dice = dice
        self.line: Line | None = None
        self.level = 0
        self.up: list[bytes] = []
        """On its way to the gateway."""
        self.holds_up = False
        self.got: list[tuple[str, str, float]] = []
        """Type, serial and time."""
        self.acknowledged: set[str] = set()
        """Serials whose ACK has come to the gateway."""
        self.cut = 0

    @property
    def network(self) -> Any:
        assert self.line is not None
        return self.line.transport

    def connect(self) -> None:
        line = self.line = self.case.connect()
        line.protocol.connectionLost()
        peer = IPv4Address("TCP", "10.0.0.1", 50_000)
        known = self.dice.random() < 0.5
        line.transport = Network(known=known, peerAddress=peer)
        line.protocol = self.case.factory.buildProtocol(None)
        line.protocol.makeConnection(line.transport)
        self.up = []
        self.holds_up = False

    def lose(self) -> None:
        assert self.line is not None
        self.line.end()
        self.line = None
        self.up = []

    def step(self) -> None:
        dice = self.dice
        if self.line is None:
            if dice.random() < 0.1:
                self.connect()
            return
        if self.line.aborted or self.line.closing:
            self.cut += 1
            self.lose()
            return
        if dice.random() < 0.002:
            self.lose()
            return
        if dice.random() < 0.02:
            if self.network.holds:
                self.network.let_go()
            else:
                self.network.holds = True
        if dice.random() < 0.02:
            self.holds_up = not self.holds_up
        for text in _COMMAND.findall(self.line.received()):
            self.obey(text)
        if dice.random() < 0.15:
            self.say(self.case.position(type="GTFRI", status=f"11000{self.level}"))
        if not self.holds_up and self.up:
            up, self.up = self.up, []
            for frame in up:
                if frame.startswith(b"+ACK"):
                    self.acknowledged.add(frame.split(b",")[-3].decode())
            self.line.send(*up)

    def say(self, frame: bytes) -> None:
        self.up.append(frame)

    def obey(self, text: bytes) -> None:
        written = parse(text)
        self.got.append((written.type, written.serial, self.case.clock.seconds()))
        if written.type == "GTOUT":
            self.level = int(written.values[0])
        self.say(self.case.ack(written))
        if written.type == "GTRTO" and written.values[0] == "1":
            self.say(self.case.position(status=f"11000{self.level}"))


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() - START_MS / 1000


class DeadSpotCase(CommandCase):
    """Commands to a vehicle that comes and goes."""

    def setUp(self) -> None:
        super().setUp()

        def unacknowledged(network: Any) -> int:
            assert isinstance(network, Network | StringTransport)
            return getattr(network, "unacknowledged", 0)

        self.patch(connection, "unacknowledged", unacknowledged)

    def drive(self, seed: int, **told: Any) -> tuple[Drive, list[str]]:
        self.configure()
        self.begin(per_vehicle=1000, per_principal=1000, **told)
        dice = random.Random(seed)
        drive = Drive(self, dice)
        drive.connect()
        drive.say(self.position())
        drive.step()
        ids = []
        for _ in range(round(MINUTES * 60 / STEP_S)):
            self.clock.advance(STEP_S)
            drive.step()
            if dice.random() < 0.02:
                kind = dice.choice(("block", "unblock", REPEATED))
                ids.append(self.queue(kind, expires_in_s=60.0))
        return drive, ids


class DeadSpotTests(DeadSpotCase):
    def test_nothing_arrives_after_it_has_expired(self) -> None:
        ends: Counter[str] = Counter()
        cut = 0
        for seed in range(DRIVES):
            drive, ids = self.drive(seed, ack_timeout=(5.0, 30.0)[seed % 2])
            cut += drive.cut
            commands = [self.command(id) for id in ids]
            for command in commands:
                self.check(drive, command)
                ends[command["status"]] += 1
            serials = {command["serial"] for command in commands}
            for type, serial, _ in drive.got:
                self.assertTrue(type == "GTRTO" or serial in serials)
        # It was not all plain sailing, nor was nothing ever done.
        self.assertGreater(ends["confirmed"], DRIVES)
        self.assertGreater(ends["failed"], DRIVES)
        self.assertGreater(cut, DRIVES)

    def check(self, drive: Drive, command: Any) -> None:
        serial, attempts = command["serial"], command["attempts"]
        arrived = [at for _, s, at in drive.got if serial is not None and s == serial]
        about = f"{command} {arrived}"
        self.assertLessEqual(len(arrived), attempts, about)
        if command["kind"] != REPEATED:
            self.assertLessEqual(len(arrived), 1, about)
        for at in arrived:
            self.assertLessEqual(at, seconds(command["expires_at"]), about)
        if command["status"] == "confirmed":
            self.assertIn(serial, drive.acknowledged, about)

    def test_what_the_network_holds_is_gone_with_the_connection(self) -> None:
        self.begin(ack_timeout=5.0)
        drive = Drive(self, random.Random(1))
        drive.connect()
        assert drive.line is not None
        drive.line.send(self.position())
        drive.network.known = False
        drive.network.holds = True
        id = self.queue()
        self.assertIn(b"GTOUT", drive.network.held)
        self.look(6)
        self.assertTrue(drive.line.aborted)
        self.assertEqual(drive.network.held, b"")
        self.assertEqual(self.state(id), ("failed", "no acknowledgement within 5 s"))

    def test_what_is_known_not_to_have_arrived_holds_up_the_next(self) -> None:
        drive = Drive(self, random.Random(1))
        drive.connect()
        assert drive.line is not None
        drive.network.known = True
        drive.network.holds = True
        drive.line.send(self.position())
        id = self.queue()
        self.assertNotIn(b"GTOUT", drive.network.held)
        self.assertEqual(
            self.state(id),
            ("pending", "waiting: what was sent before has not arrived yet"),
        )
        drive.network.let_go()
        self.look()
        self.assertIn("GTOUT", [w.type for w in self.commands_of(drive.line)])
        self.assertEqual(self.state(id)[0], "sent")
        self.assertEqual(self.status(IMEI), "online")
