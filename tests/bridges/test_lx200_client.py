"""What clients ask, by what the mount is told and what they are answered."""

from __future__ import annotations

from typing import Any

from gatewaykit.bridges.lx200_axes import SILENT_S
from gatewaykit.bridges.lx200_sessions import FLEETING_S
from gatewaykit.errors import DeviceRefused, DeviceTimeout, MotionStopped
from tests.bridges.lx200_support import HOST, Lx200TestCase, Peer

TARGET = ":Sr05:30:00#:Sd-05*00:00#"
BELOW = ":Sr05:30:00#:Sd-85*00:00#"
HIGH = ":Sr06:00:00#:Sd+40*00:00#"
GOING = ("slew", 5.5, -5.0)
SHOWN = {"right_ascension_h": "5.5", "declination_deg": "-5.0"}


class ReadTests(Lx200TestCase):
    def test_precision_of_a_connection(self) -> None:
        peer = self.peer()
        self.clock.advance(FLEETING_S)
        self.assertEqual(peer.ask(":U#:GR#:GD#"), "05:47.2#-05*23#")
        self.assertEqual(peer.ask(":U#:GR#"), "05:47:12#")
        peer.send(":U#")
        self.assertEqual(self.peer().ask(":GR#"), "05:47:12#")

    def test_precision_of_an_address(self) -> None:
        self.peer().send(":U#")
        self.assertEqual(self.peer().ask(":GR#"), "05:47.2#")
        self.assertEqual(self.peer().ask(":U#:GR#"), "05:47:12#")

    def test_stored_target(self) -> None:
        peer = self.peer()
        self.assertEqual(peer.ask(f"{TARGET}:Gr#:Gd#"), "1105:30:00#-05*00:00#")

    def test_many_clients_cost_the_line_nothing(self) -> None:
        peers = [self.peer() for _ in range(10)]
        for peer in peers:
            peer.ask(":GR#:GD#:GA#:GZ#:GS#:GW#:Gt#:Gg#:GVN#:*GR#:D#")
        self.assertEqual((self.mount.commands, self.mount.deeds), ([], []))

    def test_mount_is_asked_for_what_nobody_else_knows(self) -> None:
        self.mount.answers[":ra#"] = {"kind": "text", "text": "-1.25"}
        self.mount.answers[":*RR#"] = {"kind": "text", "text": "0.5"}
        self.assertEqual(self.peer().ask(":ra#:*RR#"), "-1.25#0.5#")

    def test_old_firmware_is_not_asked_for_what_it_lacks(self) -> None:
        self.mount.record |= {"dialect": "text", "firmware": "354.1"}
        self.mount.answers[":*RR#"] = {"kind": "text", "text": "0.5"}
        self.assertEqual(self.peer("indi").ask(":*RR#"), "#")
        self.mount.record["firmware"] = None
        self.assertEqual(self.peer("indi").ask(":*RR#"), "#")
        self.assertEqual(self.mount.commands, [])
        self.mount.record["firmware"] = "355.0"
        self.assertEqual(self.peer("indi").ask(":*RR#"), "0.5#")

    def test_profile_that_asks_the_mount(self) -> None:
        for command, text in ((":GS#", "10:12:45"), (":GVP#", "TTS-160")):
            self.mount.answers[command] = {"kind": "text", "text": text}
        peer = self.peer("plain")
        self.assertEqual(peer.ask(":GS#:GVP#:GR#"), "10:12:45#TTS-160#05:47:12#")
        self.assertEqual(self.mount.commands, [":GS#", ":GVP#"])

    def test_mount_that_cannot_be_asked(self) -> None:
        self.mount.gone = "no port"
        self.assertEqual(self.peer("indi").ask(":ra#"), "#")
        self.assertEqual(self.peer("common").ask(":ra#"), "")

    def test_mount_that_is_gone(self) -> None:
        self.mount.gone = "no port"
        self.mount.record["age_s"] = 6.0
        self.assertEqual(self.peer("indi").ask(":GR#:GD#\x06:Gc#"), "##24#")
        self.assertEqual(self.peer("common").ask(":GR#:GD#\x06:Gc#"), "24#")

    def test_known_and_unknown_without_an_answer(self) -> None:
        peer = self.peer()
        silent = ":ED#:#:H#:W1#:F+#:hF#:AA#:xyz#:P#:*CM#:RG#:RM#:RC#:RS#:TM#:*PS0#"
        self.assertEqual(peer.ask(f"{silent}:*!G T1#:GR#"), "05:47:12#")
        self.assertEqual(self.mount.deeds, [])

    def test_names_of_sites_are_refused(self) -> None:
        self.assertEqual(self.peer().ask(":SNHome#:GR#"), "005:47:12#")


