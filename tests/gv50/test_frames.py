from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.frames import SEPARATORS, Framer, Reason, Undecodable
from tests.strategies import HEX_FRAMES, reads, streams

HEARTBEAT = b"+ACK:GTHBD,090302,865083030000012,,20250727214540,071C$"
POWER_ON = b"+RESP:GTPNA,090302,865083030000012,,20250727214529,071B$"
LEGACY = b"+RESP:GTSOS,123456789012345,0,0,0,11F0,0102120204\0"
INFORMATION = b"+RESP:GTINF,080100,865083030000012,,16,,+0800,0,20090214093254,11F0$"
LOGIN, ACKNOWLEDGEMENT, POSITION = HEX_FRAMES
NEWEST = b"+\0\0\x0a..$..$"


def pieces(*data: bytes, max_frame: int = 16384) -> list[bytes | Undecodable]:
    """What comes of some reads and the end of the stream behind them."""
    framer = Framer(max_frame)
    received = [piece for part in data for piece in framer.receive_data(part)]
    return received + framer.finish()


def junk(raw: bytes) -> Undecodable:
    return Undecodable(Reason.JUNK, raw)


def incomplete(raw: bytes) -> Undecodable:
    return Undecodable(Reason.INCOMPLETE, raw)


def hex_format(raw: bytes) -> Undecodable:
    return Undecodable(Reason.HEX, raw)


def oversize(raw: bytes) -> Undecodable:
    return Undecodable(Reason.OVERSIZE, raw)


class TextFrames(SynchronousTestCase):
    def test_one_frame(self) -> None:
        self.assertEqual(Framer().receive_data(HEARTBEAT), [HEARTBEAT])

    def test_glued_frames(self) -> None:
        self.assertEqual(
            Framer().receive_data(HEARTBEAT + POWER_ON), [HEARTBEAT, POWER_ON]
        )

    def test_split_frame_waits_for_its_end(self) -> None:
        framer = Framer()
        self.assertEqual(framer.receive_data(HEARTBEAT[:20]), [])
        self.assertEqual(framer.pending, 20)
        self.assertEqual(framer.receive_data(HEARTBEAT[20:]), [HEARTBEAT])
        self.assertEqual(framer.pending, 0)

    def test_separators_between_frames_are_dropped(self) -> None:
        data = b"\r\n" + HEARTBEAT + b"\r\n \0\n" + POWER_ON + b"\r\n"
        self.assertEqual(pieces(data), [HEARTBEAT, POWER_ON])
        self.assertEqual(pieces(HEARTBEAT + b"\r\n" + POWER_ON), [HEARTBEAT, POWER_ON])

    def test_every_prefix(self) -> None:
        for prefix in (b"+RESP", b"+BUFF", b"+ACK", b"+NACK"):
            frame = prefix + b":GTOUT,090302$"
            self.assertEqual(pieces(frame), [frame])

    def test_legacy_frame_ends_with_nul(self) -> None:
        self.assertEqual(pieces(LEGACY + LEGACY), [LEGACY, LEGACY])

    def test_plus_inside_a_frame_is_legal(self) -> None:
        self.assertEqual(
            pieces(INFORMATION + HEARTBEAT, b"+RESP:GTLBC,+8613800000000$"),
            [INFORMATION, HEARTBEAT, b"+RESP:GTLBC,+8613800000000$"],
        )

    def test_frame_cut_off_by_the_next(self) -> None:
        self.assertEqual(
            pieces(POWER_ON[:30] + b"\r\n" + HEARTBEAT + POWER_ON),
            [incomplete(POWER_ON[:30]), HEARTBEAT, POWER_ON],
        )

    def test_cut_off_frame_is_told_before_the_next_ends(self) -> None:
        framer = Framer()
        self.assertEqual(
            framer.receive_data(POWER_ON[:30] + HEARTBEAT[:12]),
            [incomplete(POWER_ON[:30])],
        )

    def test_end_of_stream_inside_a_frame(self) -> None:
        self.assertEqual(
            pieces(HEARTBEAT, POWER_ON[:9]), [HEARTBEAT, incomplete(POWER_ON[:9])]
        )


class Junk(SynchronousTestCase):
    def test_resynchronises_on_the_next_prefix(self) -> None:
        self.assertEqual(
            pieces(b"F$ab+cd$\r\n" + HEARTBEAT), [junk(b"F$ab+cd$"), HEARTBEAT]
        )

    def test_after_frames(self) -> None:
        self.assertEqual(
            pieces(HEARTBEAT + b"F$" + POWER_ON), [HEARTBEAT, junk(b"F$"), POWER_ON]
        )

    def test_beginning_of_a_prefix_at_the_end(self) -> None:
        for beginning in (b"+", b"+RE", b"+ACK"):
            framer = Framer()
            self.assertEqual(framer.receive_data(beginning), [])
            self.assertEqual(framer.finish(), [junk(beginning)])


