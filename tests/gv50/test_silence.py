from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.silence import Silence


class SilenceTests(SynchronousTestCase):
    def test_silent_for_the_limit_expires_once(self) -> None:
        silence: Silence[str] = Silence(10.0)
        silence.heard("a", 0.0)
        self.assertEqual(silence.expired(9.9), [])
        self.assertEqual(silence.expired(10.0), ["a"])
        self.assertEqual(silence.expired(11.0), [])

    def test_heard_again_waits_anew(self) -> None:
        silence: Silence[str] = Silence(10.0)
        silence.heard("a", 0.0)
        silence.heard("b", 1.0)
        silence.heard("a", 5.0)
        self.assertEqual(silence.expired(14.0), ["b"])
        self.assertEqual(silence.expired(15.0), ["a"])

    def test_forgotten_never_expires(self) -> None:
        silence: Silence[str] = Silence(10.0)
        silence.heard("a", 0.0)
        silence.forget("a")
        silence.forget("never heard of")
        self.assertEqual(silence.expired(100.0), [])

    @given(
        st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5))),
        st.integers(0, 20),
    )
    def test_expired_are_those_silent_for_the_limit(
        self, heard: list[tuple[str, int]], wait: int
    ) -> None:
        silence: Silence[str] = Silence(7.0)
        last: dict[str, float] = {}
        now = 0.0
        for thing, step in heard:
            now += step
            silence.heard(thing, now)
            last[thing] = now
        now += wait
        expired = {thing for thing, at in last.items() if at <= now - 7.0}
        self.assertEqual(set(silence.expired(now)), expired)
        rest = silence.expired(now + 7.0)
        self.assertEqual(set(rest), last.keys() - expired)
