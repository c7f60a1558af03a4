from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600.radio import (
    Operator,
    RadioMode,
    Registration,
    Signal,
    csq,
    is_registration_answer,
    mode_preference,
    operator,
    radio_mode,
    registration,
)
from gatewaykit.sim7600.reading import ReplyError
from gatewaykit.sim7600.tables import ACCESS_TECHNOLOGIES, REGISTRATION, TECHNOLOGIES
from tests.sim7600.garbage import lines, parsed
from tests.sim7600.transcripts import transcript


def said(number: int, prefix: str) -> list[str]:
    """The lines of a transcript that begin so."""
    return [line for line in transcript(number).lines if line.startswith(prefix)]


class SignalTests(SynchronousTestCase):
    def test_the_samples(self) -> None:
        self.assertEqual(csq("+CSQ: 22,99"), Signal(22, None, -69, 71))
        self.assertEqual(csq("+CSQ: 99,99"), Signal(None, None, None, None))
        self.assertEqual(csq("+CSQ: 31,0"), Signal(31, 0, -51, 100))
        self.assertEqual(csq("+CSQ: 150,99"), Signal(150, None, -66, 55))

    def test_the_transcripts(self) -> None:
        (line,) = said(3, "+CSQ")
        self.assertEqual(csq(line).signal_dbm, -69)
        self.assertIsNone(csq(line).ber)
        (line,) = said(11, "+CSQ")
        self.assertIsNone(csq(line).rssi)
        (line,) = said(12, "+CSQ")
        self.assertEqual(csq(line).signal_dbm, -66)

    def test_the_ends_of_the_ranges(self) -> None:
        for rssi, dbm, percent in (
            *((0, -113, 0), (1, -111, 3), (2, -109, 6), (30, -53, 97)),
            *((100, -116, 0), (191, -25, 100), (199, None, None)),
        ):
            signal = csq(f"+CSQ:{rssi},7")
            self.assertEqual((signal.signal_dbm, signal.percent), (dbm, percent))
            self.assertEqual(signal.ber, 7)

    def test_what_is_in_no_range_is_refused(self) -> None:
        for text in (
            "32,99",
            "98,99",
            "192,99",
            "200,99",
            "-1,99",
            "22,8",
            "22",
            "x,99",
        ):
            self.assertRaises(ReplyError, csq, f"+CSQ: {text}")

    @given(lines("+CSQ:"))
    def test_garbage(self, line: str) -> None:
        signal = parsed(csq, line)
        if signal is not None and signal.rssi is not None:
            self.assertTrue(-116 <= signal.signal_dbm <= -25)
            self.assertTrue(0 <= signal.percent <= 100)


