"""What the gateway writes is what a simulated device takes, and the other way round.

Both sides have their tables from the facts, each by itself.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.acks import read_ack
from gatewaykit.gv50.commands import KINDS, Target, build, parse
from gatewaykit.gv50.heads import read_head
from gatewaykit.gv50.reports import decode
from gatewaykit.simulators.orders import Order, read
from tests.simulators.trackers import Device, parked

IMEI = "865083030000012"
SERVER = {
    "host": "203.0.113.10",
    "port": 8000,
    "backup_host": "track.example",
    "backup_port": 8001,
    "heartbeat_min": 5,
    "sack": True,
    "buffer_mode": 1,
}
GV50 = Target("GV50", "0302", 1, server=SERVER)
APN = {"apn": "apn.example", "user": "user", "password": "secret"}
OFFSETS = [
    f"{sign}{hours:02d}:{minutes:02d}"
    for sign in "+-"
    for hours in range(13)
    for minutes in (0, 15, 30, 45)
]

serials = st.integers(0, 0xFFFF).map("{:04X}".format)
hosts = st.sampled_from(["203.0.113.10", "a.example", "x-1.track.example", "10.1.2.3"])
ports = st.integers(1, 65535)
flags = st.booleans()
plain = st.text(
    st.sampled_from([chr(n) for n in range(0x20, 0x7F) if chr(n) not in "$,"]),
    max_size=30,
).filter(lambda text: text != "***")
server = st.fixed_dictionaries(
    {
        "host": hosts,
        "port": ports,
        "backup_host": hosts,
        "backup_port": ports,
        "heartbeat_min": st.one_of(st.just(0), st.integers(5, 360)),
        "sack": flags,
        "buffer_mode": st.integers(0, 2),
    }
)
apn = st.fixed_dictionaries(
    {
        "apn": st.from_regex(r"[0-9A-Za-z._-]{1,40}", fullmatch=True),
        "user": plain,
        "password": plain,
    }
)
PARAMETERS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "server": server,
    "apn": apn,
    "quick_start": st.builds(lambda a, b: {**a, **b}, apn, server),
    "output": st.fixed_dictionaries(
        {"level": st.integers(0, 1)},
        optional={"duration_ds": st.integers(0, 255), "toggles": st.integers(0, 255)},
    ),
    "interval": st.fixed_dictionaries(
        {
            "interval_s": st.integers(5, 86_400),
            "ignition_off_interval_s": st.integers(5, 86_400),
            "corner_deg": st.integers(0, 180),
        }
    ),
    "time": st.fixed_dictionaries(
        {"offset": st.sampled_from(OFFSETS)},
        optional={"daylight_saving": flags, "utc": st.just("20270101000000")},
    ),
    "heartbeat": st.fixed_dictionaries(
        {"interval_min": st.one_of(st.just(0), st.integers(5, 360))}
    ),
    "sack": st.fixed_dictionaries({"enabled": flags}),
    "read_configuration": st.fixed_dictionaries(
        {}, optional={"section": st.sampled_from(["BSI", "SRI", "CFG", "TMA", "FRI"])}
    ),
}
commands = st.sampled_from(sorted(set(KINDS) - {"custom"})).flatmap(
    lambda kind: st.tuples(st.just(kind), PARAMETERS.get(kind, st.just({})))
)


def written(kind: str, target: Target = GV50, **parameters: Any) -> str:
    return build(IMEI, kind, parameters, target).wire("gv50", "0A3F").decode("ascii")


class KindTests(SynchronousTestCase):
    @given(commands, serials, st.sampled_from([None, 13, 16]), flags, flags)
    def test_every_command_is_taken_and_acknowledged(
        self,
        command: tuple[str, dict[str, Any]],
        serial: str,
        form: int | None,
        gtdos: bool,
        lower: bool,
    ) -> None:
        kind, parameters = command
        target = Target("GV50", "0302", 1, form, gtdos and form != 16, SERVER)
        order = build(IMEI, kind, parameters, target)
        text = order.wire("gv50", serial.lower() if lower else serial).decode("ascii")
        device = parked(output_values=form or 13)
        frame = device.order(text)[0]
        ack = read_ack(read_head(frame.encode("ascii")))
        assert ack is not None
        self.assertEqual(
            (ack.type, ack.serial, ack.refused), (order.type, serial, False)
        )
        self.assertEqual(device.stats.executed, 1)

    def test_block_and_unblock_follow_the_wiring(self) -> None:
        for level in (0, 1):
            device = parked(block_level=level)
            target = Target("GV50", "0302", level)
            for kind in ("block", "unblock", "block"):
                device.order(written(kind, target))
                self.assertEqual(device.vehicle.is_blocked, kind == "block")
            device.send("AT+GTFRI=gv50,1,,,,,,,5,,,,,5,,,,,0005$")
            outputs = decode(device.run(10)[-1].encode()).outputs
            self.assertEqual(outputs, level)

    def test_time(self) -> None:
        for offset in OFFSETS:
            device = parked()
            device.order(written("time", offset=offset))
            zone = device.tracker.obedience.settings.zone_minutes
            hours, minutes = offset[1:].split(":")
            expected = int(hours) * 60 + int(minutes)
            self.assertEqual(zone, -expected if offset[0] == "-" else expected)

    def test_settings_arrive(self) -> None:
        device = parked()
        for kind, parameters in (("server", SERVER), ("apn", APN)):
            device.order(written(kind, **parameters))
        device.order(
            written("interval", interval_s=7, ignition_off_interval_s=9, corner_deg=20)
        )
        settings = device.tracker.obedience.settings
        self.assertEqual(
            settings.servers, (("203.0.113.10", 8000), ("track.example", 8001))
        )
        self.assertEqual((settings.heartbeat_s, settings.sack), (300.0, True))
        self.assertEqual(settings.intervals, (7.0, 9.0))
        bearer = dict(settings.sections())["BSI"]
        self.assertEqual(list(bearer[:3]), list(APN.values()))

    def test_refusals_are_read(self) -> None:
        device = parked()
        device.set_faults(nack=1.0)
        for kind in ("block", "position"):
            (frame,) = device.order(written(kind))
            ack = read_ack(read_head(frame.encode("ascii")))
            assert ack is not None
            self.assertEqual((ack.serial, ack.refused, ack.cause), ("0A3F", True, "2"))


class ParseTests(SynchronousTestCase):
    @given(commands)
    def test_both_readers_read_the_same(
        self, command: tuple[str, dict[str, Any]]
    ) -> None:
        kind, parameters = command
        text = written(kind, **parameters)
        theirs, ours = parse(text.encode("ascii")), read(text.removesuffix("$"), "gv50")
        assert isinstance(ours, Order)
        self.assertEqual(
            (theirs.type, theirs.values, theirs.serial),
            (ours.type, ours.values, ours.serial),
        )


class PasswordTests(SynchronousTestCase):
    def test_another_password_is_met_with_silence(self) -> None:
        device = Device(stays=True, password="other1")
        device.connect()
        device.settle()
        for kind in ("block", "position", "reboot", "versions"):
            self.assertEqual(device.order(written(kind)), [])
        self.assertEqual(device.stats.refused, 4)
