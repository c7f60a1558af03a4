from __future__ import annotations

from datetime import UTC, datetime

from gatewaykit.bridges.lx200_profiles import UPDATING
from gatewaykit.bridges.lx200_sessions import TOGETHER_S
from gatewaykit.errors import DeviceRefused
from tests.bridges.lx200_support import Lx200TestCase

DATE_TAKEN = UPDATING.decode("ascii")
REFUSED = DeviceRefused("the mount", ":St", "it does not take the value")


def at_ms(*moment: int) -> int:
    return round(datetime(*moment, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


class PlaceTests(Lx200TestCase):
    def test_set_when_both_parts_are_there(self) -> None:
        peer = self.peer()
        self.assertEqual(peer.ask(":St+51*30#"), "1")
        self.assertEqual(self.mount.deeds, [])
        self.assertEqual(peer.ask(":Sg000*12#"), "1")
        self.assertEqual(self.mount.deeds, [("set_site", 51.5, -0.2, None, None)])
        arguments = {"latitude_deg": "51.5", "longitude_deg": "-0.2"}
        self.assertEqual(self.audited(), [("MountSite", arguments, "done")])
        self.assertEqual(peer.ask(":Gt#:Gg#"), "+51*30#+000*12#")

    def test_in_any_order_and_on_any_connection(self) -> None:
        self.peer().send(":Sg-10*15#")
        self.assertEqual(self.peer().ask(":St-00*30#"), "1")
        self.assertEqual(self.mount.deeds, [("set_site", -0.5, 10.25, None, None)])

    def test_forms_of_one_longitude(self) -> None:
        for text in ("-10*15", "349*45", "349*45'", "-010*15:00"):
            self.setUp()
            self.assertEqual(self.peer().ask(f":St+51*30#:Sg{text}#"), "11")
            self.assertEqual(self.mount.deeds[0][2], 10.25)

    def test_parts_of_different_hours(self) -> None:
        peer = self.peer()
        peer.send(":St+51*30#")
        self.clock.advance(TOGETHER_S + 1)
        self.assertEqual(peer.ask(":Sg000*12#"), "1")
        self.assertEqual(self.mount.deeds, [])

    def test_next_place_takes_nothing_of_the_last(self) -> None:
        peer = self.peer()
        peer.send(":St+51*30#:Sg000*12#:Sg349*45#:St-00*30#")
        self.assertEqual(
            self.mount.deeds,
            [
                ("set_site", 51.5, -0.2, None, None),
                ("set_site", -0.5, 10.25, None, None),
            ],
        )

    def test_place_that_the_mount_has(self) -> None:
        self.mount.failure = REFUSED
        self.mount.record |= {"latitude_deg": 40.2584, "longitude_deg": 179.99}
        self.assertEqual(self.peer().ask(":St+40*15#:Sg180*00#"), "11")
        self.assertEqual(self.peer().ask(":St+40*18#:Sg180*00#"), "10")

    def test_place_of_a_mount_that_knows_none(self) -> None:
        self.mount.record |= {"latitude_deg": None, "longitude_deg": None}
        self.assertEqual(self.peer().ask(":St+40*15#:Sg100*30#"), "11")
        self.assertEqual(len(self.mount.deeds), 1)

    def test_refused_by_the_mount(self) -> None:
        self.mount.failure = REFUSED
        self.assertEqual(self.peer().ask(":Sg000*12#:St+51*30#:GR#"), "1005:47:12#")

    def test_what_cannot_be_read(self) -> None:
        self.assertEqual(self.peer().ask(":St+99*30#:Sg500*00#:GR#"), "0005:47:12#")

    def test_viewer(self) -> None:
        self.factory = self.make_factory(role="viewer")
        self.assertEqual(self.peer().ask(":St+51*30#:SG-05#:SL12:00:00#"), "000")
        self.assertEqual(self.peer().ask(":SC08/05/26#:GR#"), "005:47:12#")
        self.assertEqual(
            {(what, outcome) for what, _, outcome in self.audited()},
            {("MountSite", "refused")},
        )


class ClockTests(Lx200TestCase):
    def test_set_when_date_and_time_are_there(self) -> None:
        peer = self.peer()
        self.assertEqual(peer.ask(":SG-5.5#:SL09:45:29#"), "11")
        self.assertEqual(self.mount.deeds, [])
        self.assertEqual(peer.ask(":SC08/06/26#"), DATE_TAKEN)
        moment = at_ms(2026, 8, 6, 4, 15, 29)
        self.assertEqual(self.mount.deeds, [("set_site", None, None, 5.5, moment)])
        self.assertEqual(
            self.audited(),
            [
                (
                    "MountSite",
                    {"local_time": "2026-08-06T09:45:29", "utc_offset_h": "5.5"},
                    "done",
                )
            ],
        )
        self.assertEqual(peer.ask(":GG#:GL#:GC#"), "-05.5#17:30:00#01/31/26#")

    def test_offset_is_for_all_once_the_clock_is_set(self) -> None:
        peer = self.peer()
        self.clock.advance(5)
        peer.send(":SG+07#")
        self.assertEqual(peer.ask(":GG#"), "+07#")
        self.assertEqual(self.peer().ask(":GG#"), "+00#")
        peer.send(":SL12:00:00#:SC08/06/26#")
        self.assertEqual(self.peer().ask(":GG#"), "+07#")

    def test_time_that_passed_between_the_parts_is_counted(self) -> None:
        self.peer().send(":SG+00#:SL12:00:00#")
        self.clock.advance(2.5)
        self.peer().send(":SC08/06/26#")
        self.assertEqual(self.mount.deeds[0][4], at_ms(2026, 8, 6, 12, 0, 2, 500_000))

    def test_date_first_and_offset_last(self) -> None:
        peer = self.peer()
        self.mount.answers[":GG#"] = {"kind": "text", "text": "+07"}
        self.assertEqual(peer.ask(":SC08/06/26#"), DATE_TAKEN)
        self.assertEqual(peer.ask(":SL12:00:00#"), "1")
        self.assertEqual(peer.ask(":SG+06#"), "1")
        self.assertEqual(
            self.mount.deeds,
            [
                ("set_site", None, None, None, at_ms(2026, 8, 6, 19)),
                ("set_site", None, None, -6.0, at_ms(2026, 8, 6, 18)),
            ],
        )

    def test_next_time_takes_nothing_of_the_last(self) -> None:
        peer = self.peer()
        peer.send(":SG+00#:SL12:00:00#:SC08/06/26#:SC08/07/26#:SL13:00:00#")
        self.assertEqual(
            [deed[4] for deed in self.mount.deeds],
            [at_ms(2026, 8, 6, 12), at_ms(2026, 8, 7, 13)],
        )

    def test_offset_long_after_the_time_is_of_the_next_one(self) -> None:
        peer = self.peer()
        peer.send(":SG+00#:SL12:00:00#:SC08/06/26#")
        self.clock.advance(TOGETHER_S + 1)
        self.assertEqual(peer.ask(":SG+05#:GG#"), "1+05#")
        self.assertEqual(len(self.mount.deeds), 1)

    def test_without_an_offset_it_is_the_mounts(self) -> None:
        self.mount.answers[":GG#"] = {"kind": "text", "text": "-02.0"}
        self.assertEqual(self.peer().ask(":SL12:00:00#:SC08/06/26#"), f"1{DATE_TAKEN}")
        moment = at_ms(2026, 8, 6, 10)
        self.assertEqual(self.mount.deeds, [("set_site", None, None, None, moment)])

    def test_offset_of_the_mount_that_cannot_be_read(self) -> None:
        self.mount.answers[":GG#"] = {"kind": "text", "text": "?"}
        self.assertEqual(self.peer().ask(":SL12:00:00#:SC08/06/26#:GR#"), "1005:47:12#")
        self.assertEqual(self.audited()[0][2], "failed: DEVICE_GARBLED")

    def test_offset_alone_changes_nothing_in_the_mount(self) -> None:
        self.assertEqual(self.peer().ask(":SG+07#"), "1")
        self.assertEqual((self.mount.deeds, self.audited()), ([], []))

    def test_refused_by_the_mount(self) -> None:
        self.mount.failure = REFUSED
        self.assertEqual(
            self.peer("indi").ask(":SG+07#:SL12:00:00#:SC08/06/26#:GR#"),
            "11005:47:12#",
        )

    def test_mount_that_takes_too_long(self) -> None:
        peer = self.peer("indi")
        self.mount.hold("set_site")
        peer.send(":SG+07#:SL12:00:00#:SC08/06/26#")
        self.clock.advance(4.5)
        self.assertEqual(peer.got(), "11")

    def test_what_cannot_be_read(self) -> None:
        self.assertEqual(self.peer().ask(":SC13/40/26#:SL25:00:00#:SG+99#"), "000")
