from __future__ import annotations

from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gatewaykit.errors import MisuseError
from gatewaykit.gv50 import fleet as module
from gatewaykit.gv50.changes import RETRY_S
from gatewaykit.gv50.fleet import SAVE_S, SWEEP_S, Fleet
from gatewaykit.interfaces import DeviceChange, IFleet
from gatewaykit.testing import MemoryStore

IMEI = "135790246811220"
OTHER = "135790246811238"
START_MS = 1_790_000_000_000
UNKNOWN_AFTER = 600.0


class FakeConnection:
    local_port = 5000
    unacknowledged = 0
    ending = False

    def __init__(self) -> None:
        self.told: list[str] = []

    def write_command(self, data: bytes, limit_s: float) -> bool:
        self.told.append(f"{data!r} within {limit_s:g} s")
        return True

    def give_up(self, reason: str) -> None:
        self.told.append(reason)

    def taken_over(self) -> None:
        self.told.append("taken over")

    def policy_changed(self, policy: str) -> None:
        self.told.append(policy)


class FleetCase(SynchronousTestCase):
    unknown_devices = "accept"

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.fleet = self.new_fleet()

    def now_ms(self) -> int:
        return START_MS + round(self.clock.seconds() * 1000)

    def new_fleet(self) -> Fleet:
        return Fleet(
            self.store,
            self.clock,
            self.now_ms,
            unknown_devices=self.unknown_devices,
            unknown_after=UNKNOWN_AFTER,
        )

    def start(self) -> None:
        self.successResultOf(self.fleet.start())

    def connect(self, imei: str = IMEI) -> tuple[Any, FakeConnection]:
        connection = FakeConnection()
        device = self.fleet.connected(imei, connection, "10.0.0.1:4711")
        self.hear(device)
        return device, connection

    def hear(self, device: Any) -> None:
        self.fleet.heard(device, self.clock.seconds(), self.now_ms())

    def run_for(self, seconds: float) -> None:
        self.clock.pump([SWEEP_S] * round(seconds / SWEEP_S))

    def stored(self, imei: str = IMEI) -> Any:
        return self.successResultOf(self.store.device(imei))

    def events(self, imei: str | None = None) -> list[tuple[str, Any]]:
        page = self.successResultOf(self.store.events(imei))
        return [(e["event"], e["details"].get("reason")) for e in page.records]

    def status(self, imei: str = IMEI) -> Any:
        live = self.fleet.live(imei)
        return None if live is None else live["status"]


