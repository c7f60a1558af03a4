from __future__ import annotations

from twisted.logger import LogLevel, capturedLogs

from gatewaykit.vehicles import Registration
from tests.gv50.support import IMEI
from tests.gv50.vehicles import CommandCase


class AttendanceTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.configure()

    def test_answers_that_nothing_waits_for_fill_no_log(self) -> None:
        line = self.online()
        with capturedLogs() as lines:
            for number in range(20):
                line.send(
                    f"+ACK:GTFRI,090302,{IMEI},,{number:04X},{self.stamp()},"
                    f"{self.count()}$".encode()
                )
        said = [each for each in lines if each["log_level"] > LogLevel.debug]
        self.assertEqual(said, [])

    def test_another_name_hides_no_change_of_the_output(self) -> None:
        line = self.online(type="GTFRI", status="110000")
        self.fleet.registered(IMEI, Registration(name="van 7"))
        line.send(self.position(type="GTFRI", status="110001"))
        self.look()
        self.assertIn("blocked", self.events())

    def test_another_level_is_no_change_of_the_output(self) -> None:
        line = self.online(type="GTFRI", status="110000")
        self.fleet.registered(IMEI, Registration(block_level=0))
        line.send(self.position(type="GTFRI", status="110000"))
        self.look()
        self.assertNotIn("blocked", self.events())
        device = self.fleet.device(IMEI)
        assert device is not None
        self.assertTrue(device.blocked)
