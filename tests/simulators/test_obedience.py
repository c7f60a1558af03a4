"""Tests for `gatewaykit.simulators.obedience` and what a tracker does by order."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.masking import masked
from gatewaykit.gv50.reports import decode
from gatewaykit.simulators.faults import Faults
from tests.simulators.trackers import Device, driving, parked

BLOCK = "AT+GTOUT=gv50,1,,,,,,0,,,,,,,{}$"
UNBLOCK = "AT+GTOUT=gv50,0,,,,,,0,,,,,,,{}$"
LOCATE = "AT+GTRTO=gv50,1,,,,,,{}$"
SRI = "AT+GTSRI=gv50,3,,1,{},{},{},{},,{},{},0,0,,0,0A01$"
FIRST_SERIAL = "00A1"


def request(what: str, serial: str = FIRST_SERIAL) -> str:
    return f"AT+GTRTO=gv50,{what}{',' * (5 - what.count(','))},{serial}$"


def short(frames: list[str]) -> list[str]:
    """Header, and what stands between name and send time of an ACK."""
    shortened = []
    for frame in frames:
        fields = frame.removesuffix("$").split(",")
        acks = fields[4:-2] if "ACK:" in fields[0] else []
        shortened.append(" ".join([fields[0], *acks]))
    return shortened


def status(frame: str) -> str:
    return frame.split(",")[24]


class Case(SynchronousTestCase):
    def only(self, frames: list[str]) -> str:
        self.assertEqual(len(frames), 1, frames)
        return frames[0]

    def assert_acked(self, frames: list[str], type: str, middle: str) -> None:
        self.assertEqual(short(frames), [f"+ACK:{type} {middle}"])


class AckTests(Case):
    def test_has_head_serial_send_time_and_count_of_the_device(self) -> None:
        device = parked(zone_minutes=0)
        frame = self.only(device.order(BLOCK.format("0a3F")))
        expected = rf"\+ACK:GTOUT,090302,{device.imei},,0a3F,2027011508\d{{4}},0002\$"
        self.assertRegex(frame, expected)

    def test_comes_at_once_while_a_report_waits_for_its_sack(self) -> None:
        device = Device(stays=True)
        device.connect()
        self.assertEqual(short(device.frames()), ["+RESP:GTPDP"])
        self.assert_acked(device.order(BLOCK.format("0001")), "GTOUT", "0001")
        self.assertEqual(device.tracker.outbox.outstanding, 1)

    def test_counts_go_on_behind_it(self) -> None:
        device = parked()
        frames = device.order(LOCATE.format("0001"))
        self.assertEqual([frame[-5:-1] for frame in frames], ["0002", "0003"])

    def test_any_chunks_will_do(self) -> None:
        text = BLOCK.format("0001") + "\r\n" + request("6")
        whole = parked().order(text)
        device = parked()
        single = [frame for letter in text for frame in device.order(letter)]
        self.assertEqual(single, whole)
        self.assertEqual(
            short(whole), ["+ACK:GTOUT 0001", "+ACK:GTRTO CID 00A1", "+RESP:GTCID"]
        )

    def test_figures(self) -> None:
        device = parked()
        device.order(BLOCK.format("0001") + BLOCK.format("xyz") + request("1"))
        stats = device.stats
        self.assertEqual(
            (stats.commands, stats.executed, stats.refused, stats.acks), (3, 2, 1, 2)
        )

    def test_bad_lines_spoil_acks_too(self) -> None:
        """They take the way of all frames."""
        device = parked(faults=Faults(duplicate=1.0))
        device.run(5)
        frames = device.order(BLOCK.format("0001"))
        self.assertEqual(short(frames), ["+ACK:GTOUT 0001"] * 2)


class SilenceTests(Case):
    def test_refused_commands_change_and_say_nothing(self) -> None:
        for text in (
            "AT+GTOUT=wrong,1,,,,,,0,,,,,,,0001$",
            "AT+GTOUT=,1,,,,,,0,,,,,,,0001$",
            "AT+GTOUT=gv50,1,0,,,$",
            "AT+GTOUT=gv50,1,,,,,,0,,,,,,0001$",
            "AT+GTOUT=gv50,1,0,0,0,0,0,,,,3,,,,,,,FFFF$",
            "AT+GTXXX=gv50,1,0001$",
            "AT+$",
            "AT+GTOUT=gv50,1,,,,,,0,,,,,,,0001 $",
        ):
            device = parked()
            self.assertEqual(device.order(text), [], text)
            self.assertEqual(device.vehicle.outputs, 0)
            self.assertEqual((device.stats.refused, device.stats.acks), (1, 0))

    def test_another_password_is_asked_for_where_it_is_set(self) -> None:
        device = parked(password="s3cret")
        self.assertEqual(device.order(BLOCK.format("0001")), [])
        text = BLOCK.format("0001").replace("gv50", "s3cret")
        self.assert_acked(device.order(text), "GTOUT", "0001")

    def test_a_long_gtout_where_the_firmware_has_that(self) -> None:
        device = parked(output_values=16)
        self.assertEqual(device.order(BLOCK.format("0001")), [])
        text = "AT+GTOUT=gv50,1,0,0,0,0,0,,,,3,,,,,,,FFFF$"
        self.assert_acked(device.order(text), "GTOUT", "FFFF")
        self.assertEqual(device.vehicle.outputs, 1)


class OutputTests(Case):
    def test_every_later_report_shows_it(self) -> None:
        device = parked(interval=10.0)
        device.order(BLOCK.format("0001"))
        reports = [f for f in device.run(30) if "GTFRI" in f]
        self.assertEqual({status(f) for f in reports}, {"110001"})
        self.assertEqual({decode(f.encode()).outputs for f in reports}, {1})
        device.order(UNBLOCK.format("0002"))
        self.assertEqual(
            {status(f) for f in device.run(30) if "GTFRI" in f}, {"110000"}
        )

    def test_pulses_end_at_the_final_level(self) -> None:
        device = parked()
        device.order("AT+GTOUT=gv50,0,10,3,,,,0,,,,,,,0001$")
        self.assertEqual(device.vehicle.outputs, 0)
        device.order("AT+GTOUT=gv50,1,10,3,,,,0,,,,,,,0001$")
        self.assertEqual(device.vehicle.outputs, 1)

    def test_gtdos_is_reported_where_asked_for(self) -> None:
        device = parked()
        frames = device.order("AT+GTOUT=gv50,1,,,,,,1,,,,,,,0001$")
        self.assertEqual(short(frames), ["+ACK:GTOUT 0001", "+RESP:GTDOS"])
        fields = frames[1].split(",")
        self.assertEqual((len(fields), fields[4:6]), (20, ["1", "1"]))
        self.assertEqual(len(decode(frames[1].encode()).positions), 1)

    def test_of_a_relay_that_blocks_at_0(self) -> None:
        device = parked(block_level=0)
        self.assertFalse(device.vehicle.is_blocked)
        self.assertEqual(device.vehicle.outputs, 1)
        device.order(UNBLOCK.format("0001"))
        self.assertTrue(device.vehicle.is_blocked)

    def test_a_driving_vehicle_comes_to_a_halt(self) -> None:
        device = driving(30, interval=10.0)
        device.order(BLOCK.format("0001"))
        frames = device.run(60)
        self.assertEqual(device.vehicle.fix(device.now()).speed_kmh, 0)
        self.assertIn("+RESP:GTSTT", short(frames))
        self.assertEqual(status([f for f in frames if "GTFRI" in f][-1]), "210101")
        device.order(UNBLOCK.format("0002"))
        device.run_until(lambda d: d.vehicle.fix(d.now()).speed_kmh > 10, 120)

    def test_a_blocked_vehicle_does_not_drive_off(self) -> None:
        device = Device(interval=60.0)
        device.connect()
        device.settle()
        device.order(BLOCK.format("0001"))
        here = device.vehicle.fix(device.now())
        device.run(3600, 5)
        there = device.vehicle.fix(device.now())
        self.assertEqual(here[1:4], there[1:4])


class RequestTests(Case):
    def test_position(self) -> None:
        device = parked()
        ack, report = device.order(LOCATE.format("0006"))
        self.assertEqual(short([ack]), ["+ACK:GTRTO RTL 0006"])
        decoded = decode(report.encode())
        self.assertEqual((decoded.prefix, decoded.type), ("+RESP", "GTRTL"))
        (position,) = decoded.positions
        self.assertTrue(position.fix)
        self.assertEqual(len(report.split(",")), 22)

    def test_position_waits_for_the_sack_of_what_is_before(self) -> None:
        device = Device(stays=True)
        device.connect()
        waiting = device.frames()
        self.assertEqual(short(device.order(request("1"))), ["+ACK:GTRTO RTL 00A1"])
        device.acknowledge(waiting)
        self.assertEqual(short(device.frames()), ["+RESP:GTRTL"])

    def test_what_else_can_be_asked(self) -> None:
        for what, name, type in (
            ("0", "GPS", None),
            ("6", "CID", "GTCID"),
            ("7", "CSQ", "GTCSQ"),
            ("8", "VER", "GTVER"),
            ("9", "BAT", None),
            ("A", "IOS", None),
            ("B", "TMZ", None),
        ):
            frames = short(parked().order(request(what)))
            expected = [f"+ACK:GTRTO {name} 00A1"]
            self.assertEqual(frames, expected + ([f"+RESP:{type}"] if type else []))

    def test_answers_decode(self) -> None:
        device = parked()
        frames = [device.order(request(what))[-1] for what in "6"]
        for what in "78":
            device.settle()
            device.acknowledge(frames)
            frames += device.order(request(what))[-1:]
        for frame in frames:
            decoded = decode(frame.encode())
            self.assertNotIn("unparsed", decoded.fields, frame)

    def test_stored_reports_are_forgotten(self) -> None:
        for what, name in (("4,BUF", "RESET"), ("D", "DELBUF")):
            device = parked(interval=10.0)
            device.lose()
            device.clock.advance(500)
            self.assertGreater(device.tracker.outbox.waiting, 40)
            device.connect()
            self.assertEqual(short(device.frames()), ["+RESP:GTPDP"])
            frames = device.order(request(what))
            self.assert_acked(frames, "GTRTO", f"{name} 00A1")
            self.assertEqual(device.tracker.outbox.waiting, 0)
            self.assertGreater(device.tracker.outbox.dropped, 40)

    def test_a_reset_of_settings_is_refused(self) -> None:
        self.assertEqual(parked().order(request("4")), [])


class RebootTests(Case):
    def test_closes_the_connection_and_has_power_afterwards(self) -> None:
        device = parked()
        device.order(BLOCK.format("0001"))
        self.assert_acked(device.order(request("3")), "GTRTO", "REBOOT 00A1")
        self.assertTrue(device.transport.disconnecting)
        self.assertFalse(device.transport.aborted)
        self.assertEqual(device.order(BLOCK.format("0002") + "+SACK:0001$"), [])
        device.lose()
        device.connect()
        self.assertEqual(short(device.settle()), ["+RESP:GTPDP", "+BUFF:GTPNA"])
        self.assertEqual(device.vehicle.outputs, 1)
        self.assertEqual(device.stats.commands, 2)

    def test_power_off_ends_it(self) -> None:
        device = parked(interval=10.0)
        frames = device.order(request("5"))
        self.assertEqual(short(frames), ["+ACK:GTRTO PWROFF 00A1", "+RESP:GTPFA"])
        self.assertTrue(device.transport.disconnecting)
        device.lose()
        self.assertEqual(device.clock.getDelayedCalls(), [])
        self.assertEqual((device.off, device.done), (1, 1))
        self.assertEqual(device.stats.powered_off, 1)


class ConfigurationTests(Case):
    def dump(self, device: Device, what: str = "2") -> list[str]:
        frames = device.order(request(what))
        self.assertEqual(short(frames[:1]), ["+ACK:GTRTO READ 00A1"])
        reports = frames[1:]
        device.acknowledge(reports)
        return reports + device.settle()

    def test_shows_what_was_set_last(self) -> None:
        device = parked()
        device.order("AT+GTBSI=gv50,apn.example,user,secret,,,,,0003$")
        device.order("AT+GTCFG=gv50,abc123,My car,,,,,,,,,,,,,,,,,,,0004$")
        text = request("2").replace("gv50", "abc123")
        frames = device.order(text)
        device.acknowledge(frames)
        frames += device.settle()
        self.assertEqual(
            short(frames), ["+ACK:GTRTO READ 00A1", "+RESP:GTALL", "+RESP:GTALL"]
        )
        self.assertIn(",BSI,apn.example,user,secret,,,,,SRI,3,,1,", frames[1])
        self.assertIn(",CFG,abc123,My car,", frames[2])
        self.assertIn(",FRI,1,", frames[2])

    def test_can_be_masked(self) -> None:
        device = parked()
        device.order("AT+GTBSI=gv50,apn.example,user,s3cr3t,,,,,0003$")
        for frame in self.dump(device):
            hidden = masked(frame.encode(), {"gv50"})
            self.assertNotIn(b"gv50", hidden)
            self.assertNotIn(b"s3cr3t", hidden)
            self.assertEqual(hidden.count(b","), frame.count(","))

    def test_one_section(self) -> None:
        for section in ("BSI", "SRI", "CFG", "TMA", "FRI"):
            (frame,) = self.dump(parked(), f"2,{section}")
            self.assertEqual(frame.split(",")[0], "+RESP:GTALS")
            self.assertEqual(frame.split(",")[4], section)

    def test_shows_how_it_was_delivered(self) -> None:
        device = parked(zone_minutes=-210, interval=0.5, sack=True, heartbeat=600.0)
        server, rest = self.dump(device)
        self.assertIn(",SRI,3,,1,127.0.0.1,5000,,0,,10,1,0,0,,0,", server)
        self.assertIn(",CFG,gv50,,,", rest)
        self.assertIn(",TMA,-,3,30,0,,,,,,FRI,1,0,,0,0000,0000,,0.5,", rest)

    def test_quick_start_sets_bearer_and_server(self) -> None:
        device = parked()
        text = "AT+GTQSS=gv50,net,user,pass,3,,2,127.0.0.1,5000,127.0.0.1,5001,,7,1,0,,01FF$"
        self.assert_acked(device.order(text), "GTQSS", "01FF")
        first, _ = self.dump(device)
        self.assertIn(
            ",BSI,net,user,pass,,,,,SRI,3,,2,127.0.0.1,5000,127.0.0.1,5001,,7,1,0,0,,0,",
            first,
        )

    def test_the_name_stands_in_every_frame(self) -> None:
        device = parked()
        ack = device.order("AT+GTCFG=gv50,,lorry 7,,,,,,,,,,,,,,,,,,,0004$")
        frames = ack + device.order(LOCATE.format("0005"))
        self.assertEqual({frame.split(",")[3] for frame in frames}, {"lorry 7"})

    def test_other_settings_are_acknowledged(self) -> None:
        device = parked()
        fence = "AT+GTGEO=gv50,3,0,0,0,50,0,0,0,0,0,0,0,,,0001$"
        self.assert_acked(device.order(fence), "GTGEO", "3 0001")
        tow = "AT+GTTOW=gv50,1,5,1,60,0,0,0,0,4,3,2,,,,,,,,,0002$"
        self.assert_acked(device.order(tow), "GTTOW", "0002")


class IntervalTests(Case):
    def reports(self, device: Device, seconds: float) -> int:
        return len([f for f in device.run(seconds) if "GTFRI" in f])

    def test_parked_and_driving(self) -> None:
        text = "AT+GTFRI=gv50,1,0,,0,0000,0000,,{},0,0,,0,{},,,,,0005$"
        device = parked(interval=1000.0)
        self.assert_acked(device.order(text.format(10, 30)), "GTFRI", "0005")
        self.assertEqual(self.reports(device, 300), 10)
        device = driving(interval=1000.0)
        device.order(text.format(10, 30))
        self.assertEqual(self.reports(device, 30), 3)

    def test_off(self) -> None:
        device = parked(interval=10.0)
        device.order("AT+GTFRI=gv50,0,,,,,,,,,,,,,,,,,0005$")
        self.assertEqual(self.reports(device, 300), 0)

    def test_an_empty_one_stays(self) -> None:
        device = parked(interval=10.0, parked_interval=20.0)
        device.order("AT+GTFRI=gv50,,,,,,,,5,,,,,,,,,,0005$")
        self.assertEqual(self.reports(device, 100), 5)

    def test_other_values_don_t_disturb_it(self) -> None:
        device = parked(interval=10.0)
        device.clock.advance(device.vehicle.due() - device.now() - 0.5)
        device.order("AT+GTFRI=gv50,,,,,,,,,,,,45,,,,,,0005$")
        self.assertEqual(self.reports(device, 1), 1)

    def test_ends_reporting_without_pause(self) -> None:
        device = Device(stays=True, interval=0.0)
        device.connect()
        for _ in range(5):
            device.acknowledge(device.frames())
        frames = device.order("AT+GTFRI=gv50,1,,,,,,,60,,,,,60,,,,,0005$")
        self.assertEqual(short(frames), ["+RESP:GTFRI", "+ACK:GTFRI 0005"])
        device.acknowledge(frames)
        self.assertEqual(short(device.frames()), [])
        self.assertEqual(len([f for f in device.run(120) if "GTFRI" in f]), 2)


class TimeTests(Case):
    def send_time(self, device: Device, zone: str) -> str:
        frame = self.only(device.order(f"AT+GTTMA=gv50,{zone},,,,,,000B$"))
        return frame.split(",")[-2][8:12]

    def test_sets_the_zone_of_send_times(self) -> None:
        for zone, expected in (
            ("+,0,0,0", "0800"),
            ("-,3,0,0", "0500"),
            ("-,3,30,0", "0430"),
            ("+,5,45,0", "1345"),
            ("-,3,0,1", "0600"),
            ("+,1,0,1", "1000"),
        ):
            self.assertEqual(self.send_time(parked(), zone), expected)

    def test_the_time_it_sets_is_not_remembered(self) -> None:
        device = parked()
        device.order("AT+GTTMA=gv50,+,1,0,0,20270101000000,,,,,000B$")
        report = device.order(request("2,TMA"))[-1]
        self.assertIn(",TMA,+,1,0,0,,,,,,", report)


class ServerTests(Case):
    def set(self, device: Device, *values: object) -> list[str]:
        return device.order(SRI.format(*values))

    def test_another_server_is_gone_to_after_the_ack(self) -> None:
        device = parked()
        frames = self.set(device, "127.0.0.1", 6000, "::1", 6001, "", "")
        self.assert_acked(frames, "GTSRI", "0A01")
        self.assertTrue(device.transport.disconnecting)
        self.assertEqual(device.tracker.servers, (("127.0.0.1", 6000), ("::1", 6001)))
        self.assertEqual(device.stats.not_followed, 0)

    def test_a_stranger_s_is_not_followed(self) -> None:
        for host in ("203.0.113.10", "example.net", "127.0.0.1.example.net"):
            device = parked()
            frames = self.set(device, host, 8000, "127.0.0.1", 5000, "", "")
            self.assert_acked(frames, "GTSRI", "0A01")
            self.assertFalse(device.transport.disconnecting)
            self.assertEqual(device.tracker.servers, ())
            self.assertEqual(device.stats.not_followed, 1)

    def test_a_host_may_stand_for_a_loopback_address(self) -> None:
        device = parked(hosts={"203.0.113.10": "127.0.0.1"})
        self.set(device, "203.0.113.10", 6000, "203.0.113.11", 6001, "", "")
        self.assertTrue(device.transport.disconnecting)
        self.assertEqual(device.tracker.servers, (("127.0.0.1", 6000),))
        (report,) = self.dumped(device)
        self.assertIn(",SRI,3,,1,203.0.113.10,6000,203.0.113.11,6001,", report)

    def dumped(self, device: Device) -> list[str]:
        device.lose()
        device.connect()
        device.settle()
        return device.order(request("2,SRI"))[1:]

    def test_a_stranger_s_backup_is_left_out(self) -> None:
        device = parked()
        self.set(device, "localhost", 6000, "203.0.113.10", 6001, "", "")
        self.assertEqual(device.tracker.servers, (("localhost", 6000),))

    def test_the_present_one_changes_nothing(self) -> None:
        for server in (("127.0.0.1", 5000), ("192.0.2.1", 7)):
            device = parked(server=server)
            self.set(device, *server, "", "", 5, "")
            self.assertFalse(device.transport.disconnecting)
            self.assertEqual(device.stats.not_followed, 0)

    def test_no_server_at_all_cannot_be_gone_to(self) -> None:
        device = parked(server=("", 0))
        self.set(device, "", 6000, "", "", "", "")
        self.assertEqual(device.stats.not_followed, 1)

    def test_a_port_alone_moves_it(self) -> None:
        device = parked()
        self.set(device, "", 6000, "", "", "", "")
        self.assertEqual(device.tracker.servers, (("127.0.0.1", 6000),))

    def test_another_transport_is_not_followed(self) -> None:
        device = parked()
        text = SRI.format("127.0.0.1", 6000, "", "", "", "").replace(
            "=gv50,3", "=gv50,4"
        )
        self.assert_acked(device.order(text), "GTSRI", "0A01")
        self.assertFalse(device.transport.disconnecting)
        self.assertEqual(device.stats.not_followed, 1)

    def heartbeats(self, device: Device, seconds: float) -> int:
        return len([f for f in device.run(seconds) if "GTHBD" in f])

    def test_heartbeat(self) -> None:
        device = parked()
        self.set(device, "", "", "", "", 10, "")
        self.assertEqual(self.heartbeats(device, 1800), 3)
        self.set(device, "", "", "", "", 0, "")
        self.assertEqual(self.heartbeats(device, 1800), 0)
        self.set(device, "127.0.0.1", 6000, "", "", 5, "")
        device.lose()
        device.connect()
        self.assertEqual(self.heartbeats(device, 600), 2)

    def test_heartbeat_of_a_connection_that_is_gone(self) -> None:
        device = parked(command_faults={})
        device.set_faults(disconnect=1.0)
        self.assertEqual(self.set(device, "", "", "", "", 10, ""), [])
        device.lose()
        device.connect()
        self.assertEqual(self.heartbeats(device, 600), 1)

    def test_sack(self) -> None:
        device = parked(interval=10.0)
        self.set(device, "", "", "", "", "", 0)
        for _ in range(2):
            device.clock.advance(10)
            self.assertEqual(short(device.frames()), ["+RESP:GTFRI"])
        self.set(device, "", "", "", "", "", 1)
        device.clock.advance(10)
        self.assertEqual(short(device.frames()), ["+RESP:GTFRI"])
        device.clock.advance(10)
        self.assertEqual(short(device.frames()), [])


class SwitchTests(Case):
    def test_no_ack(self) -> None:
        device = parked()
        device.set_faults(no_ack=1.0)
        self.assertEqual(device.order(BLOCK.format("0001")), [])
        self.assertEqual((device.vehicle.outputs, device.stats.executed), (1, 1))

    def test_deaf(self) -> None:
        device = parked()
        device.set_faults(deaf=1.0)
        self.assertEqual(device.order(BLOCK.format("0001")), [])
        stats = device.stats
        self.assertEqual(device.vehicle.outputs, 0)
        self.assertEqual((stats.commands, stats.executed, stats.refused), (1, 0, 0))

    def test_refuse(self) -> None:
        device = parked()
        device.set_faults(refuse=1.0)
        self.assertEqual(device.order(BLOCK.format("0001")), [])
        self.assertEqual((device.vehicle.outputs, device.stats.refused), (0, 1))

    def test_nack(self) -> None:
        device = parked()
        device.set_faults(nack=1.0)
        for text, expected in (
            (BLOCK.format("0001"), ["+NACK:GTOUT 2 0001"]),
            (request("1"), ["+NACK:GTRTO 2 00A1"]),
            ("AT+GTOUT=wrong,1,,,,,,0,,,,,,,0001$", ["+NACK:GTOUT 0 0001"]),
            ("AT+GTXXX=gv50,1,0001$", ["+NACK:GTXXX 1 0001"]),
            ("AT+GTOUT=gv50,1$", []),
        ):
            self.assertEqual(short(device.order(text)), expected)
        self.assertEqual((device.vehicle.outputs, device.stats.refused), (0, 5))

    def test_wrong_serial(self) -> None:
        device = parked()
        device.set_faults(wrong_serial=1.0)
        for _ in range(50):
            frame = self.only(device.order(BLOCK.format("00A1")))
            found = re.search(r",,([0-9A-F]{4}),\d{14},", frame)
            assert found is not None
            self.assertNotEqual(found[1], "00A1")

    def test_swapped(self) -> None:
        device = parked()
        device.set_faults(swap=1.0)
        self.assertEqual(device.order(BLOCK.format("0001")), [])
        self.assertEqual(
            short(device.order(request("0", "0002"))),
            ["+ACK:GTOUT 0002", "+ACK:GTRTO GPS 0001"],
        )
        self.assertEqual(device.clock.getDelayedCalls()[0].getTime() > 10, True)

    def test_swapped_with_one_out_comes_two_seconds_late(self) -> None:
        device = parked()
        device.set_faults(swap=1.0)
        self.assertEqual(device.order(BLOCK.format("0001")), [])
        device.clock.advance(1.9)
        self.assertEqual(device.frames(), [])
        device.clock.advance(0.1)
        self.assert_acked(device.frames(), "GTOUT", "0001")

    def test_disconnect(self) -> None:
        device = parked()
        device.set_faults(disconnect=1.0)
        self.assertEqual(device.order(BLOCK.format("0001") + request("1")), [])
        self.assertTrue(device.transport.aborted)
        self.assertEqual((device.vehicle.outputs, device.stats.executed), (1, 1))
        device.lose()
        device.connect()
        self.assertEqual(short(device.settle()), ["+RESP:GTPDP"])

    def test_what_was_asked_for_is_stored_if_the_connection_is_gone(self) -> None:
        device = parked()
        device.set_faults(disconnect=1.0)
        device.order(request("1"))
        device.lose()
        device.connect()
        self.assertEqual(short(device.settle()), ["+RESP:GTPDP", "+BUFF:GTRTL"])

    def test_disconnect_before_what_ends_the_connection_anyway(self) -> None:
        move = SRI.format("127.0.0.1", 6000, "", "", "", "")
        for text, servers, off in (
            (request("3"), (), 0),
            (request("5"), (), 1),
            (move, (("127.0.0.1", 6000),), 0),
        ):
            device = parked()
            device.set_faults(disconnect=1.0)
            self.assertEqual(device.order(text), [])
            self.assertTrue(device.transport.aborted)
            self.assertFalse(device.transport.disconnecting)
            self.assertEqual((device.tracker.servers, device.off), (servers, off))
            device.lose()

    def test_slow(self) -> None:
        device = parked()
        device.set_faults(slow_ack_s=20.0)
        self.assertEqual(device.order(BLOCK.format("0001")), [])
        self.assertEqual(device.vehicle.outputs, 1)
        device.clock.advance(19)
        self.assertEqual(device.frames(), [])
        device.clock.advance(1)
        self.assert_acked(device.frames(), "GTOUT", "0001")

    def test_a_slow_ack_comes_on_the_next_connection(self) -> None:
        device = parked()
        device.set_faults(slow_ack_s=20.0)
        device.order(BLOCK.format("0001"))
        device.lose()
        device.clock.advance(30)
        device.connect()
        self.assertEqual(short(device.frames()), ["+ACK:GTOUT 0001", "+RESP:GTPDP"])
        device.lose()
        device.connect()
        self.assertNotIn("+ACK:GTOUT 0001", short(device.frames()))

    def test_happen_as_often_as_they_are_told_to(self) -> None:
        device = parked()
        device.set_faults(no_ack=0.3)
        for _ in range(1000):
            device.order(BLOCK.format("0001"))
        self.assertTrue(600 < device.stats.acks < 800, device.stats.acks)

    def test_are_the_same_for_the_same_seed(self) -> None:
        def run() -> list[str]:
            device = parked()
            device.set_faults(no_ack=0.3, refuse=0.2, wrong_serial=0.1, swap=0.2)
            said: list[str] = []
            for _ in range(100):
                said += device.order(BLOCK.format("0001"))
            return said

        self.assertEqual(run(), run())

    def test_nothing_is_left_in_the_reactor(self) -> None:
        for faults in ({"swap": 1.0}, {"slow_ack_s": 5.0}):
            device = parked()
            device.set_faults(**faults)
            device.order(BLOCK.format("0001"))
            device.tracker.stop()
            self.assertEqual(device.clock.getDelayedCalls(), [])
            self.assertEqual(device.order(BLOCK.format("0002")), [])
            self.assertEqual(device.vehicle.outputs, 1)
            device.lose()


orders: st.SearchStrategy[Any] = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            *(BLOCK.format("0001"), UNBLOCK.format("0002"), "+SACK:0000$", "$$"),
            *(request(what) for what in ("1", "2", "3", "4,BUF", "5", "6", "8", "D")),
            SRI.format("127.0.0.1", 6000, "", "", 5, 0),
            SRI.format("127.0.0.1", 5000, "", "", 0, 1),
            SRI.format("203.0.113.1", 5000, "", "", 0, 1),
            "AT+GTFRI=gv50,1,,,,,,,5,,,,,5,,,,,0001$",
            "AT+GTFRI=gv50,0,,,,,,,,,,,,,,,,,0001$",
            "AT+GTTMA=gv50,-,12,59,1,,,,,,000B$",
        ]
    ).map(str.encode),
    st.sampled_from(["lose", "connect", "time"]),
)


class GarbageTests(SynchronousTestCase):
    @given(st.lists(orders, max_size=25), st.integers(0, 30), st.booleans())
    def test_whatever_it_is_told_it_never_raises(
        self, told: list[Any], seed: int, faulty: bool
    ) -> None:
        device = Device(seed=seed, interval=5.0)
        if faulty:
            device.set_faults(no_ack=0.2, swap=0.4, disconnect=0.1, slow_ack_s=3.0)
        connected = False
        for what in told:
            if what == "time":
                device.clock.pump([7.0] * 10)
            elif what == "connect" and not connected and not device.off:
                device.connect()
                connected = True
            elif connected and what == "lose":
                device.lose()
                connected = False
            elif connected and isinstance(what, bytes):
                device.tracker.received(what)
                if device.transport.disconnecting or device.transport.aborted:
                    device.lose()
                    connected = False
        stats = device.stats
        self.assertLessEqual(stats.executed + stats.refused, stats.commands)
        self.assertLessEqual(stats.acks, stats.executed)
        device.tracker.stop()
        self.assertEqual(device.clock.getDelayedCalls(), [])
