"""The simulated mount without its cable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.mount_core import Heard, MountCore, Output
from gatewaykit.simulators.mount_state import MountBehaviour
from gatewaykit.simulators.mount_wire import BYTE_S
from tests.simulators.mounts import START, Host

COMMANDS = (
    b":GR#",
    b":GD#",
    b":D#",
    b":MS#",
    b":Sr21:00:00#",
    b":Sd+40*00:00#",
    b":Mw#",
    b":Q#",
    b":T1#",
    b":CM#",
    b"\x06",
    b":*!G T1,T16,X1#",
    b":*!G T99#",
    b":*!S 05;\x03##\x00#",
    b":*!S 06;#",
    b":xyz#",
    b"#",
    b":SC08/05/26#",
)


class ChunkTests(SynchronousTestCase):
    @given(
        st.lists(st.sampled_from(COMMANDS), max_size=20),
        st.lists(st.integers(1, 30), max_size=20),
        st.sampled_from(("text", "v356", "v357")),
    )
    def test_however_the_bytes_are_cut(
        self, commands: list[bytes], sizes: list[int], dialect: str
    ) -> None:
        data = b"".join(commands)
        once, cut = Host(dialect=dialect), Host(dialect=dialect)
        wanted, got = once.send(data), b""
        for size in sizes:
            got += cut.send(data[:size])
            data = data[size:]
        got += cut.send(data)
        self.assertEqual(got, wanted)

    @given(st.binary(max_size=200))
    def test_any_bytes(self, data: bytes) -> None:
        for dialect in ("text", "v356", "v356b", "v357"):
            Host(dialect=dialect).send(data)

    @given(st.lists(st.text("GSMTQ*!+-0123456789:,;# nsewCRDrd", max_size=20)))
    def test_any_text(self, texts: list[str]) -> None:
        host = Host()
        for text in texts:
            host.ask(f":{text}#")
            host.wait(1)


class PaceTests(SynchronousTestCase):
    def core(self, latency: float = 0.0) -> MountCore:
        return MountCore(MountBehaviour(latency=latency), START)

    def test_a_command_is_carried_out_when_its_last_byte_is_there(self) -> None:
        core = self.core()
        core.receive(b":Mw#:GR#", START)
        due = core.due()
        assert due is not None
        self.assertAlmostEqual(due - START, 4 * BYTE_S, places=6)
        core.advance(due - 1e-4)
        self.assertEqual(core.state.deeds.moves, [])
        core.advance(due)
        (move,) = core.state.deeds.moves
        self.assertEqual(move.at, due)
        self.assertEqual(core.take(), [])
        core.advance(START + 1)
        (output,) = core.take()
        self.assertAlmostEqual(output.at - START, 8 * BYTE_S, places=6)
        self.assertIsNone(core.due())

    def test_a_stop_does_not_wait_for_an_answer(self) -> None:
        """The answer to a long query takes the line for 40 ms."""
        core = self.core(latency=0.005)
        query = b":*!G T31,T32#"
        core.receive(query, START)
        core.receive(b":Q#", START + 0.020)
        core.advance(START + 1)
        (stop,) = core.state.deeds.stops
        self.assertAlmostEqual(stop.at - START, 0.020 + 3 * BYTE_S, places=6)
        (output,) = core.take()
        self.assertGreater(output.at + 40 * BYTE_S, stop.at)

    def test_answers_come_after_the_latency(self) -> None:
        core = self.core(latency=0.02)
        core.receive(b":D#", START)
        core.advance(START + 1)
        (output,) = core.take()
        self.assertEqual(output.data, b"#")
        self.assertAlmostEqual(output.at - START, 3 * BYTE_S + 0.02, places=6)


class HearingTests(SynchronousTestCase):
    def test_what_is_not_heard_is_not_carried_out(self) -> None:
        heard: list[bytes] = []

        def hears(command: Heard) -> bool:
            heard.append(command.data)
            return len(heard) > 1

        core = MountCore(MountBehaviour(paced=False, latency=0.0), START, hears)
        core.receive(b":Mw#:Mn#\x06", START)
        core.advance(START)
        self.assertEqual(heard, [b":Mw#", b":Mn#", b"\x06"])
        self.assertEqual([m.direction for m in core.state.deeds.moves], ["north"])
        self.assertEqual(core.take(), [Output(START, b"P")])

    def test_hang_up(self) -> None:
        core = MountCore(MountBehaviour(), START)
        core.receive(b":Mw#:G", START)
        core.hang_up()
        core.receive(b":D#", START)
        core.advance(START + 1)
        self.assertEqual(core.state.deeds.moves, [])
        self.assertEqual([output.data for output in core.take()], [b"#"])
