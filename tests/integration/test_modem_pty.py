"""The modem's service and the simulated modem, over real pseudo terminals."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from gatewaykit.errors import GatewayError
from gatewaykit.interfaces import Record
from gatewaykit.sections import Sim7600Settings
from gatewaykit.serialline import line_service
from gatewaykit.sim7600.modem import Modem
from gatewaykit.simulators.modem import ModemBehaviour, ModemFaults, SimulatedModem
from tests.ptys import descriptors, until

QUICK = ModemBehaviour(
    register_after=0.0, fix_after=0.0, boot=0.0, latency=0.0, vanish=0.02, absence=0.1
)
ROUNDS = 100


class PtyTests(TestCase):
    timeout = 120

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.link = Path(directory.name) / "at"
        self.nmea_link = Path(directory.name) / "nmea"

    def simulate(self, **more: Any) -> SimulatedModem:
        simulated = SimulatedModem(
            reactor, self.link, behaviour=QUICK, nmea_link=self.nmea_link, **more
        )
        simulated.start()
        self.addCleanup(simulated.stop)
        return simulated

    def serve(self, **settings: Any) -> Modem:
        chosen: dict[str, Any] = {
            "port": str(self.link),
            "nmea_port": str(self.nmea_link),
            "at_commands": ["AT*"],
        }
        modem = Modem(
            Sim7600Settings(**chosen | settings),
            reactor,
            lambda: int(time.time() * 1000),
            partial(line_service, delays=(0.02,), jitter=lambda: 0.0),
        )
        modem.start()
        self.addCleanup(modem.stop)
        return modem

    def ready(self, modem: Modem) -> Awaitable[object]:
        return until(reactor, lambda: modem.health()["state"] == "ready")

    async def fix(self, modem: Modem) -> Record:
        while True:
            try:
                record = await modem.location()
            except GatewayError:
                await until(reactor, lambda: modem.health()["state"] == "ready")
                continue
            if record["fix_status"] == "valid":
                return record
            await _pause(0.05)

    async def test_fix_network_and_satellites(self) -> None:
        self.simulate()
        modem = self.serve()
        record = await self.fix(modem)
        self.assertAlmostEqual(record["latitude"], -19.92, 1)
        network = await modem.network_status()
        self.assertEqual((network["connected"], network["technology"]), (True, "LTE"))
        await until(reactor, lambda: modem.health()["status"] == "ok")

    async def test_many_ask_at_once(self) -> None:
        simulated = self.simulate()
        modem = self.serve()
        await self.ready(modem)
        before = simulated.commands
        calls = [modem.location() for _ in range(1000)]
        calls += [modem.network_status() for _ in range(1000)]
        await gatherResults(calls)
        self.assertLessEqual(simulated.commands - before, 4)

    async def test_hundred_times_unplugged_and_plugged_in(self) -> None:
        simulated = self.simulate()
        modem = self.serve()
        await self.ready(modem)
        open_before = len(descriptors())
        ports = set()
        for _ in range(ROUNDS):
            simulated.unplug()
            await until(reactor, lambda: modem.health()["state"] == "absent")
            simulated.replug()
            await self.ready(modem)
            ports.add(str(self.link.readlink()))
        self.assertGreater(len(ports), 1)
        self.assertLessEqual(len(descriptors()), open_before + 2)
        events = modem.events(None, 10 * ROUNDS).records
        connected = [e for e in events if e["event"] == "connected"]
        self.assertEqual(len(connected), ROUNDS + 1)
        self.assertTrue(simulated.gnss_is_on)

    async def test_reset_by_command_moves_the_port_and_gnss_goes_on(self) -> None:
        simulated = self.simulate()
        modem = self.serve()
        await self.fix(modem)
        before = self.link.readlink()
        await modem.command("AT+CRESET")
        await until(reactor, lambda: modem.health()["state"] == "absent")
        await self.ready(modem)
        await self.fix(modem)
        self.assertNotEqual(self.link.readlink(), before)
        self.assertTrue(simulated.gnss_is_on)

    async def test_gnss_is_off_in_the_end(self) -> None:
        simulated = self.simulate()
        modem = self.serve()
        await self.ready(modem)
        self.assertTrue(simulated.gnss_is_on)
        await modem.stop()
        await until(reactor, lambda: not simulated.gnss_is_on)

    async def test_message_comes_in(self) -> None:
        simulated = self.simulate()
        modem = self.serve()
        await self.ready(modem)
        told: list[Record] = []
        modem.subscribe(lambda _, record: told.append(record), "event")
        text = "Grüße, 你好! " * 20
        simulated.receive_sms("+447700900123", text)
        await until(reactor, lambda: any(e["event"] == "sms" for e in told))
        (message,) = await modem.list_sms()
        self.assertEqual((message["text"], message["number"]), (text, "+447700900123"))
        self.assertEqual(await modem.delete_sms(message["index"]), message["parts"])
        self.assertEqual(await modem.list_sms(), [])

    async def test_message_goes_out(self) -> None:
        simulated = self.simulate()
        modem = self.serve()
        await self.ready(modem)
        text = "€ and 你 " * 40
        sent = await modem.send_sms("+447700900123", text)
        self.assertEqual(sent["parts"], len(simulated.sent_messages))

    async def test_faults_of_every_kind_raise_nothing_and_hold_nobody_up(self) -> None:
        faults = ModemFaults(garbage=0.1, half=0.02, echo=0.1, urc=0.2, endless=0.02)
        simulated = self.simulate(faults=faults)
        modem = self.serve(timeout=1.0)
        longest, until_s = 0.0, time.monotonic() + 6.0
        while time.monotonic() < until_s:
            began = time.monotonic()
            for ask in (modem.location, modem.network_status, modem.available):
                await _quietly(ask)
            longest = max(longest, time.monotonic() - began)
            await _pause(0.05)
        simulated.faults.garbage = simulated.faults.half = simulated.faults.urc = 0.0
        simulated.faults.echo = simulated.faults.endless = 0.0
        await until(reactor, lambda: modem.health()["state"] == "ready")
        self.assertEqual((await self.fix(modem))["fix_status"], "valid")
        self.assertLess(longest, 6.5)


async def _quietly(ask: Callable[[], Deferred[Any]]) -> None:
    try:
        await ask()
    except GatewayError:
        return


def _pause(seconds: float) -> Deferred[None]:
    waited: Deferred[None] = Deferred()
    reactor.callLater(seconds, waited.callback, None)
    return waited