class RegistrationTests(SynchronousTestCase):
    def test_the_samples(self) -> None:
        for line, expected in (
            ("+CREG: 0,1", Registration(0, 1, None, None, None)),
            ("+CREG: 0,2", Registration(0, 2, None, None, None)),
            (
                '+CREG: 2,5,"1A2B","0123ABCD"',
                Registration(2, 5, 0x1A2B, 0x0123ABCD, None),
            ),
            ("+CGREG: 0,1", Registration(0, 1, None, None, None)),
            ("+CEREG: 0,4", Registration(0, 4, None, None, None)),
            (
                '+CEREG: 2,1,"5A1E","0B28A40C",7',
                Registration(2, 1, 0x5A1E, 0x0B28A40C, 7),
            ),
        ):
            self.assertEqual(registration(line), expected)
            self.assertTrue(is_registration_answer(line))

    def test_answers_and_what_is_said_unasked(self) -> None:
        """The table of facts/sim7600.md 2.6."""
        for line, is_answer in (
            ("+CREG: 1", False),
            ('+CREG: 2,1,"1A2B","0123ABCD",7', True),
            ('+CREG: 1,"1A2B","0123ABCD",7', False),
            ("+CREG: 1,1A2B,0123ABCD,7", False),
            ("+CREG: 1,1234,123456", False),
            ("+CREG: 1,5", True),
            ("+CREG:0,1", True),
            ("+CREG: 2,1,1A2B,123ABCD", True),
            ('+CREG: 1,"', False),
            ("+CREG: 1,\u0661", False),
            ("+CSQ: 1,5", False),
            ("", False),
        ):
            self.assertIs(is_registration_answer(line), is_answer, line)

    def test_transcript_13(self) -> None:
        (line,) = said(13, "+CREG")
        self.assertEqual((registration(line).n, registration(line).stat), (0, 1))

    def test_transcript_14(self) -> None:
        first, second = said(14, "+CREG")
        self.assertFalse(is_registration_answer(first))
        unasked = registration(first)
        self.assertEqual(unasked, Registration(None, 1, 0x1A2B, 0x0123ABCD, None))
        self.assertTrue(is_registration_answer(second))
        self.assertEqual(
            registration(second), Registration(2, 5, 0x1A2B, 0x0123ABCE, None)
        )

    def test_transcript_15(self) -> None:
        (line,) = said(15, "+CEREG")
        self.assertEqual(registration(line), Registration(2, 1, 0x5A1E, 0xB28A40C, 7))

    def test_transcript_16(self) -> None:
        answers = transcript(16).lines[:3]
        self.assertEqual([registration(line).stat for line in answers], [1, 1, 1])

    def test_unasked_without_a_place(self) -> None:
        (line,) = said(6, "+CREG")
        self.assertEqual(registration(line), Registration(None, 1, None, None, None))

    def test_surplus_fields_are_ignored(self) -> None:
        line = '+CEREG: 3,1,"5A1E","0B28A40C",7,,"00","x"'
        self.assertEqual(registration(line).act, 7)
        self.assertEqual(registration("+CEREG: 3,3,,,,0,15").stat, 3)

    def test_a_technology_that_nobody_knows_is_none(self) -> None:
        self.assertIsNone(registration('+CEREG: 2,1,"5A1E","1",14').act)

    def test_implausible_ones_are_refused(self) -> None:
        for line in (
            *("+CREG: 0,12", "+CREG: 6,1", "+CREG:", "+CREG: 12", "+CREG: x,1"),
            *('+CREG: 2,1,"1G","1"', '+CREG: 2,1,"1A2B","x"', "+COPS: 0,1"),
            '+CEREG: 2,1,"1","1",x',
        ):
            self.assertRaises(ReplyError, registration, line)

    def test_every_state_has_a_name(self) -> None:
        self.assertEqual(set(REGISTRATION), set(range(12)))

    @given(lines("+CREG:", "+CGREG:", "+CEREG:"))
    def test_garbage(self, line: str) -> None:
        found = parsed(registration, line)
        if found is not None:
            self.assertIn(found.stat, REGISTRATION)
            self.assertEqual(found.n is not None, is_registration_answer(line))

    @given(
        st.integers(0, 5),
        st.integers(0, 11),
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFFFFFF),
        st.booleans(),
        st.booleans(),
    )
    def test_what_is_written_is_read(
        self, n: int, stat: int, area: int, cell: int, quoted: bool, asked: bool
    ) -> None:
        mark = '"' if quoted else ""
        start = f"{n},{stat}" if asked else str(stat)
        line = f"+CREG: {start},{mark}{area:04X}{mark},{mark}{cell:08X}{mark}"
        self.assertEqual(
            registration(line),
            Registration(n if asked else None, stat, area, cell, None),
        )


