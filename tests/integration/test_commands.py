"""Commands to vehicles as people give them: `gatewayctl`, a gateway, vehicles on sockets."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from typing import Any

from tests.integration.cars import Car, DeadSpots
from tests.integration.daemon import (
    GATEWAYCTL,
    PATIENCE_S,
    Daemon,
    DaemonTestCase,
    environment,
    eventually,
)
from tests.integration.test_faults import free_port, listens

IMEIS = ("865083030000012", "865083030000020", "865083030000038", "865083030000046")
DEVICE_PASSWORD, APN_PASSWORD = "Geh77x", "ApnSecret9"


class VehicleTestCase(DaemonTestCase):
    """A gateway with a log on disk, and cars."""

    commands = 'block_level = "1"\nack_timeout = 5'
    gv50 = ""

    def setUp(self) -> None:
        super().setUp()
        self.port = free_port()
        self.log = self.directory / "gk.log"
        passwords = self.directory / "passwords"
        passwords.write_text(f"GV50 = {DEVICE_PASSWORD}\n")
        passwords.chmod(0o600)
        self.run_gateway()

    def run_gateway(self, commands: str | None = None) -> None:
        self.configure(
            f"[gv50]\nlisten = ['tcp:{self.port}:interface=127.0.0.1']\n{self.gv50}\n"
            "[rpc]\nlisten = ['unix:gk.sock']\n"
            f"[commands]\n{self.commands if commands is None else commands}\n"
            "passwords_file = 'passwords'\n[log]\nlevel = 'debug'\nfile = 'gk.log'\n"
        )
        self.daemon = Daemon(self.directory, ("-c", "gk.toml"))
        self.addCleanup(self.daemon.clean_up)
        eventually(lambda: listens(self.port) and (self.directory / "gk.sock").exists())

    def car(self, imei: str = IMEIS[0], port: int | None = None) -> Car:
        car = Car(port or self.port, imei)
        self.addCleanup(car.end)
        eventually(lambda: car.connections > 0)
        return car

    def ask(self, *arguments: str, code: int = 0) -> list[Any]:
        """What gatewayctl writes when it ends with `code`."""
        done = self.gatewayctl(*arguments)
        self.assertEqual(done.returncode, code, f"{arguments}: {done}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """gatewayctl, which goes on while the test does something."""
        process = subprocess.Popen(
            (*GATEWAYCTL, "--endpoint", "unix:gk.sock", "--json", *arguments),
            cwd=self.directory,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def end(self, process: subprocess.Popen[str], code: int) -> Any:
        """The last record of what was begun."""
        out, err = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, code, out + err)
        return json.loads(out.splitlines()[-1])

    def states(self, records: list[Any]) -> list[str]:
        return [record["status"] for record in records]


class OutcomeTests(VehicleTestCase):
    def test_each_outcome_has_its_exit_code(self) -> None:
        good, idle, fast, mute = (self.car(imei) for imei in IMEIS)
        idle.obeys = False
        fast.speed = 63.0
        mute.acks = False
        eventually(lambda: self.log.read_text().count("identified") == 4)
        failing = self.begin("block", mute.imei, "--wait")
        moving = self.begin("block", fast.imei, "--wait", "--timeout", "2")
        unverified = self.begin("block", idle.imei, "--wait", "--timeout", "3")

        shown = self.ask("block", good.imei, "--wait")
        self.assertEqual(shown[-1]["status"], "confirmed")
        self.assertIsNotNone(shown[-1]["verified_at"])
        self.assertEqual(shown[-1]["wire"].split("=")[1][:6], "***,1,")
        (device,) = self.ask("device", good.imei)
        self.assertTrue(device["blocked"])
        shown = self.ask("unblock", good.imei, "--wait")
        self.assertIsNotNone(shown[-1]["verified_at"])
        self.assertEqual(good.got, ["GTOUT", "GTOUT"])

        record = self.end(moving, 7)
        self.assertEqual(record["status"], "pending")
        self.assertEqual(record["reason"], "waiting: speed 63 km/h")
        (record,) = self.ask("cancel", record["id"])
        self.assertEqual(record["status"], "failed")
        self.assertTrue(record["reason"].startswith("cancelled by "))
        self.ask("cancel", record["id"], code=1)

        record = self.end(unverified, 6)
        self.assertEqual((record["status"], record["verified_at"]), ("confirmed", None))
        self.assertEqual(idle.got, ["GTOUT"])

        record = self.end(failing, 1)
        self.assertEqual(record["reason"], "no acknowledgement within 5 s")
        self.assertEqual(fast.got, [])
        eventually(lambda: mute.connections == 2)
        self.assertEqual(mute.got, ["GTOUT"])

        place = good.place
        good.to_say.append(f"GTIGN,9860,{place},,881.2")
        second = self.car(good.imei)
        eventually(lambda: second.connections > 0)
        wanted = {"blocked", "unblocked", "ignition_on", "takeover"}

        def happened() -> bool:
            events = self.ask("events", good.imei)
            return wanted <= {event["event"] for event in events}

        eventually(happened)
        self.check_audit()

    def check_audit(self) -> None:
        (told,) = self.ask("audit", "verify")
        self.assertTrue(told["unbroken"])
        records = self.ask("audit")
        outcomes = {record["outcome"] for record in records}
        self.assertLessEqual(
            {
                "asked",
                "waiting",
                "sent",
                "confirmed",
                "verified",
                "failed",
                "cancelled",
            },
            outcomes,
        )
        self.daemon.process.terminate()
        self.daemon.finish()
        file = str(self.directory / "gatewaykit.sqlite")
        self.ask("audit", "verify", "--file", file, "--expect", told["newest"])
        with sqlite3.connect(file) as store:
            store.execute(
                "UPDATE audit SET record = replace(record, 'confirmed', 'cancelled')"
                " WHERE sequence = (SELECT max(sequence) FROM audit"
                " WHERE record LIKE '%\"confirmed\"%')"
            )
            self.assertEqual(store.total_changes, 1)
        store.close()
        self.ask("audit", "verify", "--file", file, code=1)
        self.run_gateway()
        self.ask("audit", "verify", code=1)


class SecretTests(VehicleTestCase):
    def test_passwords_are_nowhere(self) -> None:
        fleet = self.begin(
            *("simulate", "fleet", "--server", f"127.0.0.1:{self.port}"),
            *("--vehicles", "1", "--parked", "1", "--interval", "1"),
            *("--password", DEVICE_PASSWORD),
        )
        eventually(lambda: "identified" in self.log.read_text())
        (device,) = self.ask("devices")
        imei = device["imei"]
        self.ask("block", imei, "--wait")
        self.ask("unblock", imei, "--wait")
        apn = ("apn=m2m.example", "user=somebody", f"password={APN_PASSWORD}")
        (*_, record) = self.ask("command", imei, "apn", *apn, "--yes", "--wait")
        self.assertEqual(record["status"], "confirmed")
        self.assertEqual(record["parameters"]["password"], "***")
        self.ask("command", imei, "read_configuration", "--wait")
        eventually(lambda: "GTALL" in self.log.read_text())
        file = self.directory / "gatewaykit.sqlite"

        def dumps() -> int:
            with sqlite3.connect(file) as store:
                (count,) = store.execute(
                    "SELECT count(*) FROM reports WHERE type = 'GTALL'"
                    " AND instr(raw, CAST('***' AS BLOB)) > 0"
                ).fetchone()
            store.close()
            return int(count)

        eventually(lambda: dumps() == 2)
        told = [
            self.gatewayctl(*words).stdout
            for words in (
                ("commands",),
                ("audit",),
                ("events",),
                ("device", imei),
                ("track", imei),
            )
        ]
        fleet.kill()
        self.assertIn("***", told[0])
        kept = {
            path.name: path.read_bytes()
            for path in self.directory.glob("gatewaykit.sqlite*")
        }
        self.assertIn("gatewaykit.sqlite-wal", kept)
        kept["log"] = self.log.read_bytes()
        kept["answers"] = "".join(told).encode()
        self.daemon.process.terminate()
        self.daemon.finish()
        kept["in the end"] = file.read_bytes()
        kept["standard error"] = "".join(self.daemon.lines).encode()
        for name, data in kept.items():
            self.assertNotIn(DEVICE_PASSWORD.encode(), data, name)
        # What is to be sent has to be kept until that is done, not for longer.
        self.assertNotIn(APN_PASSWORD.encode(), kept["in the end"])
        for name in ("log", "answers", "standard error"):
            self.assertNotIn(APN_PASSWORD.encode(), kept[name], name)


class QuarantineTests(VehicleTestCase):
    gv50 = "unknown_devices = 'quarantine'"

    def test_a_vehicle_is_claimed_and_the_switch_is_off(self) -> None:
        car = self.car()
        eventually(lambda: "identified" in self.log.read_text())
        (device,) = self.ask("devices", "--quarantined")
        self.assertEqual(device["imei"], car.imei)
        self.ask("block", car.imei, code=1)
        self.ask("claim", car.imei, "--name", "truck 7", "--block-level", "1")
        self.assertEqual(self.ask("devices", "--quarantined"), [])
        (*_, record) = self.ask("block", car.imei, "--wait")
        self.assertIsNotNone(record["verified_at"])
        self.daemon.process.terminate()
        self.daemon.finish()
        self.run_gateway("enabled = false\nblock_level = '1'")
        eventually(lambda: car.connections == 2)
        refused = self.gatewayctl("unblock", car.imei)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("commands.enabled", refused.stderr)
        (device,) = self.ask("device", car.imei)
        self.assertEqual((device["name"], device["blocked"]), ("truck 7", True))
        self.assertEqual(len(self.ask("commands", car.imei)), 1)
        self.assertEqual(car.got, ["GTOUT"])


class DeadSpotTests(VehicleTestCase):
    def spots(self) -> DeadSpots:
        spots = DeadSpots(self.port)
        self.addCleanup(spots.end)
        return spots

    def test_what_is_held_back_is_never_delivered(self) -> None:
        down, up = self.spots(), self.spots()
        unreached = self.car(IMEIS[0], down.port)
        unheard = self.car(IMEIS[1], up.port)
        eventually(lambda: self.log.read_text().count("identified") == 2)
        down.holds_down = True
        up.holds_up_behind = b"GTOUT"
        first = self.begin("block", unreached.imei, "--expires", "60", "--wait")
        second = self.begin("block", unheard.imei, "--expires", "60", "--wait")
        for process in (first, second):
            record = self.end(process, 1)
            self.assertEqual(record["status"], "failed")
            self.assertEqual(record["reason"], "no acknowledgement within 5 s")
        up.holds_up_behind = b""
        down.holds_down = up.holds_up = False
        eventually(lambda: unreached.connections >= 2 and unheard.connections >= 2)
        time.sleep(1.0)
        self.assertIn(b"GTOUT", down.lost)
        self.assertIn(b"+ACK:GTOUT", up.lost)
        self.assertEqual(unreached.got, [])
        self.assertEqual(unheard.got, ["GTOUT"])
        for imei in IMEIS[:2]:
            (record,) = self.ask("commands", imei)
            self.assertEqual(
                (record["status"], record["confirmed_at"]), ("failed", None)
            )
