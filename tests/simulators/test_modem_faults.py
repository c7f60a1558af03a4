from __future__ import annotations

from functools import partial
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.modem_agenda import Agenda
from gatewaykit.simulators.modem_core import Output
from gatewaykit.simulators.modem_faults import ModemFaults

ANSWER = Output("answer", (b"\r\n+CSQ: 20,99\r\n", b"\r\nOK\r\n"))
PROMPT = Output("answer", (b"\r\n> ",))
ECHO = Output("echo", (b"AT+CSQ\r",))


class FaultTests(SynchronousTestCase):
    def spoiled(self, output: Output, **faults: float) -> list[bytes]:
        return ModemFaults(**faults).pieces(Random(3), output)  # type: ignore[arg-type]

    def test_none(self) -> None:
        for output in (ANSWER, PROMPT, ECHO):
            self.assertEqual(self.spoiled(output), list(output.pieces))
        self.assertEqual(ModemFaults().delay_s(Random(1)), 0)

    def test_halves(self) -> None:
        for piece, whole in zip(
            self.spoiled(ANSWER, half=1), ANSWER.pieces, strict=True
        ):
            self.assertTrue(whole.startswith(piece))
            self.assertLess(len(piece), len(whole))

    def test_lines_unasked_stand_at_every_boundary(self) -> None:
        urc = b"\r\n+CREG: 1\r\n"
        first, second = ANSWER.pieces
        self.assertEqual(self.spoiled(ANSWER, urc=1), [urc, first, urc, second, urc])
        self.assertEqual(self.spoiled(PROMPT, urc=1), [urc, b"\r\n> "])

    def test_garbage(self) -> None:
        pieces = self.spoiled(ANSWER, garbage=1)
        self.assertEqual(pieces[1::2], list(ANSWER.pieces))
        self.assertTrue(all(pieces))

    def test_echo(self) -> None:
        (echo,) = self.spoiled(ECHO, echo=1)
        self.assertLess(len(echo), len(ECHO.data))

    def test_late(self) -> None:
        self.assertEqual(ModemFaults(late=1, late_s=5).delay_s(Random(1)), 5)

    def test_the_same_seed_gives_the_same(self) -> None:
        self.assertEqual(self.spoiled(ANSWER, half=0.5), self.spoiled(ANSWER, half=0.5))


class AgendaTests(SynchronousTestCase):
    def test_order(self) -> None:
        agenda, done = Agenda(), list[tuple[str, float]]()

        def note(name: str, now: float) -> None:
            done.append((name, now))

        self.assertIsNone(agenda.due())
        for name, at in (("b", 2), ("a", 1), ("c", 2), ("d", 9)):
            agenda.set(name, at, partial(note, name))
        agenda.set("a", 3, partial(note, "A"))
        self.assertEqual(agenda.due(), 2)
        agenda.cancel("nothing")
        agenda.advance(5)
        self.assertEqual(done, [("b", 2), ("c", 2), ("A", 3)])
        self.assertIn("d", agenda)
        agenda.clear()
        agenda.advance(99)
        self.assertEqual(len(done), 3)