class GotoTests(Lx200TestCase):
    def test_goto(self) -> None:
        peer = self.peer()
        self.assertEqual(peer.ask(f"{TARGET}:MS#"), "110")
        self.assertEqual(self.mount.deeds, [GOING])
        self.assertEqual(self.audited(), [("MountSlew", SHOWN, "done")])
        (record,) = self.store.audit_records
        self.assertEqual(record["who"], "lx200")
        self.assertTrue(record["from_where"].startswith("tcp:127.0.0.1:"))
        self.assertEqual(peer.ask(":D#"), "\x7f#")
        self.clock.advance(6)
        self.assertEqual(peer.ask(":D#:GR#"), "#05:30:00#")

    def test_a_connection_for_each_command(self) -> None:
        for command, answer in (
            (":Sr05:30:00#", "1"),
            (":Sd-05*00:00#", "1"),
            (":MS#", "0"),
            (":D#", "\x7f#"),
        ):
            peer = self.peer("skysafari")
            self.assertEqual(peer.ask(command), answer)
            peer.leave()
        self.assertEqual(self.mount.deeds, [GOING])

    def test_two_that_stay_on_one_host(self) -> None:
        one, other = self.peer("indi"), self.peer("indi")
        one.send(":Sr05:30:00#")
        other.send(":Sr06:00:00#:Sd+40*00:00#")
        one.send(":Sd-05*00:00#")
        self.assertEqual(one.ask(":MS#"), "0")
        self.assertEqual(self.mount.deeds, [GOING])

    def test_addresses_don_t_mix(self) -> None:
        self.factory = self.make_factory(allow_from=("192.0.2.0/24",))
        self.peer(host="192.0.2.1").send(TARGET)
        self.peer(host="192.0.2.2").send(HIGH)
        self.assertEqual(self.peer(host="192.0.2.1").ask(":MS#"), "0")
        self.assertEqual(self.mount.deeds, [GOING])

    def test_below_the_horizon(self) -> None:
        self.assertEqual(self.peer("common").ask(f"{BELOW}:MS#:GR#"), "11105:47:12#")
        self.assertEqual(self.peer("indi").ask(f"{BELOW}:MS#:GR#"), "11105:47:12#")
        self.assertEqual(
            self.peer("skysafari").ask(f"{BELOW}:MS#"),
            "111altitude -42.29, allowed 0 to 90 degrees#",
        )
        self.assertEqual(self.audited()[0][2], "failed: DEVICE_REFUSED")

    def test_other_refusals(self) -> None:
        self.mount.record["parked"] = True
        self.assertEqual(self.peer("common").ask(f"{TARGET}:MS#:GR#"), "11305:47:12#")
        self.assertEqual(self.peer("plain").ask(f"{TARGET}:MS#"), "111it is parked#")

    def test_refusal_by_a_mount_of_unknown_place(self) -> None:
        self.mount.failure = DeviceRefused("the mount", ":MS#", "below horizon")
        self.mount.record["local_sidereal_time_h"] = None
        self.assertEqual(self.peer("indi").ask(f"{BELOW}:MS#"), "113")

    def test_refusal_by_a_mount_that_then_says_nothing(self) -> None:
        self.mount.failure = DeviceRefused("the mount", ":MS#", "below horizon")
        gate = self.mount.hold("status")
        peer = self.peer("indi")
        peer.send(f"{BELOW}:MS#")
        gate.errback(DeviceTimeout("the mount", "the state", 2.0))
        self.assertEqual(peer.got(), "113")

    def test_no_target(self) -> None:
        self.assertEqual(self.peer("indi").ask(":MS#"), "3")
        self.assertEqual(self.peer("indi").ask(":Sr05:30:00#:MS#"), "13")
        self.assertEqual(self.mount.deeds, [])
        self.assertEqual(self.audited()[0], ("MountSlew", {}, "failed: BAD_ARGUMENT"))

    def test_refused_target_is_none(self) -> None:
        peer = self.peer("indi")
        self.assertEqual(peer.ask(f"{TARGET}:Sd+95*00:00#:MS#"), "1103")
        self.assertEqual(self.mount.deeds, [])

    def test_mount_that_is_gone(self) -> None:
        self.mount.gone = "no port"
        self.assertEqual(self.peer("common").ask(f"{TARGET}:MS#"), "113")

    def test_answer_that_the_client_waits_for_no_more(self) -> None:
        peer = self.peer("indi")
        self.mount.hold("slew")
        peer.send(f"{TARGET}:MS#")
        self.clock.advance(4.5)
        self.assertEqual(peer.got(), "11")
        self.assertEqual(self.audited(), [("MountSlew", SHOWN, "failed: TIMEOUT")])

    def test_viewer(self) -> None:
        self.factory = self.make_factory(role="viewer")
        peer = self.peer("indi")
        self.assertEqual(peer.ask(f"{TARGET}:MS#:GR#"), "11305:47:12#")
        self.assertEqual(self.mount.deeds, [])
        self.assertEqual(self.audited(), [("MountSlew", SHOWN, "refused")])


