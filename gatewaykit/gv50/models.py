"""What a device is, by the device type in its protocol version (facts/gv50.md 2.5)."""

from __future__ import annotations

MODELS = {
    "02": "GL200",
    "04": "GV200",
    "06": "GV300",
    "07": "GT500",
    "08": "GMT100",
    "09": "GV50",
    "0E": "GV320",
    "0F": "GV55",
    "10": "GV55 Lite",
    "11": "GL500",
    "1A": "GL300",
    "1F": "GV500",
    "21": "GL200",
    "25": "GV300",
    "27": "GV300W",
    "28": "GL300VC",
    "2C": "GL300W",
    "2D": "GV500VC",
    "2F": "GV55",
    "30": "GL300",
    "31": "GV65",
    "35": "GV200",
    "36": "GV500",
    "38": "GV65+",
    "3F": "GMT100",
    "40": "GL500",
    "41": "GV75W",
    "44": "GL530",
    "45": "GB100",
    "4B": "GV300CAN",
    "4F": "GV56",
    "50": "GV55W",
    "52": "GL50",
    "55": "GL50B",
    "56": "GV500MA",
    "5E": "GV500MAP",
    "6E": "GV310LAU",
    "74": "GV350CEU",
    "BD": "CV200",
    "C2": "GV600M",
    "C3": "GL320M",
    "DC": "GV600MG",
    "DF": "CV100LG",
    "F1": "GV350M",
    "F5": "GL300M",
    "F8": "GV800W",
    "FC": "GV600W",
    "FE": "GV50M",
    "802003": "GV58CEU",
    "802004": "GV58LAU",
    "802005": "GV355CEU",
    "802006": "GV57CG",
    "80201E": "GV30CEU",
    "802021": "GV30CAU",
}
# 42 is left out: GT501 and GMT200 both claim it.


def model_of(protocol_version: str) -> str | None:
    """The model of a device, by a version of 2 + 4 or of 6 + 4 characters; None if unknown."""
    size = {6: 2, 10: 6}.get(len(protocol_version), 0)
    return MODELS.get(protocol_version[:size].upper())
