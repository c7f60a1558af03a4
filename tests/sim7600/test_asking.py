"""What is borne of the modem's answers, and what is not."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import DeviceRefused, DeviceTimeout, DeviceUnavailable
from gatewaykit.sim7600.asking import Patience, in_background


async def fail(error: Exception | None) -> None:
    if error is not None:
        raise error


class BackgroundTests(SynchronousTestCase):
    def test_what_the_modem_does_not_do_is_no_matter(self) -> None:
        for error in (DeviceTimeout("m", "AT", 1), CancelledError(), None):
            self.successResultOf(in_background(fail(error)))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_defect_is_logged(self) -> None:
        self.successResultOf(in_background(fail(ZeroDivisionError())))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class PatienceTests(SynchronousTestCase):
    def bear(self, patience: Patience, error: Exception | None) -> int:
        """How many lines are logged."""
        with capturedLogs() as events:
            self.successResultOf(
                Deferred.fromCoroutine(patience.bear("x", fail(error)))
            )
        return len(events)

    def test_a_complaint_is_told_once_until_it_changes(self) -> None:
        patience, mute = Patience(), DeviceTimeout("m", "AT", 1)
        refused = DeviceRefused("m", "AT", "why not")
        story = (mute, mute, refused, refused, mute, None, mute)
        told = [self.bear(patience, error) for error in story]
        self.assertEqual(told, [1, 0, 1, 0, 1, 0, 1])

    def test_a_modem_that_is_gone_is_another_matter(self) -> None:
        gone = Deferred.fromCoroutine(
            Patience().bear("x", fail(DeviceUnavailable("m", "gone")))
        )
        self.failureResultOf(gone, DeviceUnavailable)
