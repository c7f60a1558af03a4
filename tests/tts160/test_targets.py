"""What clients told the mount to be the target."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.tts160 import lx200
from gatewaykit.tts160.commands import Command
from gatewaykit.tts160.set_commands import set_command
from gatewaykit.tts160.targets import Target, Targets


def binary(hours: float, degrees: float) -> Command:
    data = set_command("SET_TARGET", hours * math.pi / 12, math.radians(degrees))
    return lx200.command(data)


class TargetsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.targets = Targets()
        self.hours, self.degrees = lx200.set_target(5.5, -10.25)

    def told(self, *commands: Command, holder: str = "one") -> Target | None:
        for command in commands:
            self.targets.told(holder, command)
        return self.targets.of(holder)

    def test_both_coordinates_in_either_order(self) -> None:
        self.assertIsNone(self.targets.of("one"))
        self.assertIsNone(self.told(self.hours))
        expected = Target((self.hours, self.degrees), 5.5, -10.25)
        self.assertEqual(self.told(self.degrees), expected)
        self.assertIsNone(self.told(self.degrees, holder="two"))
        self.assertEqual(self.told(self.hours, holder="two"), expected)

    def test_last_ones_count(self) -> None:
        later = lx200.command(":Sr06:00.0#")
        found = self.told(self.hours, self.degrees, later)
        self.assertEqual(found, Target((later, self.degrees), 6.0, -10.25))

    def test_degree_sign_of_the_lx200(self) -> None:
        sign = lx200.command(":Sd +45\xdf30:15#")
        found = self.told(self.hours, sign)
        assert found is not None
        self.assertAlmostEqual(found.declination_deg, 45.504166, 5)

    def test_binary(self) -> None:
        command = binary(18.0, 45.0)
        found = self.told(command)
        assert found is not None
        self.assertEqual(found.commands, (command,))
        self.assertAlmostEqual(found.right_ascension_h, 18.0, 5)
        self.assertAlmostEqual(found.declination_deg, 45.0, 5)

    def test_half_of_a_binary_one_is_replaced(self) -> None:
        """What tells both is told first."""
        command = binary(18.0, 45.0)
        for half in (self.hours, self.degrees):
            found = self.told(command, half)
            assert found is not None
            self.assertEqual(found.commands, (command, half))
            found = self.told(half, command)
            assert found is not None
            self.assertEqual(found.commands, (command,))

    def test_other_commands_are_none(self) -> None:
        for text in (":St+47*00#", ":GR#", ":MS#", ":*SR+00.0000000000#"):
            self.assertIsNone(self.told(lx200.command(text)))
        self.assertEqual(self.targets._told, {})

    def test_forgotten(self) -> None:
        self.told(self.hours, self.degrees)
        self.told(self.hours, self.degrees, holder="two")
        self.targets.forget("one")
        self.targets.forget("one")
        self.assertIsNone(self.targets.of("one"))
        self.assertIsNotNone(self.targets.of("two"))

    @given(st.floats(0, 23.99), st.floats(-90, 90))
    def test_round_trip(self, hours: float, degrees: float) -> None:
        found = self.told(*lx200.set_target(hours, degrees, tenths=True))
        assert found is not None
        self.assertAlmostEqual(found.right_ascension_h, hours, 4)
        self.assertAlmostEqual(found.declination_deg, degrees, 4)