class OperatorTests(SynchronousTestCase):
    def test_the_samples(self) -> None:
        for line, expected in (
            ('+COPS: 0,0,"T-Mobile",7', Operator(0, 0, "T-Mobile", 7)),
            ('+COPS: 0,2,"26202",7', Operator(0, 2, "26202", 7)),
            ("+COPS: 0", Operator(0, None, None, None)),
            ("+COPS: 2", Operator(2, None, None, None)),
            ('+COPS: 1,0,"O2 - UK",2', Operator(1, 0, "O2 - UK", 2)),
            (
                '+COPS: 0,0,"CHINA MOBILE CMCC",7',
                Operator(0, 0, "CHINA MOBILE CMCC", 7),
            ),
            ('+COPS: 0,0,"",7', Operator(0, 0, None, 7)),
            ('+COPS: 0,0,"x"', Operator(0, 0, "x", None)),
            ('+COPS: 0,0,"x",14', Operator(0, 0, "x", None)),
        ):
            self.assertEqual(operator(line), expected)

    def test_the_transcripts(self) -> None:
        for number in (17, 39):
            (line,) = said(number, "+COPS")
            self.assertEqual(operator(line), Operator(0, 0, "T-Mobile", 7))
        (line,) = said(18, "+COPS")
        self.assertEqual(operator(line), Operator(0, None, None, None))
        (line,) = said(19, "+COPS")
        self.assertEqual(operator(line), Operator(1, 0, "Telia, SE", 6))

    def test_every_technology_has_a_name(self) -> None:
        self.assertEqual(set(TECHNOLOGIES), set(range(14)))
        self.assertEqual(set(ACCESS_TECHNOLOGIES), set(TECHNOLOGIES))
        names = [TECHNOLOGIES[act] for act in (0, 1, 2, 3, 4, 5, 6, 7, 8)]
        self.assertEqual(
            names, ["2G", "2G", "3G", "2G", "3G", "3G", "3G", "LTE", "CDMA"]
        )
        names = [TECHNOLOGIES[act] for act in (9, 10, 11, 12, 13)]
        self.assertEqual(names, ["NB-IoT", "LTE", "5G", "5G", "5G NSA"])

    def test_implausible_ones_are_refused(self) -> None:
        for text in (
            *("", "6", "0,0,T-Mobile,7", '0,0,"a"b",7', '0,2,"2620",7', '0,2,"x"'),
            *('(2,"T-Mobile D","TMO D","26201",7),,(0,1)', f'0,0,"{"x" * 65}"'),
        ):
            self.assertRaises(ReplyError, operator, f"+COPS: {text}")

    @given(lines("+COPS:"))
    def test_garbage(self, line: str) -> None:
        found = parsed(operator, line)
        if found is not None:
            self.assertTrue(found.name is None or 0 < len(found.name) <= 64)


class Modes(SynchronousTestCase):
    def test_radio_modes(self) -> None:
        for line, expected in (
            ("+CNSMOD: 0,0", RadioMode(0, None, None)),
            ("+CNSMOD: 0,7", RadioMode(7, "HSPA", "3G")),
            ("+CNSMOD: 8", RadioMode(8, "LTE", "LTE")),
            ("+CNSMOD: 0,11", RadioMode(11, "TD-SCDMA", "3G")),
            ("+CNSMOD: 0,23", RadioMode(23, "eHRPD", "CDMA")),
        ):
            self.assertEqual(radio_mode(line), expected)

    def test_preferences(self) -> None:
        for number, name in (
            *((2, "automatic"), (38, "LTE only"), (48, "any but LTE")),
            *((22, "a mix with CDMA or TD-SCDMA"), (71, "mode 71")),
        ):
            self.assertEqual(mode_preference(f"+CNMP: {number}"), name)
        (line,) = said(34, "+CNMP")
        self.assertEqual(mode_preference(line), "LTE only")

    def test_implausible_ones_are_refused(self) -> None:
        for text in ("", "x", "0,17", "0,8,1", "300"):
            self.assertRaises(ReplyError, radio_mode, f"+CNSMOD: {text}")
        for text in ("", "x", "-1", "256"):
            self.assertRaises(ReplyError, mode_preference, f"+CNMP: {text}")

    @given(lines("+CNSMOD:", "+CNMP:"))
    def test_garbage(self, line: str) -> None:
        parsed(radio_mode, line)
        parsed(mode_preference, line)
