from __future__ import annotations

import io
import os
import socket
import sys
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.testing import MemoryReactorClock

from gatewaykit import demo, endpoints, settings
from gatewaykit.errors import ConfigError
from gatewaykit.simulators.encoding import Report
from tests.support import DirectoryTestCase

REPORT = (
    b":GTFRI,090302,864696060004173,,12345,10,1,1,0.0,0,115.8,-38.501234,-12.971598,"
    b"20250727214540,0724,0005,3F2C,1A2B,00,12.3,,,,100,110000,,,,20250727184541,0001$"
)


class AdaptTests(DirectoryTestCase):
    def adapt(self, **environment: str) -> settings.Settings:
        os.environ.update(environment)
        adapted, directory = demo.adapt(settings.load())
        self.addCleanup(demo.remove, directory)
        self.own = directory
        return adapted

    def test_everything_is_on_loopback_and_the_store_does_not_last(self) -> None:
        adapted = self.adapt()
        for text in (*adapted.gv50.listen, *adapted.rpc.listen):
            self.assertTrue(endpoints.locate(text).is_local, text)
        self.assertEqual(Path(adapted.store.path).parent, self.own)
        for port in (
            adapted.sim7600.port,
            adapted.sim7600.nmea_port,
            adapted.tts160.port,
        ):
            self.assertEqual(Path(port).parent, self.own)

    def test_what_somebody_set_stays(self) -> None:
        adapted = self.adapt(
            GATEWAYKIT_GV50__LISTEN="tcp:0",
            GATEWAYKIT_RPC__LISTEN="unix:mine",
            GATEWAYKIT_STORE__PATH="mine.sqlite",
            GATEWAYKIT_SIM7600__PORT="/dev/ttyUSB2",
            GATEWAYKIT_TTS160__PORT="/dev/ttyUSB3",
        )
        self.assertEqual(adapted.tts160.port, "/dev/ttyUSB3")
        self.assertEqual(adapted.lx200.listen, [])
        self.assertIsNone(demo.mount(MemoryReactorClock(), adapted, self.own))
        self.assertEqual(adapted.sim7600.port, "/dev/ttyUSB2")
        self.assertEqual(adapted.sim7600.nmea_port, "")
        self.assertIsNone(demo.modem(MemoryReactorClock(), adapted, self.own))
        self.assertEqual(adapted.gv50.listen, ["tcp:0"])
        self.assertEqual(adapted.rpc.listen, ["unix:mine"])
        self.assertEqual(adapted.store.path, "mine.sqlite")

    def test_the_modem_is_at_the_links_that_were_set(self) -> None:
        adapted = self.adapt()
        modem = demo.modem(MemoryReactorClock(), adapted, self.own)
        assert modem is not None
        self.assertEqual(str(modem.link), adapted.sim7600.port)
        assert modem.nmea_link is not None
        self.assertEqual(str(modem.nmea_link), adapted.sim7600.nmea_port)

    def test_the_mount_is_at_its_link(self) -> None:
        adapted = self.adapt()
        mount = demo.mount(MemoryReactorClock(), adapted, self.own)
        assert mount is not None
        self.assertEqual(str(mount.link), adapted.tts160.port)

    def test_planetarium_programs_find_the_mount_where_that_port_is_free(self) -> None:
        self.patch(endpoints, "probe", lambda _places: None)
        door = "tcp:4030:interface=127.0.0.1"
        self.assertEqual(self.adapt().lx200.listen, [door])
        self.assertEqual(self.adapt(GATEWAYKIT_LX200__LISTEN="").lx200.listen, [])

        def is_taken(places: list[tuple[str, str]]) -> None:
            raise ConfigError(*places[0], "free")

        self.patch(endpoints, "probe", is_taken)
        del os.environ["GATEWAYKIT_LX200__LISTEN"]
        self.assertEqual(self.adapt().lx200.listen, [])

    def test_an_nmea_port_of_somebody_is_left_alone(self) -> None:
        adapted = self.adapt(GATEWAYKIT_SIM7600__NMEA_PORT="/dev/ttyUSB1")
        self.assertEqual(adapted.sim7600.nmea_port, "/dev/ttyUSB1")
        modem = demo.modem(MemoryReactorClock(), adapted, self.own)
        assert modem is not None
        self.assertIsNone(modem.nmea_link)

    def test_places_of_another_gateway_are_left_to_it(self) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("gatewaykit.sock")
            server.listen()
            adapted = self.adapt()
        self.assertIn(str(self.own), adapted.rpc.listen[0])

    def test_remove(self) -> None:
        self.adapt()
        demo.remove(self.own)
        self.assertFalse(self.own.exists())