class SyncTests(Lx200TestCase):
    def test_sync(self) -> None:
        self.assertEqual(
            self.peer("indi").ask(f"{TARGET}:CM#"), "11Coordinates matched.#"
        )
        self.assertEqual(self.mount.deeds, [("sync", 5.5, -5.0)])
        self.assertEqual(self.audited(), [("MountSync", SHOWN, "done")])

    def test_refused(self) -> None:
        self.mount.record["parked"] = True
        self.assertEqual(self.peer("common").ask(f"{TARGET}:CM#:Gc#"), "1124#")
        self.assertEqual(self.peer("indi").ask(f"{TARGET}:CM#:Gc#"), "1124#")
        self.assertEqual(
            self.peer("skysafari").ask(f"{TARGET}:CM#"),
            "11the mount refused a sync: it is parked#",
        )

    def test_no_target(self) -> None:
        self.assertEqual(self.peer("indi").ask(":CM#"), "")
        self.assertEqual(self.audited(), [("MountSync", {}, "failed: BAD_ARGUMENT")])

    def test_viewer(self) -> None:
        self.factory = self.make_factory(role="viewer")
        self.assertEqual(self.peer("indi").ask(f"{TARGET}:CM#:GR#"), "1105:47:12#")


class StopTests(Lx200TestCase):
    def stops(self) -> list[Any]:
        return [deed for deed in self.mount.deeds if deed[0] == "stop"]

    def test_stop(self) -> None:
        peer = self.peer()
        self.assertEqual(peer.ask(":Q#:GR#"), "05:47:12#")
        ((_, by),) = self.stops()
        self.assertEqual(by[:23], "lx200 (tcp:127.0.0.1:40")
        self.assertEqual(self.audited(), [("MountStop", {}, "done")])

    def test_goes_before_all_that_waits(self) -> None:
        peer = self.peer("indi")
        gate = self.mount.hold("status")
        peer.send(f"{TARGET}:GR#:MS#:Mn#:hP#:T1#")
        peer.send(":Q#")
        self.assertEqual(len(self.stops()), 1)
        gate.callback(None)
        self.assertEqual(peer.got(), "1105:47:12#3")
        self.assertEqual(self.mount.deeds, self.stops())

    def test_cancels_what_waits_of_others(self) -> None:
        one, other = self.peer("indi"), self.peer("indi")
        gate = self.mount.hold("status")
        one.send(f"{TARGET}:GR#:MS#")
        other.send(":Q#")
        gate.callback(None)
        self.assertEqual(one.got(), "1105:47:12#3")
        self.assertEqual(self.mount.deeds, self.stops())

    def test_by_another_door_cancels_what_waits(self) -> None:
        peer = self.peer("indi")
        gate = self.mount.hold("status")
        peer.send(f"{TARGET}:GR#:MS#:Me#")
        self.mount.stop("RPC")
        gate.callback(None)
        self.assertEqual(peer.got(), "1105:47:12#3")
        self.assertEqual(self.mount.deeds, self.stops())

    def test_by_another_door_among_queued_slews_of_three(self) -> None:
        peers = [self.peer("indi") for _ in range(3)]
        gates = []
        for peer in peers:
            gates.append(self.mount.hold("slew"))
            peer.send(f"{TARGET}:MS#{HIGH}:MS#{TARGET}:MS#")
        self.mount.stop("RPC")
        for gate in gates:
            gate.errback(MotionStopped("a slew", "RPC"))
        for peer in peers:
            self.assertEqual(peer.got(), "113113113")
        self.clock.advance(10)
        self.assertEqual(self.mount.deeds, self.stops())

    def test_in_one_packet_with_what_it_stops(self) -> None:
        self.assertEqual(self.peer("indi").ask(f"{TARGET}:MS#:Q#"), "113")
        self.assertEqual(self.mount.deeds, self.stops())

    def test_what_comes_after_it_goes_on(self) -> None:
        peer = self.peer("indi")
        self.assertEqual(peer.ask(f"#:Q#{TARGET}:MS#"), "110")
        self.assertEqual(self.mount.deeds[1:], [GOING])

    def test_several_with_a_goto_behind(self) -> None:
        peer = self.peer("indi")
        self.assertEqual(peer.ask(f"#:Q#:Q#:Q#{TARGET}:MS#"), "110")
        self.assertEqual(len(self.stops()), 2)
        self.assertEqual(self.mount.deeds[2:], [GOING])
        self.clock.advance(1)
        self.assertEqual(peer.ask(":D#"), "\x7f#")

    def test_flood_of_stops(self) -> None:
        peer = self.peer()
        for _ in range(20):
            peer.send(":Q#" * 10)
        self.assertEqual(len(self.stops()), 1)
        self.clock.advance(0.1)
        self.assertEqual(len(self.stops()), 2)

    def test_slew_that_runs_fails(self) -> None:
        peer = self.peer("indi")
        gate = self.mount.hold("slew")
        peer.send(f"{TARGET}:MS#")
        gate.errback(MotionStopped("a slew", "RPC"))
        self.assertEqual(peer.got(), "113")
        self.assertEqual(self.audited()[0][2], "failed: STOPPED")

    def test_mount_that_is_gone(self) -> None:
        self.mount.gone = "no port"
        self.assertEqual(self.peer().ask(":Q#"), "")
        self.assertEqual(
            self.audited(), [("MountStop", {}, "failed: DEVICE_UNAVAILABLE")]
        )

    def test_bug_of_the_mount(self) -> None:
        gate = self.mount.hold("stop")
        peer = self.peer()
        peer.send(":Q#")
        gate.errback(ZeroDivisionError("oops"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.audited(), [("MountStop", {}, "failed: INTERNAL")])
        self.assertEqual(peer.ask(":GR#"), "05:47:12#")

    def test_viewer(self) -> None:
        self.factory = self.make_factory(role="viewer")
        self.assertEqual(self.peer().ask(":Q#:Qn#:GR#"), "05:47:12#")
        self.assertEqual(self.mount.deeds, [])
        self.assertEqual(
            [(what, outcome) for what, _, outcome in self.audited()],
            [("MountStop", "refused"), ("MountMoveAxis", "refused")],
        )


class AxisTests(Lx200TestCase):
    def moving(self) -> list[str]:
        found: list[str] = self.successResultOf(self.mount.status())["moving"]
        return found

    def polls(self, peer: Peer, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.clock.advance(1)
            self.assertEqual(peer.ask(":D#"), "#")

    def test_press_and_release(self) -> None:
        peer = self.peer()
        self.assertEqual(peer.ask(":RC#:Mn#"), "")
        self.polls(peer, 20)
        self.assertEqual(self.moving(), ["north"])
        self.assertEqual(peer.ask(":Qn#"), "")
        self.assertEqual(
            self.mount.deeds, [("move_axis", "north", 2.2), ("stop_axis", "north")]
        )
        self.assertEqual(
            self.audited(),
            [
                ("MountMoveAxis", {"direction": "north", "rate_deg_s": "2.2"}, "done"),
                ("MountMoveAxis", {"direction": "north", "rate_deg_s": "0"}, "done"),
            ],
        )

    def test_rate(self) -> None:
        peer = self.peer()
        for choice, rate_deg_s in (
            ("", 3.0),
            (":RM#", 1.4),
            (":RG#", 15.041067 / 3600),
            (":Sw2#", 2.0),
            (":Sw9#", 2.0),
        ):
            peer.send(f"{choice}:Me#")
            self.assertEqual(self.mount.deeds[-1], ("move_axis", "east", rate_deg_s))

    def test_answers_of_sw(self) -> None:
        self.assertEqual(self.peer().ask(":Sw4#:Sw9#"), "10")

    def test_rate_of_an_address(self) -> None:
        self.peer().send(":RM#")
        self.peer().send(":Me#")
        self.assertEqual(self.mount.deeds, [("move_axis", "east", 1.4)])

    def test_one_axis_of_two(self) -> None:
        peer = self.peer()
        peer.send(":Mn#:Mw#")
        self.polls(peer, 5)
        peer.send(":Qw#")
        self.polls(peer, 5)
        self.assertEqual(self.moving(), ["north"])
        peer.send(":Q#")
        self.assertEqual(self.moving(), [])
        self.polls(peer, 5)
        self.assertEqual(self.moving(), [])

    def test_stops_when_a_connection_that_stays_is_lost(self) -> None:
        peer = self.peer()
        self.clock.advance(FLEETING_S)
        peer.send(":Mn#")
        peer.leave()
        self.assertEqual(self.mount.deeds[1:], [("release", "north")])

    def test_stops_when_its_client_is_silent(self) -> None:
        peer = self.peer()
        self.clock.advance(FLEETING_S)
        peer.send(":Mn#")
        self.passed(SILENT_S + 2)
        self.assertEqual(self.mount.deeds[1:], [("release", "north")])

    def test_others_of_the_host_do_not_hold_it(self) -> None:
        peer, other = self.peer(), self.peer()
        self.clock.advance(FLEETING_S)
        peer.send(":Mn#")
        self.polls(other, SILENT_S + 2)
        self.assertEqual(self.moving(), [])

    def test_connection_for_each_command(self) -> None:
        first = self.peer()
        first.send(":RS#:Me#")
        first.leave()
        for _ in range(20):
            self.clock.advance(0.5)
            poll = self.peer()
            poll.send(":GR#")
            poll.leave()
        self.assertEqual(self.moving(), ["east"])
        self.peer().send(":Qe#")
        self.assertEqual(self.moving(), [])

    def test_connection_for_each_command_and_then_nothing(self) -> None:
        first = self.peer()
        first.send(":Me#")
        first.leave()
        self.passed(SILENT_S + 2)
        self.assertEqual(self.moving(), [])

    def test_connection_that_stays_does_not_hold_for_its_address(self) -> None:
        staying = self.peer()
        self.clock.advance(FLEETING_S)
        first = self.peer()
        first.send(":Me#")
        first.leave()
        self.polls(staying, SILENT_S + 2)
        self.assertEqual(self.moving(), [])

    def test_young_connection_that_then_stays(self) -> None:
        peer = self.peer()
        peer.send(":Me#")
        self.polls(peer, 20)
        self.assertEqual(self.moving(), ["east"])
        peer.send(":Mn#")
        self.polls(peer, 20)
        self.assertEqual(self.moving(), ["east", "north"])
        peer.leave()
        self.passed(SILENT_S + 2)
        self.assertEqual(self.moving(), [])

    def test_stop_by_another_door_is_final(self) -> None:
        peer = self.peer()
        peer.send(":Me#")
        self.polls(peer, 3)
        self.mount.stop("RPC")
        self.polls(peer, 10)
        self.assertEqual(self.moving(), [])

    def test_released_before_its_turn(self) -> None:
        peer = self.peer()
        gate = self.mount.hold("status")
        peer.send(":GR#:Mn#")
        peer.send(":Qn#")
        gate.callback(None)
        self.assertEqual(self.mount.deeds, [("stop_axis", "north")])

    def test_anothers_axis(self) -> None:
        one, other = self.peer(), self.peer()
        self.clock.advance(FLEETING_S)
        one.send(":Mn#")
        self.assertEqual(other.ask(":Ms#:GR#"), "05:47:12#")
        self.assertEqual(self.audited()[1][2], "failed: DEVICE_REFUSED")

    def test_viewer(self) -> None:
        self.factory = self.make_factory(role="viewer")
        self.assertEqual(self.peer().ask(":Mn#:Mgn0350#:hP#:T1#:GR#"), "05:47:12#")
        self.assertEqual(self.mount.deeds, [])
        self.assertEqual({outcome for *_, outcome in self.audited()}, {"refused"})


class OtherMotionTests(Lx200TestCase):
    def test_pulses(self) -> None:
        peer = self.peer()
        self.assertEqual(peer.ask(":Mgn0350#:Mgw20#:Mgs99999#:GR#"), "05:47:12#")
        self.assertEqual(
            self.mount.deeds, [("guide", "north", 350), ("guide", "west", 20)]
        )
        arguments = {"direction": "north", "duration_ms": "350"}
        self.assertEqual(self.audited(), [("MountGuide", arguments, "done")])
        self.clock.advance(60)
        self.assertEqual(self.audited()[1:], [("MountGuide", {"more": "1"}, "done")])

    def test_park_and_unpark(self) -> None:
        peer = self.peer()
        self.assertEqual(peer.ask(":hP#:D#"), "\x7f#")
        self.clock.advance(6)
        self.assertEqual(peer.ask(":D#:PO#"), "#")
        self.assertEqual(self.mount.deeds, [("park",), ("unpark",)])
        self.assertEqual(
            [what for what, *_ in self.audited()], ["MountPark", "MountUnpark"]
        )

    def test_tracking(self) -> None:
        self.assertEqual(self.peer().ask(":T0#:T1#:TL#:TS#:TQ#"), "")
        self.assertEqual(
            self.mount.deeds,
            [
                ("tracking", False, None),
                ("tracking", True, None),
                ("tracking", None, "lunar"),
                ("tracking", None, "solar"),
                ("tracking", None, "sidereal"),
            ],
        )
        self.assertEqual(self.audited()[0], ("MountTracking", {"on": "False"}, "done"))

    def test_frequency(self) -> None:
        self.assertEqual(self.peer().ask(":ST060.0#:GT#:ST061.0#"), "160.0#0")
        self.assertEqual(self.mount.deeds, [("tracking", None, "solar")])

    def test_frequency_that_the_mount_refuses(self) -> None:
        self.mount.record["parked"] = True
        self.assertEqual(self.peer().ask(":ST060.0#"), "0")


class SessionTests(Lx200TestCase):
    def test_silent_address_is_forgotten(self) -> None:
        self.peer(host=HOST).send(":U#")
        self.clock.advance(601)
        self.assertEqual(self.peer().ask(":GR#"), "05:47:12#")