class HexFormat(SynchronousTestCase):
    def test_whole_frames_are_recognised(self) -> None:
        for frame in (*HEX_FRAMES, NEWEST):
            self.assertEqual(pieces(frame), [hex_format(frame)])

    def test_dollars_inside_do_not_end_it(self) -> None:
        self.assertIn(b"$", ACKNOWLEDGEMENT)
        self.assertEqual(
            pieces(HEARTBEAT + ACKNOWLEDGEMENT + POWER_ON),
            [HEARTBEAT, hex_format(ACKNOWLEDGEMENT), POWER_ON],
        )

    def test_split_anywhere(self) -> None:
        for at in range(len(POSITION)):
            self.assertEqual(
                pieces(POSITION[:at], POSITION[at:]), [hex_format(POSITION)]
            )

    def test_ends_junk(self) -> None:
        self.assertEqual(pieces(b"noise" + LOGIN), [junk(b"noise"), hex_format(LOGIN)])

    def test_wrong_length_resynchronises(self) -> None:
        for length in (b"\0\x01", b"\0\x20", b"\xff\xff"):
            damaged = LOGIN[:6] + length + LOGIN[8:]
            with self.subTest(length=length):
                self.assertEqual(
                    pieces(damaged + HEARTBEAT), [hex_format(damaged), HEARTBEAT]
                )

    def test_length_beyond_what_comes(self) -> None:
        damaged = LOGIN[:6] + b"\x01\0" + LOGIN[8:]
        self.assertEqual(pieces(damaged + HEARTBEAT), [hex_format(damaged), HEARTBEAT])

    def test_end_of_stream_before_the_length(self) -> None:
        self.assertEqual(pieces(POSITION[:8]), [hex_format(POSITION[:8])])


class Limits(SynchronousTestCase):
    def test_longest_frame_is_taken(self) -> None:
        size = len(HEARTBEAT)
        self.assertEqual(pieces(HEARTBEAT * 2, max_frame=size), [HEARTBEAT, HEARTBEAT])

    def test_longer_frame_is_cut(self) -> None:
        size = len(HEARTBEAT) - 1
        self.assertEqual(
            pieces(HEARTBEAT + POWER_ON[:-9] + b"$", max_frame=size),
            [oversize(HEARTBEAT[:-1]), junk(b"$"), POWER_ON[:-9] + b"$"],
        )

    def test_unterminated_frame_is_told_while_it_comes(self) -> None:
        framer = Framer(max_frame=50)
        text = b"+RESP:GTFRI," + b"0" * 46
        self.assertEqual(framer.receive_data(text), [oversize(text[:50])])
        self.assertEqual(framer.pending, 8)

    def test_end_of_stream_just_beyond_the_limit(self) -> None:
        text = b"+RESP:GTFRI," + b"0" * 40
        self.assertEqual(pieces(text, max_frame=50), [oversize(text[:50]), junk(b"00")])

    def test_frame_behind_as_much_junk_as_may_be(self) -> None:
        self.assertEqual(
            pieces(b"x" * 60, b"+RE", POWER_ON[3:], max_frame=60),
            [junk(b"x" * 60), POWER_ON],
        )

    def test_frame_that_begins_at_the_limit(self) -> None:
        cut = POWER_ON[:-1].ljust(60, b"0")
        self.assertEqual(
            pieces(cut + HEARTBEAT, max_frame=60), [incomplete(cut), HEARTBEAT]
        )

    def test_memory_is_bounded(self) -> None:
        framer = Framer(max_frame=100)
        for start in (b"x", b"+RESP:", b"+RSP\0\0\0\0\0\0\x60"):
            framer.receive_data(start)
            for _ in range(50):
                framer.receive_data(b"0" * 37)
                self.assertLess(framer.pending, 100 + 37)


class Properties(SynchronousTestCase):
    @given(st.data(), streams(), st.sampled_from([20, 90, 16384]))
    def test_chunking_changes_nothing(
        self, data: st.DataObject, stream: bytes, max_frame: int
    ) -> None:
        whole = pieces(stream, max_frame=max_frame)
        parts = data.draw(reads(stream))
        self.assertEqual(pieces(*parts, max_frame=max_frame), whole)
        single = [stream[i : i + 1] for i in range(len(stream))]
        self.assertEqual(pieces(*single, max_frame=max_frame), whole)

    @given(streams())
    def test_only_separators_are_lost(self, stream: bytes) -> None:
        raw = b"".join(
            piece if isinstance(piece, bytes) else piece.raw for piece in pieces(stream)
        )
        self.assertEqual(
            raw.translate(None, SEPARATORS), stream.translate(None, SEPARATORS)
        )

    @given(streams())
    def test_frames_behind_whatever_came_are_found(self, stream: bytes) -> None:
        # Behind an unfinished HEX frame it takes as many bytes as that one told.
        self.assertEqual(pieces(stream + b"$", HEARTBEAT)[-1], HEARTBEAT)