class FleetTests(FleetCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()

    def test_provides_its_interface(self) -> None:
        verifyObject(IFleet, self.fleet)

    def test_device_never_heard_of_is_not_live(self) -> None:
        self.assertIsNone(self.fleet.live(IMEI))

    def test_first_frame_makes_it_online(self) -> None:
        self.clock.advance(2)
        self.connect()
        stamp = "2026-09-21T14:13:22.000Z"
        self.assertEqual(
            self.fleet.live(IMEI),
            {"status": "online", "since": stamp, "last_seen": stamp, "gateway": ""},
        )
        self.assertEqual(self.stored()["status"], "online")
        self.assertEqual(self.events(), [("online", None)])
        self.assertEqual(self.fleet.counts(), {"online": 1, "offline": 0, "unknown": 0})

    def test_lost_connection_makes_it_offline(self) -> None:
        device, connection = self.connect()
        self.fleet.disconnected(device, connection, "connection lost")
        self.assertEqual(self.status(), "offline")
        self.assertEqual(
            self.events(), [("online", None), ("offline", "connection lost")]
        )

    def test_silent_connection_is_unknown_until_it_is_heard(self) -> None:
        device, _ = self.connect()
        self.run_for(UNKNOWN_AFTER - 1)
        self.assertEqual(self.status(), "online")
        self.run_for(1)
        self.assertEqual(self.status(), "unknown")
        self.hear(device)
        self.assertEqual(self.status(), "online")
        self.assertEqual(
            self.events(), [("online", None), ("unknown", "silent"), ("online", None)]
        )

    def test_frames_keep_it_online(self) -> None:
        device, _ = self.connect()
        for _round in range(5):
            self.run_for(UNKNOWN_AFTER - 1)
            self.hear(device)
        self.assertEqual(self.status(), "online")
        self.assertEqual(len(self.events()), 1)

    def test_last_contact_is_stored_once_a_minute_if_it_moved(self) -> None:
        device, _ = self.connect()
        changes: list[DeviceChange] = []

        def record(batch: list[DeviceChange]) -> Deferred[None]:
            changes.extend(batch)
            return MemoryStore.record_changes(self.store, batch)

        with patch.object(self.store, "record_changes", record):
            for _second in range(round(2.5 * SAVE_S)):
                self.clock.advance(1)
                self.hear(device)
            self.assertEqual(len(changes), 2)
            self.run_for(SAVE_S)
            self.assertEqual(len(changes), 3)
            self.run_for(5 * SAVE_S)
            self.assertEqual(len(changes), 3)
        self.assertEqual({change.event for change in changes}, {None})
        self.assertEqual(self.stored()["last_seen"], self.fleet.live(IMEI)["last_seen"])  # type: ignore[index]

    def test_offline_record_has_the_last_contact(self) -> None:
        device, connection = self.connect()
        self.clock.advance(7)
        self.hear(device)
        self.clock.advance(3)
        self.fleet.disconnected(device, connection, "connection lost")
        self.assertEqual(self.stored()["last_seen"], "2026-09-21T14:13:27.000Z")
        self.assertEqual(self.stored()["since"], "2026-09-21T14:13:30.000Z")

    # -- takeover ----------------------------------------------------------------------

    def test_newer_connection_takes_over(self) -> None:
        _, old = self.connect()
        self.clock.advance(5)
        _, new = self.connect()
        self.assertEqual(old.told, ["taken over"])
        self.assertEqual(new.told, [])
        self.assertEqual(self.events(), [("online", None), ("takeover", None)])
        event = self.successResultOf(self.store.events()).records[1]
        self.assertEqual(event["at"], "2026-09-21T14:13:25.000Z")
        self.assertEqual(event["details"], {"peer": "10.0.0.1:4711"})
        self.assertEqual(self.stored()["since"], "2026-09-21T14:13:20.000Z")

    def test_end_of_the_old_connection_means_nothing(self) -> None:
        device, old = self.connect()
        self.connect()
        self.fleet.disconnected(device, old, "taken over")
        self.assertEqual(self.status(), "online")

    def test_end_of_the_new_one_before_the_old_one_counts(self) -> None:
        device, old = self.connect()
        _, new = self.connect()
        self.fleet.disconnected(device, new, "connection lost")
        self.assertEqual(self.status(), "offline")
        self.fleet.disconnected(device, old, "taken over")
        self.assertEqual(self.events()[2:], [("offline", "connection lost")])

    def test_reconnecting_after_the_end_is_no_takeover(self) -> None:
        device, old = self.connect()
        self.fleet.disconnected(device, old, "connection lost")
        self.connect()
        self.assertEqual([e for e, _ in self.events()], ["online", "offline", "online"])

    # -- policies ----------------------------------------------------------------------

    def test_unknown_device_is_treated_as_the_setting_says(self) -> None:
        self.assertEqual(self.fleet.policy(IMEI), "accepted")

    def test_changed_policy_is_told_to_the_connection(self) -> None:
        _, connection = self.connect()
        self.fleet.policy_changed(IMEI, "refused")
        self.assertEqual(connection.told, ["refused"])
        self.assertEqual(self.fleet.policy(IMEI), "refused")

    def test_policy_of_a_device_never_heard_of_is_kept(self) -> None:
        self.fleet.policy_changed(IMEI, "refused")
        self.assertEqual(self.fleet.policy(IMEI), "refused")
        self.assertEqual(
            self.fleet.live(IMEI),
            {
                "status": "unknown",
                "since": "2026-09-21T14:13:20.000Z",
                "last_seen": None,
                "gateway": None,
            },
        )

    def test_unknown_policy_is_misuse(self) -> None:
        with self.assertRaises(MisuseError):
            self.fleet.policy_changed(IMEI, "accept")

    # -- the store ---------------------------------------------------------------------

    def test_changes_wait_for_a_store_that_is_unavailable(self) -> None:
        self.store.failure = "disk full"
        self.connect()
        self.run_for(2)
        self.store.failure = None
        self.run_for(RETRY_S)
        self.assertEqual(self.stored()["status"], "online")
        self.assertEqual(self.events(), [("online", None)])

    def test_fault_in_a_sweep_does_not_end_sweeping(self) -> None:
        self.connect()
        with patch.object(self.fleet.changes, "flush", side_effect=ValueError("bug")):
            self.run_for(1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.run_for(UNKNOWN_AFTER)
        self.assertEqual(self.status(), "unknown")

    # -- stop --------------------------------------------------------------------------

    def test_stop_records_everybody_as_offline(self) -> None:
        self.connect()
        device, connection = self.connect(OTHER)
        self.fleet.disconnected(device, connection, "connection lost")
        self.successResultOf(self.fleet.stop())
        self.assertEqual(self.stored()["status"], "offline")
        self.assertEqual(self.stored(OTHER)["status"], "offline")
        self.assertEqual(self.events(IMEI)[-1], ("offline", "gateway stopped"))
        self.assertEqual(self.events(OTHER)[-1], ("offline", "connection lost"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_ends_though_the_store_is_unavailable(self) -> None:
        self.connect()
        self.store.failure = "disk full"
        self.successResultOf(self.fleet.stop())
        self.assertEqual(len(self.fleet.changes), 1)

    def test_stop_before_the_start_is_harmless(self) -> None:
        self.successResultOf(self.new_fleet().stop())


class RestartTests(FleetCase):
    """A gateway that ended without a word, and starts again."""

    def restart(self, *, down_s: float) -> None:
        self.start()
        device, connection = self.connect()
        self.connect(OTHER)
        self.fleet.disconnected(device, connection, "connection lost")
        self.clock.advance(down_s)
        self.fleet = self.new_fleet()
        self.start()

    def test_who_was_online_is_unknown_since_the_start(self) -> None:
        self.restart(down_s=60)
        self.assertEqual(self.status(OTHER), "unknown")
        self.assertEqual(self.stored(OTHER)["status"], "unknown")
        self.assertEqual(self.stored(OTHER)["since"], "2026-09-21T14:14:20.000Z")
        self.assertEqual(self.events(OTHER)[-1], ("unknown", "gateway started"))

    def test_who_was_offline_stays_so(self) -> None:
        self.restart(down_s=60)
        self.assertEqual(self.status(IMEI), "offline")
        self.assertEqual(self.events(IMEI)[-1], ("offline", "connection lost"))

    def test_unknown_becomes_offline_unless_it_is_seen(self) -> None:
        self.restart(down_s=60)
        self.run_for(UNKNOWN_AFTER - 61)
        self.assertEqual(self.status(OTHER), "unknown")
        self.run_for(1)
        self.assertEqual(self.status(OTHER), "offline")

    def test_unknown_that_is_seen_is_online(self) -> None:
        self.restart(down_s=60)
        device, _ = self.connect(OTHER)
        for _round in range(3):
            self.run_for(UNKNOWN_AFTER - 1)
            self.hear(device)
        self.assertEqual(self.status(OTHER), "online")

    def test_not_seen_for_too_long_already_is_offline_at_once(self) -> None:
        self.restart(down_s=UNKNOWN_AFTER)
        self.assertEqual(self.status(OTHER), "offline")

    def test_second_restart_makes_no_second_event(self) -> None:
        self.restart(down_s=60)
        self.clock.advance(60)
        self.fleet = self.new_fleet()
        self.start()
        self.assertEqual([e for e, _ in self.events(OTHER)], ["online", "unknown"])
        self.assertEqual(self.stored(OTHER)["since"], "2026-09-21T14:15:20.000Z")

    def test_policies_are_loaded(self) -> None:
        self.successResultOf(self.store.set_policy(IMEI, "refused"))
        self.start()
        self.assertEqual(self.fleet.policy(IMEI), "refused")


class QuarantineTests(FleetCase):
    unknown_devices = "quarantine"

    def setUp(self) -> None:
        super().setUp()
        self.start()

    def test_unknown_device_is_quarantined_and_recorded(self) -> None:
        device, _ = self.connect()
        self.assertEqual(device.policy, "quarantined")
        self.assertEqual(self.stored()["policy"], "quarantined")
        self.assertEqual(self.events(), [("quarantine", None), ("online", None)])

    def test_known_device_beats_the_setting(self) -> None:
        self.fleet.policy_changed(IMEI, "accepted")
        device, _ = self.connect()
        self.assertEqual(device.policy, "accepted")

    def test_strangers_that_have_gone_are_forgotten_when_too_many(self) -> None:
        with patch.object(module, "STRANGERS", 2):
            for number in range(4):
                imei = f"10000000000000{number}"
                device, connection = self.connect(imei)
                self.fleet.disconnected(device, connection, "connection lost")
        self.assertIsNone(self.fleet.live("100000000000000"))
        self.assertIsNone(self.fleet.live("100000000000001"))
        self.assertEqual(self.status("100000000000003"), "offline")
        self.assertEqual(self.fleet.counts(), {"online": 0, "offline": 2, "unknown": 0})

    def test_strangers_of_earlier_are_bounded_too(self) -> None:
        self.store.record_changes(
            [
                DeviceChange(
                    f"10000000000000{number}",
                    "unknown" if number == 0 else "offline",
                    0,
                    START_MS if number == 0 else 1000 * number,
                    policy="quarantined",
                )
                for number in range(4)
            ]
        )
        self.fleet = self.new_fleet()
        with patch.object(module, "STRANGERS", 2):
            self.start()
            self.assertEqual(
                self.fleet.counts(), {"online": 0, "offline": 2, "unknown": 1}
            )
            self.run_for(UNKNOWN_AFTER)
        self.assertIsNone(self.fleet.live("100000000000001"))
        self.assertIsNone(self.fleet.live("100000000000002"))
        self.assertEqual(self.status("100000000000000"), "offline")

    def test_decided_and_connected_ones_are_not_forgotten(self) -> None:
        with patch.object(module, "STRANGERS", 1):
            for number in range(4):
                imei = f"10000000000000{number}"
                device, connection = self.connect(imei)
                self.fleet.disconnected(device, connection, "connection lost")
                if number == 0:
                    self.fleet.policy_changed(imei, "quarantined")
                if number == 1:
                    self.connect(imei)
        self.assertIsNotNone(self.fleet.live("100000000000000"))
        self.assertEqual(self.status("100000000000001"), "online")
        self.assertIsNone(self.fleet.live("100000000000002"))
