from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.bridges.lx200_sessions import (
    FLEETING_S,
    FORGOTTEN_S,
    MOST_ADDRESSES,
    TOGETHER_S,
    Addresses,
    Session,
    Setting,
    Settings,
    Value,
)

RA, DEC = Setting.RIGHT_ASCENSION, Setting.DECLINATION
TARGET_S = RA.lent_s


class SessionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lent = Settings()

    def session(self, now: float) -> Session:
        return Session(self.lent, now)

    def test_nothing_is_set_at_first(self) -> None:
        self.assertIsNone(self.session(0).get(RA, 0))

    def test_own_is_kept_for_ever(self) -> None:
        session = self.session(0)
        session.put(RA, 5.0, 100)
        self.assertEqual(session.get(RA, 100_000), 5.0)

    def test_a_connection_for_each_command(self) -> None:
        self.session(0).put(RA, 5.0, 0)
        self.session(1).put(DEC, -5.0, 1)
        third = self.session(2)
        self.assertEqual((third.get(RA, 2), third.get(DEC, 2)), (5.0, -5.0))

    def test_connections_that_overlap(self) -> None:
        """The next one may be there before the end of the last one is seen."""
        first, second = self.session(0), self.session(0)
        first.put(RA, 5.0, 0.1)
        self.assertEqual(second.get(RA, 0.2), 5.0)

    def test_the_last_one_counts(self) -> None:
        self.session(0).put(RA, 5.0, 0)
        self.session(1).put(RA, 6.0, 1)
        self.assertEqual(self.session(2).get(RA, 2), 6.0)

    def test_own_goes_before_the_addresses(self) -> None:
        one, other = self.session(0), self.session(0)
        one.put(RA, 5.0, 1)
        other.put(RA, 6.0, 2)
        self.assertEqual((one.get(RA, 3), other.get(RA, 3)), (5.0, 6.0))

    def test_what_was_refused_is_not_replaced_by_anothers(self) -> None:
        self.session(0).put(DEC, 45.0, 0)
        session = self.session(1)
        session.put(DEC, None, 1)
        self.assertIsNone(session.get(DEC, 1))
        self.assertIsNone(self.session(2).get(DEC, 2))

    def test_one_that_stays_lends_nothing(self) -> None:
        self.session(0).put(RA, 5.0, FLEETING_S)
        self.assertIsNone(self.session(FLEETING_S).get(RA, FLEETING_S))

    def test_one_that_stays_borrows_nothing(self) -> None:
        staying = self.session(0)
        self.session(10).put(RA, 5.0, 10)
        self.assertIsNone(staying.get(RA, 10))

    def test_old_target_is_nobodys_wish(self) -> None:
        self.session(0).put(RA, 5.0, 0)
        self.assertEqual(self.session(TARGET_S).get(RA, TARGET_S), 5.0)
        self.assertIsNone(self.session(TARGET_S + 1).get(RA, TARGET_S + 1))

    def test_precision_and_rate_have_no_age(self) -> None:
        for setting in (Setting.SHORT, Setting.RATE, Setting.UTC_OFFSET):
            self.session(0).put(setting, 1.0, 0)
            self.assertEqual(self.session(9e9).get(setting, 9e9), 1.0)

    def test_parts_that_belong_together(self) -> None:
        session = self.session(0)
        self.assertIsNone(session.recent(Setting.LATITUDE, 0))
        session.put(Setting.LATITUDE, 40.0, 0)
        self.assertEqual(session.recent(Setting.LATITUDE, TOGETHER_S), Value(40.0, 0))
        self.assertIsNone(session.recent(Setting.LATITUDE, TOGETHER_S + 0.1))

    def test_part_that_could_not_be_used(self) -> None:
        session = self.session(0)
        session.put(Setting.LATITUDE, None, 0)
        self.assertIsNone(session.recent(Setting.LATITUDE, 0))


class AddressesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.addresses = Addresses(Settings)

    def test_each_has_its_own(self) -> None:
        one, other = self.addresses.of("a", 0), self.addresses.of("b", 0)
        self.assertIsNot(one, other)
        self.assertIs(self.addresses.of("a", 1), one)
        self.assertEqual(self.addresses.all(), [other, one])

    def test_kept_while_it_is_heard(self) -> None:
        one = self.addresses.of("a", 0)
        for now in range(0, 10 * int(FORGOTTEN_S), int(FORGOTTEN_S)):
            self.assertIs(self.addresses.of("a", now), one)

    def test_forgotten_when_it_was_silent(self) -> None:
        one = self.addresses.of("a", 0)
        self.assertIsNot(self.addresses.of("a", FORGOTTEN_S + 1), one)

    def test_silent_ones_make_room(self) -> None:
        self.addresses.of("a", 0)
        self.addresses.of("b", FORGOTTEN_S)
        self.addresses.of("c", FORGOTTEN_S + 1)
        self.assertEqual(len(self.addresses.all()), 2)

    def test_no_more_than_so_many(self) -> None:
        for number in range(MOST_ADDRESSES + 10):
            self.addresses.of(str(number), 0)
        self.assertEqual(len(self.addresses.all()), MOST_ADDRESSES)
