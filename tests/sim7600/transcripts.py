"""Forty dialogues with a modem, as bytes.

Origin: facts/sim7600.md 12, taken over step by step. In a step ``>`` are bytes sent to the
modem, ``<`` bytes received (consecutive ones are separate reads), ``=`` says in words what
is to come of it. Echo is off unless the title says otherwise. Every NMEA checksum is right
except the last one of number 40.
"""

from __future__ import annotations

from typing import NamedTuple


class Transcript(NamedTuple):
    number: int
    title: str
    steps: list[tuple[str, bytes | str]]

    @property
    def received(self) -> list[bytes]:
        """What the modem sends, read by read."""
        return [
            data for kind, data in self.steps if kind == "<" and type(data) is bytes
        ]

    @property
    def lines(self) -> list[str]:
        """What the modem sends, as lines without their ends and without empty ones."""
        text = b"".join(self.received).decode("latin-1").replace("\r", "\n")
        return [line for line in text.split("\n") if line]


TRANSCRIPTS = [
    Transcript(
        1,
        "plain",
        [
            (">", b"AT\r"),
            ("<", b"\r\nOK\r\n"),
            ("=", "final OK, no lines"),
        ],
    ),
    Transcript(
        2,
        "echo still on, then switched off",
        [
            (">", b"ATE0\r"),
            ("<", b"ATE0\r\r\nOK\r\n"),
            ("=", "echo dropped; OK"),
        ],
    ),
    Transcript(
        3,
        "echo on with a payload, CR LF sent (legacy seed style)",
        [
            (">", b"AT+CSQ\r\n"),
            ("<", b"AT+CSQ\r\r\n+CSQ: 22,99\r\n\r\nOK\r\n"),
            ("=", "csq 22 -> -69 dBm, ber unknown"),
        ],
    ),
    Transcript(
        4,
        "ATI block",
        [
            (">", b"ATI\r"),
            (
                "<",
                (
                    b"\r\nManufacturer: SIMCOM INCORPORATED\r\n"
                    b"Model: SIMCOM_SIM7600G-H\r\nRevision: LE20B05SIM7600G22\r\n"
                    b"IMEI: 867584030012345\r\n+GCAP: +CGSM\r\n\r\nOK\r\n"
                ),
            ),
            ("=", "5 payload lines, model SIMCOM_SIM7600G-H, imei 867584030012345"),
        ],
    ),
    Transcript(
        5,
        "firmware revision has a prefix, model does not",
        [
            (">", b"AT+CGMR\r"),
            ("<", b"\r\n+CGMR: LE20B04SIM7600G22\r\n\r\nOK\r\n"),
            ("=", '"LE20B04SIM7600G22"'),
        ],
    ),
    Transcript(
        6,
        "bare payload with a URC in front of it",
        [
            (">", b"AT+CGSN\r"),
            ("<", b"\r\n+CREG: 1\r\n"),
            ("<", b"\r\n867584030012345\r\n\r\nOK\r\n"),
            ("=", "imei 867584030012345; URC creg stat 1"),
        ],
    ),
    Transcript(
        7,
        "no SIM, text error",
        [
            (">", b"AT+CIMI\r"),
            ("<", b"\r\n+CME ERROR: SIM not inserted\r\n"),
            ("=", "CME 10"),
        ],
    ),
    Transcript(
        8,
        "no SIM, numeric error",
        [
            (">", b"AT+CPIN?\r"),
            ("<", b"\r\n+CME ERROR: 10\r\n"),
            ("=", "CME 10"),
        ],
    ),
    Transcript(
        9,
        "ICCID with filler",
        [
            (">", b"AT+CICCID\r"),
            ("<", b"\r\n+ICCID: 8944100030123456789F\r\n\r\nOK\r\n"),
            ("=", "iccid 8944100030123456789"),
        ],
    ),
    Transcript(
        10,
        "SIM locked, then unlocked",
        [
            (">", b"AT+CPIN?\r"),
            ("<", b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"),
            (">", b'AT+CPIN="1234"\r'),
            ("<", b"\r\nOK\r\n\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n\r\nPB DONE\r\n"),
            ("=", 'state "SIM PIN"; OK; URCs CPIN READY, SMS DONE, PB DONE'),
        ],
    ),
    Transcript(
        11,
        "CSQ unknown",
        [
            (">", b"AT+CSQ\r"),
            ("<", b"\r\n+CSQ: 99,99\r\n\r\nOK\r\n"),
            ("=", "rssi None"),
        ],
    ),
    Transcript(
        12,
        "CSQ extended range",
        [
            (">", b"AT+CSQ\r"),
            ("<", b"\r\n+CSQ: 150,99\r\n\r\nOK\r\n"),
            ("=", "rscp -66 dBm (legacy daemon would print 187 dBm)"),
        ],
    ),
    Transcript(
        13,
        "registration, split in awkward places",
        [
            (">", b"AT+CREG?\r"),
            ("<", b"\r"),
            ("<", b"\n+CR"),
            ("<", b"EG: 0"),
            ("<", b",1\r\n\r\nO"),
            ("<", b"K\r\n"),
            ("=", "n 0, stat 1 (home)"),
        ],
    ),
    Transcript(
        14,
        "registration with location; URC of the same name before the answer",
        [
            (">", b"AT+CREG?\r"),
            (
                "<",
                (
                    b'\r\n+CREG: 1,"1A2B","0123ABCD"\r\n\r\n'
                    b'+CREG: 2,5,"1A2B","0123ABCE"\r\n\r\nOK\r\n'
                ),
            ),
            ("=", "URC stat 1 ci 0123ABCD; answer n 2, stat 5 (roaming), ci 0123ABCE"),
        ],
    ),
    Transcript(
        15,
        "bare hex variant",
        [
            (">", b"AT+CEREG?\r"),
            ("<", b"\r\n+CEREG: 2,1,5A1E,B28A40C,7\r\n\r\nOK\r\n"),
            ("=", "n 2, stat 1, tac 5A1E, ci B28A40C, act 7"),
        ],
    ),
    Transcript(
        16,
        "concatenated query",
        [
            (">", b"AT+CREG?;+CGREG?;+CEREG?;+CSQ\r"),
            (
                "<",
                (
                    b"\r\n+CREG: 0,1\r\n\r\n+CGREG: 0,1\r\n\r\n+CEREG: 0,1\r\n\r\n"
                    b"+CSQ: 20,99\r\n\r\nOK\r\n"
                ),
            ),
            ("=", "four answers, one OK"),
        ],
    ),
    Transcript(
        17,
        "operator LTE",
        [
            (">", b"AT+COPS?\r"),
            ("<", b'\r\n+COPS: 0,0,"T-Mobile",7\r\n\r\nOK\r\n'),
            ("=", "operator T-Mobile, LTE"),
        ],
    ),
    Transcript(
        18,
        "operator unregistered",
        [
            (">", b"AT+COPS?\r"),
            ("<", b"\r\n+COPS: 0\r\n\r\nOK\r\n"),
            ("=", "operator None, act None"),
        ],
    ),
    Transcript(
        19,
        "operator name with a comma, HSPA",
        [
            (">", b"AT+COPS?\r"),
            ("<", b'\r\n+COPS: 1,0,"Telia, SE",6\r\n\r\nOK\r\n'),
            ("=", 'operator "Telia, SE", 3G (legacy text "Type 6")'),
        ],
    ),
    Transcript(
        20,
        "CPSI LTE",
        [
            (">", b"AT+CPSI?\r"),
            (
                "<",
                (
                    b"\r\n+CPSI: LTE,Online,262-02,0xB0F5,13179412,448,EUTRAN-BAND1,"
                    b"100,4,4,-122,-1184,-874,9\r\n\r\nOK\r\n"
                ),
            ),
            ("=", "LTE band 1, rsrq -12.2, rsrp -118.4, rssi -87.4, snr 9"),
        ],
    ),
    Transcript(
        21,
        "CPSI WCDMA and GSM",
        [
            (">", b"AT+CPSI?\r"),
            (
                "<",
                (
                    b"\r\n+CPSI: WCDMA,Online,460-01,0XA809,11122855,WCDMA IMT 2000,"
                    b"279,10663,0,1.5,62,33,52,500\r\n\r\nOK\r\n"
                ),
            ),
            (">", b"AT+CPSI?\r"),
            (
                "<",
                (
                    b"\r\n+CPSI: GSM,Online,460-00,0x182d,12401,27 EGSM 900,-64,"
                    b"2110,42-42\r\n\r\nOK\r\n"
                ),
            ),
            ("=", "3G lac 0xA809; 2G lac 0x182D, rxlev -64 dBm"),
        ],
    ),
    Transcript(
        22,
        "CPSI none, with the manual's stray space",
        [
            (">", b"AT+CPSI?\r"),
            ("<", b"\r\n+CPSI: NO SERVICE, Online\r\n\r\nOK\r\n"),
            ("=", "no service, Online"),
        ],
    ),
    Transcript(
        23,
        "GPS state off, then started",
        [
            (">", b"AT+CGPS?\r"),
            ("<", b"\r\n+CGPS: 0,1\r\n\r\nOK\r\n"),
            (">", b"AT+CGPS=1,1\r"),
            ("<", b"\r\nOK\r\n"),
            ("=", "off; start accepted"),
        ],
    ),
    Transcript(
        24,
        "GPS already on: ERROR is not a failure",
        [
            (">", b"AT+CGPS=1,1\r"),
            ("<", b"\r\nERROR\r\n"),
            (">", b"AT+CGPS?\r"),
            ("<", b"\r\n+CGPS: 1,1\r\n\r\nOK\r\n"),
            ("=", "running"),
        ],
    ),
    Transcript(
        25,
        "GPS stop with late URC, early restart refused",
        [
            (">", b"AT+CGPS=0\r"),
            ("<", b"\r\nOK\r\n"),
            (">", b"AT+CGPS=1,1\r"),
            ("<", b"\r\nERROR\r\n"),
            ("<", b"\r\n+CGPS: 0\r\n"),
            (">", b"AT+CGPS=1,1\r"),
            ("<", b"\r\nOK\r\n"),
            ("=", "stopped (URC), then started on the second try"),
        ],
    ),
    Transcript(
        26,
        "CGPSINFO no fix",
        [
            (">", b"AT+CGPSINFO\r"),
            ("<", b"\r\n+CGPSINFO: ,,,,,,,,\r\n\r\nOK\r\n"),
            ("=", "no fix"),
        ],
    ),
    Transcript(
        27,
        "CGPSINFO fix, no space after the colon, course 0",
        [
            (">", b"AT+CGPSINFO\r"),
            (
                "<",
                (
                    b"\r\n+CGPSINFO:3113.343286,N,12121.234064,E,250311,072809.3,"
                    b"44.1,0.0,0\r\n\r\nOK\r\n"
                ),
            ),
            (
                "=",
                (
                    "lat 31.2223881, lon 121.3539011, 2011-03-25T07:28:09.3Z, alt "
                    "44.1, 0 kn, course 0"
                ),
            ),
        ],
    ),
    Transcript(
        28,
        "CGNSSINFO 16 fields, 3D, motion",
        [
            (">", b"AT+CGNSSINFO\r"),
            (
                "<",
                (
                    b"\r\n+CGNSSINFO: 3,09,05,00,5149.214000,N,00119.200000,W,"
                    b"300825,123456.0,82.5,10.0,45.0,1.4,0.8,1.2\r\n\r\nOK\r\n"
                ),
            ),
            (
                "=",
                (
                    "lat 51.8202333, lon -1.32, 18.52 km/h, sats 9/5/0 total 14, "
                    "hdop 0.8"
                ),
            ),
        ],
    ),
    Transcript(
        29,
        "CGNSSINFO 16 fields, mode 2, empty course, southern/eastern",
        [
            (">", b"AT+CGNSSINFO\r"),
            (
                "<",
                (
                    b"\r\n+CGNSSINFO: 2,05,,00,3351.772500,S,15112.432500,E,300825,"
                    b"123457.0,12.0,0.0,,2.0,1.7,1.0\r\n\r\nOK\r\n"
                ),
            ),
            (
                "=",
                (
                    "lat -33.862875, lon 151.2072083, course None, total 5 (empty "
                    "count = 0)"
                ),
            ),
        ],
    ),
    Transcript(
        30,
        "CGNSSINFO no fix (15 commas), URC in the middle of the answer",
        [
            (">", b"AT+CGNSSINFO\r"),
            (
                "<",
                (b'\r\n+CGNSSINFO: ,,,,,,,,,,,,,,,\r\n\r\n+CMTI: "SM",3\r\n\r\nOK\r\n'),
            ),
            ("=", "no fix; URC new SMS index 3 in SM"),
        ],
    ),
    Transcript(
        31,
        "stale fix: the second answer a few seconds later is identical",
        [
            (">", b"AT+CGNSSINFO\r"),
            (
                "<",
                (
                    b"\r\n+CGNSSINFO: 2,06,00,00,3012.586884,N,09745.881688,W,"
                    b"080421,223651.0,196.1,0.0,0.0,1.5,1.2,0.9\r\n\r\nOK\r\n"
                ),
            ),
            (">", b"AT+CGNSSINFO\r"),
            (
                "<",
                (
                    b"\r\n+CGNSSINFO: 2,06,00,00,3012.586884,N,09745.881688,W,"
                    b"080421,223651.0,196.1,0.0,0.0,1.5,1.2,0.9\r\n\r\nOK\r\n"
                ),
            ),
            (
                "=",
                (
                    "lat 30.2097814, lon -97.7647648; age grows, after the limit "
                    "no_fix/stale"
                ),
            ),
        ],
    ),
    Transcript(
        32,
        "sibling family, 18 fields, decimal degrees, one empty count",
        [
            (">", b"AT+CGNSSINFO\r"),
            (
                "<",
                (
                    b"\r\n+CGNSSINFO: 3,15,,01,01,52.3973694,N,7.1607476,E,040125,"
                    b"091435.00,121.7,2.072,161.56,4.11,2.21,3.46,05\r\n\r\nOK\r\n"
                ),
            ),
            (
                "=",
                (
                    "lat 52.3973694, lon 7.1607476, counts sum 17, used 5, 3.837 "
                    "km/h, 2025-01-04T09:14:35Z"
                ),
            ),
        ],
    ),
    Transcript(
        33,
        "engine off, and a corrupted position",
        [
            (">", b"AT+CGNSSINFO\r"),
            ("<", b"\r\nERROR\r\n"),
            (">", b"AT+CGNSSINFO\r"),
            (
                "<",
                (
                    b"\r\n+CGNSSINFO: 3,09,05,00,5199.214000,N,00119.200000,W,"
                    b"300825,256161.0,82.5,10.0,45.0,1.4,0.8,1.2\r\n\r\nOK\r\n"
                ),
            ),
            ("=", "error; then invalid (minutes 99, time 25:61:61)"),
        ],
    ),
    Transcript(
        34,
        "GNSSMODE and CNMP",
        [
            (">", b"AT+CGNSSMODE?\r"),
            ("<", b"\r\n+CGNSSMODE: 15,1\r\n\r\nOK\r\n"),
            (">", b"AT+CNMP?\r"),
            ("<", b"\r\n+CNMP: 38\r\n\r\nOK\r\n"),
            ("=", "all constellations, dpo on; LTE only"),
        ],
    ),
    Transcript(
        35,
        "SMS send: prompt without newline, then result",
        [
            (">", b"AT+CMGF=1\r"),
            ("<", b"\r\nOK\r\n"),
            (">", b'AT+CMGS="+447700900123"\r'),
            ("<", b"\r\n> "),
            (">", b"Hello\x1a"),
            ("<", b"\r\n+CMGS: 46\r\n\r\nOK\r\n"),
            ("=", "reference 46"),
        ],
    ),
    Transcript(
        36,
        "SMS cancelled with ESC, then failing with CMS error",
        [
            (">", b'AT+CMGS="+447700900123"\r'),
            ("<", b"\r\n"),
            ("<", b"> "),
            (">", b"\x1b"),
            ("<", b"\r\nOK\r\n"),
            (">", b'AT+CMGS="+447700900123"\r'),
            ("<", b"\r\n> "),
            (">", b"Hello\x1a"),
            ("<", b"\r\n+CMS ERROR: 331\r\n"),
            ("=", "cancelled; CMS 331 no network service"),
        ],
    ),
    Transcript(
        37,
        (
            "SMS listing (text mode), then direct delivery as a two-line URC whose text "
            'is "OK"'
        ),
        [
            (">", b'AT+CMGL="ALL"\r'),
            (
                "<",
                (
                    b'\r\n+CMGL: 0,"REC READ","+447700900123","","25/08/30,'
                    b'12:34:56+04"\r\nHello\r\n'
                    b'+CMGL: 1,"REC UNREAD","12345","","25/08/30,12:40:00+04"\r\n\r\n'
                    b"\r\nOK\r\n"
                ),
            ),
            ("<", b'\r\n+CMT: "+447700900123","","25/08/30,12:41:00+04"\r\nOK\r\n'),
            (
                "=",
                (
                    'two messages (second one empty); URC SMS text "OK" must not '
                    "complete a command"
                ),
            ),
        ],
    ),
    Transcript(
        38,
        "boot with noise, double CR URC, call and power URCs, all unsolicited",
        [
            (
                "<",
                (
                    b"\x00\x00\xff\r\nRDY\r\n\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n\r\n"
                    b"PB DONE\r\n"
                ),
            ),
            (
                "<",
                (
                    b'\r\nRING\r\n\r\n+CLIP: "07700900123",129,,,,0\r\n\r\r\n'
                    b"+CRING: VOICE\r\n\r\nNO CARRIER\r\n\r\n"
                    b"MISSED_CALL: 11:01AM 07700900123\r\n"
                ),
            ),
            (
                "<",
                (
                    b"\r\nUNDER-VOLTAGE WARNNING\r\n\r\n"
                    b"+CTZV: +04,25/08/30,12:34:56,0\r\n"
                ),
            ),
            ("=", "reboot event -> re-init; nothing completes a command"),
        ],
    ),
    Transcript(
        39,
        "late answer after a timeout, resynchronisation",
        [
            (">", b"AT+COPS?\r"),
            ("=", "(timeout, nothing received)"),
            ("<", b'\r\n+COPS: 0,0,"T-Mobile",7\r\n\r\nOK\r\n'),
            (">", b"AT\r"),
            ("<", b"\r\nOK\r\n"),
            ("=", "late lines discarded; the OK of AT ends the resync"),
        ],
    ),
    Transcript(
        40,
        "reset, port loss, return; then NMEA port traffic",
        [
            (">", b"AT+CRESET\r"),
            ("<", b"\r\nOK\r\n"),
            ("=", "port closes; reopen under another name; init; GPS off"),
            ("<", b"\r\nRDY\r\n"),
            ("<", b"$GPGGA,,,,,,0,,,,,,,,*66\r\n$GPRMC,,V,,,,,,,,,,N*53\r\n"),
            (
                "<",
                (
                    b"$GPRMC,123456.0,A,5149.214000,N,00119.200000,W,10.0,45.0,"
                    b"300825,,,A*72\r\n$GPVTG,NaN,T,,M,0.0,N,0.0,K,A*42\r\n"
                    b"$GPGGA,123456.0,5149.214000,N,00119.200000,W,1,09,0.8,"
                    b"82.5,M,47.0,M,,*70\r\n"
                ),
            ),
            (
                "=",
                (
                    "no fix; fix; VTG rejected NaN track; last sentence has a BAD "
                    "checksum (correct is 71) and must be dropped"
                ),
            ),
        ],
    ),
]
"""In the order of their numbers."""


def transcript(number: int) -> Transcript:
    """The transcript of that number, 1 to 40."""
    return TRANSCRIPTS[number - 1]
