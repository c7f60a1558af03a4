"""The recovery ladder: how far, how often, never in a storm."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600.recovery import (
    COOL_DOWN_S,
    HEALED_S,
    LONGEST_SPACING_S,
    ROUNDS,
    SEARCHING_S,
    SETTLING_S,
    SPACING_S,
    Ladder,
    Rung,
)


class MuteTests(SynchronousTestCase):
    def test_nothing_is_done_where_only_resynchronisation_is_allowed(self) -> None:
        ladder = Ladder(Rung.RESYNC, 0.0)
        self.assertIsNone(ladder.mute(1000.0))
        self.assertEqual(set(ladder.counts.values()), {0})

    def test_by_default_the_port_is_reopened_for_ever_but_seldom(self) -> None:
        ladder = Ladder(Rung.REOPEN, 0.0)
        taken = [now for now in range(0, 3000, 20) if ladder.mute(float(now))]
        self.assertEqual(taken[:ROUNDS], [0, 20, 40])
        gaps = [later - earlier for earlier, later in itertools.pairwise(taken[2:])]
        self.assertEqual(set(gaps), {COOL_DOWN_S})
        self.assertEqual(ladder.counts[Rung.REOPEN], len(taken))

    def test_radio_is_no_help_for_a_mute_modem(self) -> None:
        ladder = Ladder(Rung.RADIO, 0.0)
        rungs = {ladder.mute(60.0 * number) for number in range(9)}
        self.assertEqual(rungs, {Rung.REOPEN, None})

    def test_reset_comes_after_two_reopenings(self) -> None:
        ladder = Ladder(Rung.RESET, 0.0)
        rungs = [ladder.mute(100.0 + number) for number in range(4)]
        self.assertEqual(rungs, [Rung.REOPEN, Rung.REOPEN, Rung.RESET, Rung.REOPEN])

    def test_no_reset_in_the_first_minute_after_the_port_appeared(self) -> None:
        ladder = Ladder(Rung.RESET, 0.0)
        for now in (100.0, 101.0):
            ladder.mute(now)
        ladder.appeared(102.0)
        self.assertIs(ladder.mute(102.0 + SETTLING_S - 1), Rung.REOPEN)
        self.assertIs(ladder.mute(102.0 + SETTLING_S), Rung.RESET)

    def test_resets_are_spaced_and_the_space_grows(self) -> None:
        ladder = Ladder(Rung.RESET, 0.0)
        resets = [
            now
            for now in range(60, 40_000, 10)
            if ladder.mute(float(now)) is Rung.RESET
        ]
        gaps = [later - earlier for earlier, later in itertools.pairwise(resets)]
        self.assertTrue(all(gap >= SPACING_S for gap in gaps))
        self.assertTrue(all(gap >= COOL_DOWN_S for gap in gaps[ROUNDS - 1 :: ROUNDS]))
        self.assertEqual(gaps, sorted(gaps))
        self.assertLessEqual(gaps[-1], LONGEST_SPACING_S + 60)

    def test_an_answer_in_between_begins_the_count_anew(self) -> None:
        ladder = Ladder(Rung.RESET, 0.0)
        for now in (100.0, 101.0):
            ladder.mute(now)
        ladder.well(102.0)
        self.assertIs(ladder.mute(103.0), Rung.REOPEN)

    def test_a_modem_that_has_healed_has_no_history(self) -> None:
        ladder = Ladder(Rung.RESET, 0.0)
        for now in (100.0, 101.0, 102.0):
            ladder.mute(now)
        ladder.well(200.0)
        ladder.well(200.0 + HEALED_S)
        for now in (900.0, 901.0, 902.0):
            ladder.mute(now)
        for now in (903.0, 904.0):
            ladder.mute(now)
        self.assertIs(ladder.mute(902.0 + SPACING_S), Rung.RESET)


class NoNetworkTests(SynchronousTestCase):
    def test_patience_comes_first(self) -> None:
        ladder = Ladder(Rung.RESET, 0.0)
        self.assertIsNone(ladder.no_network(SEARCHING_S - 1, 5000.0))

    def test_nothing_is_done_by_default(self) -> None:
        ladder = Ladder(Rung.REOPEN, 0.0)
        self.assertIsNone(ladder.no_network(9999.0, 5000.0))

    def test_radio_cycles_are_bounded(self) -> None:
        ladder = Ladder(Rung.RADIO, 0.0)
        taken = [ladder.no_network(9999.0, 100.0 * n) for n in range(1, 200)]
        self.assertEqual([rung for rung in taken if rung], [Rung.RADIO] * ROUNDS)

    def test_reset_comes_after_the_radio_cycles(self) -> None:
        ladder = Ladder(Rung.RESET, 0.0)
        taken = [ladder.no_network(9999.0, 100.0 * n) for n in range(1, 100)]
        rungs = [rung for rung in taken if rung]
        self.assertEqual(rungs[:4], [Rung.RADIO] * ROUNDS + [Rung.RESET])

    def test_radio_may_begin_anew_for_a_modem_that_was_well_for_long(self) -> None:
        ladder = Ladder(Rung.RADIO, 0.0)
        for number in range(1, 200):
            ladder.no_network(9999.0, 100.0 * number)
        ladder.well(50_000.0)
        ladder.well(50_000.0 + HEALED_S)
        self.assertIs(ladder.no_network(9999.0, 60_000.0), Rung.RADIO)


class StormTests(SynchronousTestCase):
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["mute", "no_network", "well", "appeared"]),
                st.floats(0, 300),
            ),
            max_size=300,
        )
    )
    def test_whatever_happens_resets_keep_their_distance(
        self, story: list[tuple[str, float]]
    ) -> None:
        ladder = Ladder(Rung.RESET, 0.0)
        now, harsh = 0.0, [-SPACING_S]
        for what, pause in story:
            now += pause
            if what in {"well", "appeared"}:
                getattr(ladder, what)(now)
                continue
            rung = (
                ladder.mute(now) if what == "mute" else ladder.no_network(9999.0, now)
            )
            if rung in {Rung.RADIO, Rung.RESET}:
                self.assertGreaterEqual(now - harsh[-1], SPACING_S)
                harsh.append(now)
