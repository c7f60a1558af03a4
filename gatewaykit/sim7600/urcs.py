"""Lines that the modem sends of its own accord, as data (facts/sim7600.md 2.6)."""

from __future__ import annotations

import enum
import re


class Urc(enum.Enum):
    """What an unsolicited line is about."""

    BOOT = "boot"
    """The module has started anew: all that was set up is gone."""
    SIM = "sim"
    PHASE = "phase"
    """A step of the boot is done; ``SMS DONE`` is one."""
    REGISTRATION = "registration"
    NETWORK = "network"
    TIME = "time"
    CALL = "call"
    MESSAGE = "message"
    """A short message was stored."""
    DELIVERY = "delivery"
    """A short message itself; its text is on the next line."""
    SUPPLEMENTARY = "supplementary"
    ENGINE = "engine"
    """The GNSS engine has stopped."""
    POSITION = "position"
    INTERNET = "internet"
    WARNING = "warning"
    """Voltage or temperature."""
    OTHER = "other"


_TABLE: tuple[tuple[Urc, str], ...] = (
    (Urc.BOOT, r"RDY|START|\*ATREADY: ?\d"),
    (Urc.SIM, r"\+CPIN: .*|\+SIMCARD: .*"),
    (
        Urc.PHASE,
        r"(SMS|PB|OPL|PNN) DONE|CALL READY|(OPL|PNN) UPDATING|\+STIN: .*",
    ),
    (Urc.REGISTRATION, r"\+C(|G|E)REG: .*"),
    (Urc.NETWORK, r"\+(CNSMOD|CSQ|CPSI|CGEV): .*"),
    (Urc.TIME, r"\+(CTZV|CTZE|NITZ): .*|\*PSUTTZ: .*"),
    (
        Urc.CALL,
        (
            r"RING|NO CARRIER|BUSY|NO ANSWER|NO DIALTONE|(VOICE CALL|MISSED_CALL): .*"
            r"|\+(CRING|CLIP|CCWA|CLCC|RXDTMF): .*"
        ),
    ),
    (Urc.MESSAGE, r"\+(CMTI|CDSI|CBMI): .*"),
    (Urc.DELIVERY, r"\+(CMT|CDS|CBM): .*"),
    (Urc.SUPPLEMENTARY, r"\+(CUSD|CSSI|CSSU|VOICEMAIL): .*"),
    (Urc.ENGINE, r"\+CGPS: ?0"),
    (
        Urc.POSITION,
        r"\+(CGPSINFO|CGNSSINFO|CAGPSINFO|CGPSXD|CGPSNOTIFY):.*|\$(G|P|B)[A-Z]{2,4},.*",
    ),
    (
        Urc.INTERNET,
        (
            r"\+(NETOPEN|NETCLOSE|CIPOPEN|CIPCLOSE|IPCLOSE|CIPEVENT|CIPERROR|IP ERROR"
            r"|CCHRECV|CCHEVENT|CCH_PEER_CLOSED|CMQTTCONNLOST|CMQTTRX\w*|CHTTPACTION|CNTP"
            r"|CHTPUPDATE): ?.*|RECV FROM:.*|\+IPD\d+.*"
        ),
    ),
    (Urc.WARNING, r"(UNDER|OVER)-VOLTAGE WARN+ING.*|\+CMTE: ?-?\d"),
    (Urc.OTHER, r"\+CFUN: \d|AUTOBAUD: OK"),
)

_WHOLE = re.compile(
    "|".join(f"(?P<{urc.name}>{pattern})" for urc, pattern in _TABLE), re.IGNORECASE
)


def classify(line: str) -> Urc | None:
    """What an unsolicited line is about; None for one that is not in the table."""
    found = _WHOLE.fullmatch(line)
    return Urc[found.lastgroup] if found and found.lastgroup else None


def leaves_soon(line: str) -> bool:
    """Whether a warning says that the modem switches itself off now."""
    compact = line.upper().replace(" ", "")
    return "POWERDOWN" in compact or compact in {"+CMTE:-2", "+CMTE:2"}
