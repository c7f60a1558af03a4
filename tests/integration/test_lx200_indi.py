"""INDI's LX200 drivers of Debian, over the gateway to the simulated mount, all as processes."""

from __future__ import annotations

import calendar
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from typing import Any

from twisted.trial.unittest import SkipTest

from tests.integration.daemon import (
    LISTENING,
    PATIENCE_S,
    Daemon,
    DaemonTestCase,
    environment,
    eventually,
)

GATEWAYCTL = (sys.executable, "-m", "gatewaykit.cli")
BASIC, GENERIC = "LX200 Basic", "Standard LX200"
DRIVERS = {BASIC: "indi_lx200basic", GENERIC: "indi_lx200generic"}
POSITION = "EQUATORIAL_EOD_COORD"
NEAR_DEG = 0.1
"""The drivers look once a second, and the sky moves on by 15 seconds of arc meanwhile; where the
mount does not track it is as much in RA. LX200 itself has 15 seconds of arc in RA."""


def needs(program: str) -> str:
    found = shutil.which(program, path="/usr/bin:/usr/local/bin:/bin")
    if found is None:
        raise SkipTest(f"{program} is not installed")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class IndiTests(DaemonTestCase):
    config = """
[gv50]
listen = []
[rpc]
listen = ["unix:gk.sock"]
[tts160]
port = "mount"
[lx200]
listen = ["tcp:0:interface=127.0.0.1", "tcp:0:interface=127.0.0.1"]
profile = ["common", "indi"]
"""

    def setUp(self) -> None:
        super().setUp()
        for program in (*DRIVERS.values(), "indi_getprop", "indi_setprop"):
            needs(program)
        link = self.directory / "mount"
        self.run_process(*GATEWAYCTL, "simulate", "mount", "--link", str(link))
        eventually(link.is_symlink)
        self.daemon: Daemon = self.start()
        eventually(lambda: bool(self.mount("status")["available"]))
        found = map(LISTENING.search, self.daemon.lines)
        common, indi = (
            int(each[3]) for each in found if each and each[4] == "lx200.listen"
        )
        self.doors = {"common": common, "indi": indi}

    def run_process(self, *command: str, **extra: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            cwd=self.directory,
            env=environment(extra),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def mount(self, *arguments: str) -> Any:
        done = subprocess.run(
            (*GATEWAYCTL, "--endpoint", "unix:gk.sock", "--json", "mount", *arguments),
            cwd=self.directory,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout or "null")

    def run_indi(self, profile: str, *devices: str) -> None:
        """An INDI server with drivers that are connected to the gateway."""
        self.port = free_port()
        home = str(self.directory)
        drivers = [needs(DRIVERS[device]) for device in devices]
        self.server = self.run_process(
            *(needs("indiserver"), "-p", str(self.port), "-u", f"{home}/indi"),
            *drivers,
            HOME=home,
        )
        for device in devices:
            self.connect(device, str(self.doors[profile]))

    def connect(self, device: str, port: str) -> None:
        eventually(lambda: bool(self.get(device, "CONNECTION", "CONNECT")))
        self.set(device, "CONNECTION_MODE", CONNECTION_TCP="On")
        self.set(device, "DEVICE_ADDRESS", ADDRESS="127.0.0.1", PORT=port)
        self.set(device, "CONNECTION", CONNECT="On")
        eventually(lambda: bool(self.state(device)))
        eventually(lambda: _is_near(self.position(device), self.by_the_mount()))

    def get(self, device: str, name: str, *elements: str) -> list[str]:
        """Values of a property; nothing while the driver lacks it."""
        done = subprocess.run(
            (
                *("indi_getprop", "-p", str(self.port), "-t", "1"),
                *(f"{device}.{name}.{element}" for element in elements),
            ),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        found = dict(re.findall(r"\.([^.=\n]+)=(.*)", done.stdout))
        return [found[element] for element in elements if element in found]

    def state(self, device: str) -> list[str]:
        """Idle, Ok, Busy or Alert: of the position, and what moves."""
        return self.get(device, POSITION, "_STATE")

    def set(self, device: str, name: str, **elements: str) -> None:
        names, values = ";".join(elements), ";".join(elements.values())
        spec = f"{device}.{name}.{names}={values}"
        subprocess.run(
            ("indi_setprop", "-p", str(self.port), "-t", "10", spec),
            check=True,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
        )

    def position(self, device: str) -> tuple[float, float]:
        """Right ascension in hours and declination in degrees, by the driver."""
        hours, degrees = map(float, self.get(device, POSITION, "RA", "DEC"))
        return hours, degrees

    def goto(self, device: str, hours: float, degrees: float) -> None:
        self.set(device, POSITION, RA=f"{hours:.6f}", DEC=f"{degrees:.6f}")

    def at_meridian(self, altitude_deg: float) -> tuple[float, float]:
        """Where it is due south in a moment."""
        status = self.mount("status")
        declination = altitude_deg - 90 + status["latitude_deg"]
        return (status["local_sidereal_time_h"] + 0.01) % 24, declination

    def assertNear(
        self, found: tuple[float, float], wanted: tuple[float, float]
    ) -> None:
        self.assertTrue(_is_near(found, wanted), (found, wanted))

    def by_the_mount(self) -> tuple[float, float]:
        status = self.mount("status")
        return status["right_ascension_h"], status["declination_deg"]

    def test_both_drivers_at_once(self) -> None:
        self.run_indi("common", BASIC, GENERIC)
        latitude, longitude = self.get(GENERIC, "GEOGRAPHIC_COORD", "LAT", "LONG")
        self.assertAlmostEqual(float(latitude), 47.07, 1)
        self.assertAlmostEqual(float(longitude), 15.44, 1)
        (utc,) = self.get(GENERIC, "TIME_UTC", "UTC")
        moment = calendar.timegm(time.strptime(utc, "%Y-%m-%dT%H:%M:%S"))
        self.assertLess(abs(time.time() - moment), PATIENCE_S)

        self.arrives(BASIC, self.at_meridian(8.0))
        self.arrives(GENERIC, self.at_meridian(12.0))
        self.is_stopped(BASIC, self.at_meridian(60.0))
        self.is_stopped(GENERIC, self.at_meridian(60.0))

    def arrives(self, device: str, target: tuple[float, float]) -> None:
        """A goto by one driver ends where it shall, and all see it."""
        self.goto(device, *target)
        eventually(lambda: self.state(device) == ["Busy"])
        eventually(lambda: self.state(device) != ["Busy"])
        self.assertNear(self.by_the_mount(), target)
        eventually(lambda: _is_near(self.position(BASIC), target))
        eventually(lambda: _is_near(self.position(GENERIC), target))

    def is_stopped(self, device: str, target: tuple[float, float]) -> None:
        """A goto ends far from its target when the driver is told to abort it."""
        self.goto(device, *target)
        eventually(lambda: bool(self.mount("status")["slewing"]))
        self.set(device, "TELESCOPE_ABORT_MOTION", ABORT="On")
        eventually(lambda: not self.mount("status")["slewing"])
        self.assertLess(self.mount("status")["altitude_deg"], 45)
        eventually(lambda: self.state(device) != ["Busy"])

    def test_refused_goto_leaves_the_drivers_in_step(self) -> None:
        """After a text behind the digit RA and Dec would be exchanged (indi#999)."""
        for profile in ("common", "indi"):
            self.run_indi(profile, BASIC, GENERIC)
            for device in (BASIC, GENERIC):
                self.goto(device, *self.at_meridian(-20.0))
                time.sleep(2.5)  # two looks of the driver
                self.assertNear(self.position(device), self.by_the_mount())
                self.assertNotEqual(self.state(device), ["Busy"])
            self.server.terminate()
            self.server.wait()

    def test_button_time_and_place(self) -> None:
        self.run_indi("indi", GENERIC)
        self.set(GENERIC, "TELESCOPE_MOTION_NS", MOTION_NORTH="On")
        eventually(lambda: self.mount("status")["altitude_deg"] > 3)
        self.assertEqual(self.mount("status")["moving"], ["north"])
        self.set(GENERIC, "TELESCOPE_MOTION_NS", MOTION_NORTH="Off")
        eventually(lambda: self.mount("status")["moving"] == [])

        self.set(GENERIC, "GEOGRAPHIC_COORD", LAT="51.5", LONG="359.8", ELEV="10")
        eventually(lambda: abs(self.mount("status")["latitude_deg"] - 51.5) < 0.02)
        self.assertAlmostEqual(self.mount("status")["longitude_deg"], -0.2, 1)
        self.set(GENERIC, "TIME_UTC", UTC="2026-08-06T04:15:30", OFFSET="5.5")
        eventually(lambda: float(*self.get(GENERIC, "TIME_UTC", "OFFSET")) == 5.5)
        time.sleep(2.5)
        self.assertNear(self.position(GENERIC), self.by_the_mount())

        self.set(GENERIC, "TELESCOPE_MOTION_WE", MOTION_WEST="On")
        eventually(lambda: self.mount("status")["moving"] == ["west"])
        # The client goes with the button held down.
        self.server.kill()
        self.server.wait()
        eventually(lambda: self.mount("status")["moving"] == [])


def _is_near(found: tuple[float, float], wanted: tuple[float, float]) -> bool:
    off_h = (found[0] - wanted[0] + 12) % 24 - 12
    return abs(off_h) * 15 < NEAR_DEG and abs(found[1] - wanted[1]) < NEAR_DEG
