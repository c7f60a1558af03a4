"""Whatever happens to a modem in whatever order: what nobody may ever see."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gatewaykit.errors import GatewayError
from gatewaykit.interfaces import Record
from gatewaykit.sim7600.modem import Modem
from gatewaykit.sim7600.recovery import SETTLING_S, SPACING_S
from tests.sim7600.scripted import ANSWERS, FIX, NO_FIX, ModemTestCase, ScriptedModem

START = datetime.fromisoformat("2025-08-30T12:00:00+00:00")
STALE_AFTER_S = 5.0
READ_S = 2.5
"""A read comes back within two seconds (`IModem`), seen in steps of half a second."""
WORK_S = 400.0
"""A message in one part: resynchronisation and two long limits included."""

HAPPENINGS = st.one_of(
    st.tuples(
        st.sampled_from(
            [
                "mute",
                "heal",
                "refuse",
                "garbage",
                "freeze",
                "lose fix",
                "move",
                "unplug",
                "plug",
                "reboot",
                "stops",
                "no network",
                "no sim",
                "denied",
            ]
        ),
        st.floats(0.0, 60.0),
    ),
    st.tuples(
        st.sampled_from(["location", "network", "info", "available", "send", "list"]),
        st.floats(0.0, 5.0),
    ),
    st.tuples(
        st.sampled_from(sorted(set(ANSWERS) - {"AT"})).map(lambda c: f"silent {c}"),
        st.floats(0.0, 10.0),
    ),
)


class Story:
    """A gateway with a modem that things happen to."""

    def __init__(self, test: ModemTestCase, recovery: str) -> None:
        self.test = test
        test.clock = self.clock = Clock()
        self.clock.advance(1000)
        test.lines = []
        self.modem: Modem = test.make(recovery=recovery)
        self.line = test.lines[0]
        self.scripted = ScriptedModem(self.clock)
        self.stands_still_at: float | None = None
        self.has_fix = True
        self.pending: list[tuple[Deferred[Any], float, str]] = []
        self.resets: list[float] = []
        self.appeared_at = 0.0
        self.modem.subscribe(self.told, "location", "event")
        self.modem.start()
        self.heal()

    def told(self, kind: str, record: Record) -> None:
        if kind == "location":
            self.check(record)

    def heal(self) -> None:
        self.scripted.answers = dict(ANSWERS)
        self.scripted.answers |= {
            "AT+CGNSSINFO": self.position,
            "AT+CFUN=4": "",
            "AT+CFUN=1": "",
            "AT+CRESET": self.reset,
        }

    def position(self) -> str:
        if not self.has_fix:
            return NO_FIX
        at = self.stands_still_at
        seconds = (self.clock.seconds() if at is None else at) // 1
        moment = START + timedelta(seconds=seconds)
        fix = FIX.format(utc=f"{moment:%H%M%S}.0")
        return fix.replace("300825", f"{moment:%d%m%y}")

    def reset(self) -> str:
        self.resets.append(self.clock.seconds())
        self.test.assertGreaterEqual(
            self.clock.seconds() - self.appeared_at, SETTLING_S
        )
        return ""

    def check(self, record: Record) -> None:
        """No old place, and none of a modem that is gone."""
        if record["fix_status"] != "valid":
            self.test.assertIsNone(record["latitude"])
            return
        self.test.assertIsNotNone(self.scripted.protocol)
        told = datetime.fromisoformat(record["gps_time"])
        now = START + timedelta(seconds=self.clock.seconds())
        # The modem's own time has whole seconds.
        limit = timedelta(seconds=STALE_AFTER_S + 1.5)
        self.test.assertLessEqual(now - told, limit, record)

    def advance(self, seconds: float) -> None:
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(0.5)
            self.settle()

    def settle(self) -> None:
        now = self.clock.seconds()
        for entry in tuple(self.pending):
            call, deadline, name = entry
            if call.called:
                self.pending.remove(entry)
            else:
                self.test.assertLess(now, deadline, name)

    def call(self, name: str) -> None:
        calls: dict[str, tuple[Any, float]] = {
            "location": (self.modem.location, READ_S),
            "network": (self.modem.network_status, READ_S),
            "info": (self.modem.info, READ_S),
            "available": (self.modem.available, READ_S),
            "send": (lambda: self.modem.send_sms("+4477009", "Hello"), WORK_S),
            "list": (self.modem.list_sms, WORK_S),
        }
        begin, limit_s = calls[name]
        call: Deferred[Any] = begin()
        if name == "location":
            call.addCallback(self.check)
        call.addErrback(lambda failure: failure.trap(GatewayError))
        # One operation on messages waits for the others.
        limit_s *= 1 + len(self.pending)
        self.pending.append((call, self.clock.seconds() + limit_s, name))

    def happens(self, what: str) -> None:
        scripted, answers = self.scripted, self.scripted.answers
        if what.startswith("silent "):
            answers[what.removeprefix("silent ")] = None
        elif what in {"mute", "refuse", "garbage"}:
            answer = {"mute": None, "refuse": "ERROR", "garbage": "+X: ,\xff?"}[what]
            answers.update(dict.fromkeys(answers, answer))
        elif what == "heal":
            self.heal()
        elif what == "freeze":
            self.stands_still_at = self.clock.seconds()
        elif what in {"lose fix", "move"}:
            self.has_fix, self.stands_still_at = what == "move", None
        elif what == "unplug":
            scripted.unplug()
        elif what == "plug":
            if scripted.protocol is None:
                self.appeared_at = self.clock.seconds()
                self.line.plug(scripted)
        elif what == "reboot":
            scripted.say("RDY", "+CPIN: NOT READY", "SMS DONE", "+CPIN: READY")
        elif what == "stops":
            scripted.say("+CGPS: 0", '+CMTI: "ME",1', "AT+CGPS=0", "\x00half")
        elif what in {"no network", "denied"}:
            stat = 2 if what == "no network" else 3
            for name in ("CREG", "CGREG", "CEREG"):
                answers[f"AT+{name}?"] = f"+{name}: 0,{stat}"
        elif what == "no sim":
            answers["AT+CPIN?"] = "+CME ERROR: SIM not inserted"
        else:
            self.call(what)

    def end(self) -> None:
        stopping = self.modem.stop()
        self.advance(12)
        self.test.successResultOf(stopping)
        self.settle()
        self.advance(2)
        self.test.assertEqual(self.pending, [])
        self.test.assertEqual(self.clock.getDelayedCalls(), [])
        gaps = [late - early for early, late in itertools.pairwise(self.resets)]
        self.test.assertTrue(all(gap >= SPACING_S for gap in gaps), gaps)


class StoryTests(ModemTestCase):
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(HAPPENINGS, max_size=40),
        st.sampled_from(["resync", "reopen", "radio", "reset"]),
    )
    def test_whatever_happens(
        self, events: list[tuple[str, float]], recovery: str
    ) -> None:
        story = Story(self, recovery)
        story.happens("plug")
        story.advance(15.0)
        for what, pause_s in events:
            story.happens(what)
            story.advance(pause_s)
        story.end()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_it_comes_back(self) -> None:
        """A modem that is well in the end is ready, with a fix that is valid."""
        for recovery in ("resync", "reopen", "radio", "reset"):
            story = Story(self, recovery)
            story.happens("plug")
            for what in ("mute", "unplug", "refuse", "garbage", "freeze", "reboot"):
                story.happens(what)
                story.advance(45)
                story.happens("plug")
            for what in ("heal", "move", "plug"):
                story.happens(what)
            for _ in range(400):
                story.advance(1)
                story.happens("plug")
            self.assertEqual(story.modem.health()["state"], "ready")
            self.assertEqual(story.modem.health()["gnss"]["fix_status"], "valid")
            story.end()