class FakePort:
    def __init__(self, address: object) -> None:
        self.address = address

    def getHost(self) -> object:
        return self.address


class FakeDoor:
    def __init__(self, *addresses: object) -> None:
        self.ports = [FakePort(address) for address in addresses]


class FakeFleet:
    def __init__(self, *arguments: Any, acknowledged: Any, behaviour: Any) -> None:
        self.arguments = arguments
        self.behaviour = behaviour
        self.acknowledged = acknowledged
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")


class ShowTests(DirectoryTestCase):
    planetariums: str | None = None

    def show(self, clients: str | None, *addresses: object) -> demo.Show:
        self.out = io.StringIO()

        def make(*arguments: Any, **keywords: Any) -> Any:
            self.fleet = FakeFleet(*arguments, **keywords)
            return self.fleet

        door: Any = FakeDoor(*addresses)
        return demo.Show(
            MemoryReactorClock(),
            door,
            clients,
            self.out,
            make,
            simulated={"SIM7600 modem": Path("/tmp/at")},
            planetariums=self.planetariums,
        )

    def test_fleet_connects_where_trackers_are_awaited(self) -> None:
        show = self.show(
            None,
            UNIXAddress("x"),
            IPv4Address("TCP", "0.0.0.0", 5001),
        )
        show.start()
        self.assertEqual(self.fleet.arguments[1:3], ("127.0.0.1", 5001))
        show.stop()
        self.assertEqual(self.fleet.calls, ["start", "stop"])
        self.assertIn("A simulated SIM7600 modem is at /tmp/at.\n", self.out.getvalue())
        self.assertNotIn("LX200", self.out.getvalue())

    def test_tells_where_planetarium_programs_connect(self) -> None:
        for self.planetariums, where in (
            ("tcp:4030:interface=127.0.0.1", "port 4030"),
            ("unix:/x/y.sock", "/x/y.sock"),
        ):
            self.show(None, IPv4Address("TCP", "127.0.0.1", 5000)).start()
            self.assertIn(f"mount (LX200) at {where}.\n", self.out.getvalue())

    def test_without_a_port_there_is_nothing_to_show(self) -> None:
        show = self.show(None, UNIXAddress("x"))
        self.assertRaises(ConfigError, show.start)
        self.assertIsNone(show.stop())

    def test_hint(self) -> None:
        os.environ["XDG_RUNTIME_DIR"] = str(Path.cwd())
        for clients, words in (
            (None, "nothing to see"),
            ("unix:gatewaykit/gatewaykit.sock", "gatewayctl watch\n"),
            ("unix:gatewaykit.sock", f"--endpoint unix:{Path.cwd()}/gatewaykit.sock"),
            ("unix:/x/y.sock", "gatewayctl --endpoint unix:/x/y.sock watch"),
            ("tcp:7601:interface=127.0.0.1", "--endpoint tcp:127.0.0.1:7601 watch"),
            ("unix:/x/y.sock", "unix:/x/y.sock block 865083030000194 --wait\n"),
        ):
            self.show(clients, IPv4Address("TCP", "127.0.0.1", 5000)).start()
            self.assertIn(words, self.out.getvalue())

    def test_hint_is_short_where_the_command_is_on_the_path(self) -> None:
        Path("gatewayctl").touch(mode=0o700)
        os.environ["PATH"] = str(Path.cwd())
        self.show("unix:x", IPv4Address("TCP", "127.0.0.1", 5000)).start()
        self.assertIn(" gatewayctl --endpoint", self.out.getvalue())

    def test_hint_names_the_command_where_it_is_not_on_the_path(self) -> None:
        os.environ["PATH"] = ""
        self.show("unix:x", IPv4Address("TCP", "127.0.0.1", 5000)).start()
        command = Path(sys.executable).with_name("gatewayctl")
        self.assertIn(f" {command} --endpoint", self.out.getvalue())

    def test_each_report_is_one_line(self) -> None:
        show = self.show(None, IPv4Address("TCP", "127.0.0.1", 5000))
        show.start()
        before = len(self.out.getvalue())
        report = Report("GTFRI", "20250727184541", "0001", REPORT)
        self.fleet.acknowledged("864696060004173", report, 0.0031)
        line = self.out.getvalue()[before:]
        self.assertEqual(line.count("\n"), 1)
        for words in ("864696060004173", "GTFRI", "-12.97160", "in 3.1 ms"):
            self.assertIn(words, line)
