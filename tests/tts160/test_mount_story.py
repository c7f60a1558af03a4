"""Whatever happens to a mount in whatever order: what nobody may ever see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    GatewayError,
    MisuseError,
    MotionStopped,
)
from gatewaykit.tts160.axes import axis_of
from gatewaykit.tts160.set_commands import set_command
from gatewaykit.tts160.variables import Dialect
from tests.tts160.cases import MountTestCase, SimulatedMount

STEP_S = 0.1
LONGEST_S = 120.0
"""Of any call: many wait for one that is repeated, on a line that loses its step."""
LEASE_S = 3.0
SLACK_S = 3.5
"""Until an axis has come to rest before it moves, and until its stop is noticed."""
RECOVERY_S = 25.0
"""Until a mount that was not there, or not listening, has been told to stop again."""

SETS = {
    "move north": set_command("MOVE_AXIS", 0, 0.5),
    "home": set_command("SLEW_TO_TARGET", 3),
    "pulse": set_command("GUIDE", 2, 50),
    "unpark": set_command("PARK_UNPARK", 1),
}
TEXTS = (
    *(":Mn#", ":Me#", ":*Mw08529486#", ":Mgs0100#", ":MS#", ":hP#", ":T1#", ":XX#"),
    *(":Sr13:00.0#", ":Sd+20*00#", ":CM#", ":Qn#", ":*!S 06;#", ":GR#", ":RS#"),
    *(data.decode("latin-1") for data in SETS.values()),
)
MOVING = (b":M", b":*M", b":hP", b":T1", b":XX", b":*!S 03", b":*!S 04", b":*!S 05")
"""What moves the mount."""

HOLDERS = st.sampled_from(["one", "two", "three"])
DIRECTIONS = st.sampled_from(["north", "south", "east", "west"])
PAUSES = st.one_of(
    st.just(0.0), st.floats(0.0, 0.02), st.floats(0.0, 4.0), st.floats(0.0, 30.0)
)
DEEDS = st.one_of(
    st.tuples(st.just("slew"), st.floats(-5.0, 90.0), st.floats(0.0, 359.9)),
    st.tuples(st.just("target"), st.floats(10.0, 80.0), st.floats(0.0, 359.9)),
    st.tuples(st.just("guide"), DIRECTIONS, st.integers(0, 500)),
    st.tuples(
        st.just("move"), DIRECTIONS, st.sampled_from([0, 1.4, 2.2, None]), HOLDERS
    ),
    st.tuples(st.just("renew"), DIRECTIONS, HOLDERS),
    st.tuples(st.just("release"), HOLDERS),
    st.tuples(st.just("stop axis"), DIRECTIONS),
    st.tuples(st.just("command"), st.sampled_from(TEXTS), HOLDERS),
    st.tuples(
        st.sampled_from(
            ["stop", "sync", "park", "unpark", "tracking", "read", "status", "site"]
        )
    ),
)
FAULTS = st.tuples(
    st.sampled_from(
        ["drop", "late", "garble", "double", "heal", "menu", "unplug", "plug"]
    )
)
EVENTS = st.lists(
    st.tuples(st.one_of(DEEDS, DEEDS, DEEDS, FAULTS), PAUSES), max_size=40
)


class Story:
    """A gateway with a mount that things happen to."""

    def __init__(self, test: MountTestCase, dialect: Dialect, seed: int) -> None:
        self.test = test
        test.clock = self.clock = Clock()
        self.clock.advance(1000)
        test.lines = []
        self.mount = test.make()
        self.simulated = SimulatedMount(self.clock, seed, dialect=dialect)
        self.simulated.listener = self.heard
        self.pending: list[tuple[Deferred[Any], float, Any]] = []
        self.is_asked_for = False
        """Whether something that moves it was asked for since the last stop."""
        self.unasked: list[bytes] = []
        """What moved it all the same."""
        self.renewed_at: dict[object, float] = {}
        self.troubled_at = 0.0
        self.is_reticent = dialect is Dialect.TEXT
        """Whether a pulse may be sent and do nothing: where it does not say that it slews, and
        where its hand pad may show a menu in that moment."""
        self.is_spoilt = False
        """Whether answers may have been others than the mount's."""
        self.done = {"slew": 0, "pulse": 0}
        self.perhaps = {"slew": 0, "pulse": 0}
        self.mount.watch()
        self.mount.start()
        self.plug()
        self.advance(4.0)

    def plug(self) -> None:
        if self.simulated.protocol is None:
            self.test.plug_in(self.simulated)

    # What nobody may see

    def heard(self, data: bytes) -> None:
        if data.startswith(MOVING) and not self.is_asked_for:
            self.unasked.append(data)

    def settle(self) -> None:
        now = self.clock.seconds()
        self.test.assertEqual(self.unasked, [])
        for entry in tuple(self.pending):
            call, deadline, what = entry
            if call.called:
                self.pending.remove(entry)
            else:
                self.test.assertLess(now, deadline, what)
        self.check_axes(now)

    def check_axes(self, now: float) -> None:
        """None moves longer than somebody wants it to."""
        faults, motion = self.simulated.faults, self.simulated.state.motion
        if faults.off_screen or self.simulated.protocol is None:
            self.troubled_at = now
        if now - self.troubled_at < RECOVERY_S or motion.is_going:
            return
        for name, axis in (("north", motion.e), ("west", motion.h)):
            if axis.wanted:
                renewed_at = self.renewed_at.get(axis_of(name), 0.0)
                self.test.assertLess(now - renewed_at, LEASE_S + SLACK_S, name)

    def advance(self, seconds: float) -> None:
        end = self.clock.seconds() + seconds
        while (now := self.clock.seconds()) < end:
            self.clock.advance(min(STEP_S, end - now))
            self.settle()

    # What happens

    def call(self, what: Any, begin: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        call = begin()
        self.pending.append((call, self.clock.seconds() + LONGEST_S, what))
        return call.addErrback(lambda failure: failure.trap(GatewayError))

    def move(self, what: Any, begin: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        self.is_asked_for = True
        return self.call(what, begin)

    def counted(self, kind: str, begin: Callable[[], Deferred[Any]]) -> None:
        """It is done once, or not at all where its call says so."""
        self.is_asked_for = True
        call = begin()

        def fail(failure: Any) -> None:
            failure.trap(GatewayError)
            if not failure.check(DeviceRefused, MisuseError):
                failure.trap(
                    DeviceTimeout, DeviceGarbled, DeviceUnavailable, MotionStopped
                )
                self.perhaps[kind] += 1

        def succeed(_: Any) -> None:
            self.done[kind] += 1

        self.pending.append((call, self.clock.seconds() + LONGEST_S, kind))
        call.addCallbacks(succeed, fail)

    def stop(self) -> None:
        moving = [
            call
            for call, _, what in self.pending
            if what in {"slew", "pulse", "move", "park", "unpark", "tracking"}
        ]
        self.is_asked_for = False
        stopping = self.mount.stop("a test")
        stopping.addErrback(lambda failure: failure.trap(DeviceUnavailable))
        self.test.assertTrue(stopping.called)
        for call in moving:
            self.test.assertTrue(call.called)
        self.test.assertEqual(self.mount.health()["moving"], [])

    def happens(self, what: str, *arguments: Any) -> None:
        getattr(self, f"do_{what.replace(' ', '_')}")(*arguments)
        self.settle()

    def do_slew(self, altitude_deg: float, azimuth_deg: float) -> None:
        self.counted(
            "slew",
            lambda: self.mount.slew(altitude_deg=altitude_deg, azimuth_deg=azimuth_deg),
        )

    def do_target(self, degrees: float, angle: float) -> None:
        self.counted(
            "slew",
            lambda: self.mount.slew(
                right_ascension_h=angle / 15, declination_deg=degrees
            ),
        )

    def do_guide(self, direction: str, duration_ms: int) -> None:
        self.counted("pulse", lambda: self.mount.guide(direction, duration_ms))

    def do_move(self, direction: str, rate: float | None, holder: str) -> None:
        def began(_: Any) -> None:
            self.renewed_at[axis_of(direction)] = self.clock.seconds()

        self.renewed_at[axis_of(direction)] = self.clock.seconds()
        move = self.move("move", lambda: self.mount.move_axis(direction, rate, holder))
        move.addCallback(began)

    def do_renew(self, direction: str, holder: str) -> None:
        try:
            self.mount.renew_axis(direction, holder)
        except MotionStopped:
            return
        self.renewed_at[axis_of(direction)] = self.clock.seconds()

    def do_release(self, holder: str) -> None:
        self.mount.release(holder)

    def do_stop_axis(self, direction: str) -> None:
        self.call("stop axis", lambda: self.mount.stop_axis(direction))

    def do_command(self, text: str, holder: str) -> None:
        if text == ":*!S 06;#":
            self.is_asked_for = False
            self.call(text, lambda: self.mount.command(text, "blind", holder))
            return

        def began(_: Any) -> None:
            for direction in ("north", "west"):
                self.renewed_at[axis_of(direction)] = self.clock.seconds()

        began(None)
        if text in {":MS#", SETS["home"].decode("latin-1")}:
            self.perhaps["slew"] += 1
        if text in {":Mgs0100#", SETS["pulse"].decode("latin-1")}:
            self.perhaps["pulse"] += 1
        self.move(text, lambda: self.mount.command(text, "blind", holder)).addCallback(
            began
        )

    def do_stop(self) -> None:
        self.stop()

    def do_sync(self) -> None:
        self.call("sync", lambda: self.mount.sync(13.0, 20.0))

    def do_park(self) -> None:
        self.move("park", self.mount.park)

    def do_unpark(self) -> None:
        self.move("unpark", self.mount.unpark)

    def do_tracking(self) -> None:
        self.move("tracking", lambda: self.mount.tracking(on=True, rate="lunar"))

    def do_read(self) -> None:
        self.call("read", lambda: self.mount.variables(["RA", "DEC", "C1,2,3"]))

    def do_status(self) -> None:
        status = self.mount.status()
        self.pending.append((status, self.clock.seconds() + 2.2, "status"))

    def do_site(self) -> None:
        self.call("site", lambda: self.mount.set_site(at_ms=self.test.wall_ms()))

    def do_drop(self) -> None:
        self.simulated.faults.dropped = 0.1

    def do_late(self) -> None:
        self.simulated.faults.late = 0.05

    def do_garble(self) -> None:
        self.is_spoilt = True
        self.simulated.faults.garbled = self.simulated.faults.lost_byte = 0.05

    def do_double(self) -> None:
        self.is_spoilt = True
        self.simulated.faults.duplicated = 0.05

    def do_heal(self) -> None:
        faults = self.simulated.faults
        faults.dropped = faults.late = faults.garbled = 0.0
        faults.lost_byte = faults.duplicated = 0.0
        faults.off_screen = False

    def do_menu(self) -> None:
        self.is_reticent = True
        self.simulated.faults.off_screen = True

    def do_unplug(self) -> None:
        self.simulated.unplug()

    def do_plug(self) -> None:
        self.plug()

    def end(self) -> None:
        stopping = self.mount.stop_service()
        self.advance(3.0)
        self.test.successResultOf(stopping)
        self.test.assertEqual(self.pending, [])
        self.clock.advance(10.0)
        self.test.assertEqual(self.clock.getDelayedCalls(), [])
        if not self.is_spoilt:
            deeds = self.simulated.deeds
            for kind, count in (
                ("slew", len(deeds.slews)),
                ("pulse", len(deeds.pulses)),
            ):
                done, perhaps = self.done[kind], self.perhaps[kind]
                if not (kind == "pulse" and self.is_reticent):
                    self.test.assertLessEqual(done, count, kind)
                self.test.assertLessEqual(count, done + perhaps, kind)


class StoryTests(MountTestCase):
    @settings(max_examples=50, deadline=None)
    @given(EVENTS, st.sampled_from(Dialect), st.integers(0, 9))
    def test_whatever_happens(
        self, events: list[tuple[tuple[Any, ...], float]], dialect: Dialect, seed: int
    ) -> None:
        story = Story(self, dialect, seed)
        for what, pause_s in events:
            story.happens(*what)
            story.advance(pause_s)
        story.end()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_it_comes_back(self) -> None:
        """A mount that is well in the end is ready, and does what it is told."""
        for dialect in Dialect:
            story = Story(self, dialect, 0)
            for what in ("menu", "unplug", "plug", "garble", "double", "late", "drop"):
                story.happens(what)
                story.happens("move", "north", 1.4, "one")
                story.advance(20.0)
                story.happens("slew", 50.0, 100.0)
                story.advance(20.0)
            for what in ("heal", "plug"):
                story.happens(what)
            story.advance(40.0)
            story.happens("stop")
            story.advance(5.0)
            slews = len(story.simulated.deeds.slews)
            story.happens("slew", 60.0, 200.0)
            story.advance(5.0)
            self.assertEqual(story.mount.health()["state"], "ready")
            self.assertEqual(len(story.simulated.deeds.slews), slews + 1)
            story.end()
        self.assertEqual(self.flushLoggedErrors(), [])
