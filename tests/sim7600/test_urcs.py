"""Unsolicited lines, one of each kind of facts/sim7600.md 2.6."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600.urcs import Urc, classify, leaves_soon

SAMPLES = {
    Urc.BOOT: ("RDY", "START", "*ATREADY: 1"),
    Urc.SIM: ("+CPIN: READY", "+CPIN: NOT READY", "+SIMCARD: NOT AVAILABLE"),
    Urc.PHASE: ("SMS DONE", "PB DONE", "CALL READY", "OPL UPDATING", "+STIN: 25"),
    Urc.REGISTRATION: (
        "+CREG: 1",
        '+CREG: 1,"1A2B","0123ABCD"',
        "+CGREG: 5",
        '+CEREG: 1,"5A1E","0B28A40C",7',
    ),
    Urc.NETWORK: (
        "+CNSMOD: 8",
        "+CSQ: 22,99",
        "+CPSI: NO SERVICE,Online",
        "+CGEV: ME DETACH",
    ),
    Urc.TIME: ("+CTZV: +08", "+CTZV: +04,25/08/30,12:34:56,0", "+NITZ: 25/08/30"),
    Urc.CALL: (
        "RING",
        "NO CARRIER",
        "+CRING: VOICE",
        '+CLIP: "07700900123",129,,,,0',
        "VOICE CALL: BEGIN",
        "VOICE CALL: END: 000017",
        "MISSED_CALL: 11:01AM 07700900123",
        "+RXDTMF: 5",
    ),
    Urc.MESSAGE: ('+CMTI: "SM",3', '+CDSI: "SR",1'),
    Urc.DELIVERY: ('+CMT: "+447700900123","","25/08/30,12:41:00+04"', "+CBM: 24"),
    Urc.SUPPLEMENTARY: ('+CUSD: 0,"Credit",15', "+VOICEMAIL: WAITING,5"),
    Urc.ENGINE: ("+CGPS: 0",),
    Urc.POSITION: (
        "+CGNSSINFO: ,,,,,,,,,,,,,,,",
        "+CGPSXD: 0",
        "$GPGGA,,,,,,0,,,,,,,,*66",
    ),
    Urc.INTERNET: (
        "+NETOPEN: 0",
        "+CIPOPEN: 0,0",
        "+IPCLOSE: 0,1",
        "+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY",
        "RECV FROM:1.2.3.4:80",
        "+IPD5",
        "+CNTP: 0",
        "+IP ERROR: Network not opened",
    ),
    Urc.WARNING: (
        "UNDER-VOLTAGE WARNNING",
        "UNDER-VOLTAGE WARNNING POWER DOWN",
        "OVER-VOLTAGE WARNNING",
        "+CMTE:-1",
        "+CMTE:2",
    ),
    Urc.OTHER: ("+CFUN: 1", "Autobaud: OK"),
}


class ClassifyTests(SynchronousTestCase):
    def test_every_kind_is_known(self) -> None:
        self.assertEqual(set(SAMPLES), set(Urc))
        for urc, lines in SAMPLES.items():
            for line in lines:
                self.assertIs(classify(line), urc, line)

    def test_answers_and_results_are_none(self) -> None:
        for line in (
            "OK",
            "ERROR",
            "+CGPS: 1,1",
            "+CGPS: 1",
            "+COPS: 0",
            "867584030012345",
            "",
        ):
            self.assertIsNone(classify(line), line)

    @given(st.text(max_size=40))
    def test_garbage_is_none_or_a_kind(self, line: str) -> None:
        self.assertIn(classify(line), {None, *Urc})


class LeavesSoonTests(SynchronousTestCase):
    def test_only_the_last_warning_says_so(self) -> None:
        for line in ("UNDER-VOLTAGE WARNNING POWER DOWN", "+CMTE:-2", "+CMTE: 2"):
            self.assertTrue(leaves_soon(line), line)
        for line in ("UNDER-VOLTAGE WARNNING", "+CMTE:-1", "+CMTE:1"):
            self.assertFalse(leaves_soon(line), line)
