"""What the fields of the settings are made of: checks of values, and the words for users."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from gatewaykit import endpoints

BAUD_RATES = (
    *(1200, 2400, 4800, 9600, 19_200, 38_400, 57_600),
    *(115_200, 230_400, 460_800, 921_600, 1_000_000, 3_000_000),
)
TCP_PORT = re.compile(r"tcp:(?:\[([0-9A-Fa-f:.%]+)\]|([^:=\[\]]+)):([0-9]{1,5})")
"""A serial port that a host of the network has attached (ser2net in raw mode)."""
LEVEL_OF_MODEL = re.compile(r"([A-Za-z0-9+ ]{2,20})=([01])")
OUTPUT_FORM = re.compile(r"([A-Za-z0-9+ ]{2,20})(?:/([0-9A-Fa-f]{4}))?=(13|16|21)")
AT_COMMAND = re.compile(r"[Aa][Tt][ -~]{0,500}")


def _endpoint(text: str) -> str:
    endpoints.locate(text)
    return text


def _network(text: str) -> str:
    ipaddress.ip_network(text)
    return text


def _writable(text: str) -> str:
    """Refuse a file that could not be written, by trying what a look cannot tell."""
    path = Path(text)
    # Unlike Path.exists, this doesn't raise in a directory of another user.
    if os.path.exists(path):  # noqa: PTH110
        if not path.is_file() or not os.access(path, os.W_OK):
            raise ValueError("not a file that can be written")
    else:
        # An OSError must be a ValueError for pydantic to take it as a verdict.
        try:
            with tempfile.TemporaryFile(dir=path.parent):
                pass
        except OSError as error:
            raise ValueError(os.strerror(error.errno or 0)) from error
    return text


def _secret_file(text: str) -> str:
    """Refuse a file that anybody may read, or that we may not."""
    if text:
        try:
            mode = Path(text).stat().st_mode
        except OSError as error:
            raise ValueError(os.strerror(error.errno or 0)) from error
        if not stat.S_ISREG(mode) or not os.access(text, os.R_OK):
            raise ValueError("not a file that can be read")
        if mode & stat.S_IRWXO:
            raise ValueError("others may read or change it; chmod o= takes that away")
    return text


def _log_file(text: str) -> str:
    return text if text in {"-", "stdout"} else _writable(text)


def _serial_port(text: str) -> str:
    if text.startswith("tcp:"):
        found = TCP_PORT.fullmatch(text)
        if not found or not 1 <= int(found[3]) <= 65535:
            raise ValueError("a TCP-attached port is tcp:HOST:PORT, with PORT to 65535")
        return text
    path = Path(text)
    # Not there yet is fine: it may be plugged in later.
    if text and os.path.exists(path) and not path.is_char_device():  # noqa: PTH110
        raise ValueError("not a serial device")
    return text


def split(value: object) -> object:
    """One text stands for a list of what is between its commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return value


def _baud_rate(rate: int) -> int:
    if rate not in BAUD_RATES:
        raise ValueError("no usual speed of a serial line")
    return rate


def _level(value: object) -> object:
    """A level may be written as the number that it is."""
    return str(value) if type(value) is int else value


def _level_of_model(text: str) -> str:
    if not LEVEL_OF_MODEL.fullmatch(text):
        raise ValueError("as MODEL=0 or MODEL=1")
    return text


def _output_form(text: str) -> str:
    if not OUTPUT_FORM.fullmatch(text):
        raise ValueError("as MODEL=13 or MODEL/FIRMWARE=16")
    return text


def _at_command(text: str) -> str:
    if not AT_COMMAND.fullmatch(text):
        raise ValueError("a command begins with AT and has printable ASCII only")
    return text


def setting(
    default: Any,
    description: str,
    allowed: str,
    *,
    default_is: str | None = None,
    **bounds: Any,
) -> Any:
    """A field with the words for users; a function as default is called when needed."""
    how = {"default_factory": default} if callable(default) else {"default": default}
    return Field(
        **how,
        description=description,
        json_schema_extra={"allowed": allowed, "default_is": default_is},
        validate_default=True,
        **bounds,
    )


def seconds(default: float, description: str, low: float, high: float) -> Any:
    return number(default, description, "seconds", low, high)


def number(default: float, description: str, unit: str, low: float, high: float) -> Any:
    allowed = f"a number of {unit} from {low} to {high}"
    return setting(default, description, allowed, ge=low, le=high, allow_inf_nan=False)


def whole(default: int, description: str, unit: str, low: int, high: int) -> Any:
    allowed = f"a whole number of {unit} from {low} to {high}"
    return setting(default, description, allowed, ge=low, le=high)


def choice(default: str, description: str, choices: tuple[str, ...]) -> Any:
    return setting(default, description, "one of " + ", ".join(choices))


Endpoint = Annotated[str, AfterValidator(_endpoint)]
Network = Annotated[str, AfterValidator(_network)]
SerialPort = Annotated[str, AfterValidator(_serial_port)]
SERIAL_PORTS = "a path such as /dev/ttyUSB2, or tcp:HOST:PORT of a ser2net in raw mode"
BaudRate = Annotated[int, AfterValidator(_baud_rate)]
ATCommand = Annotated[str, AfterValidator(_at_command)]
Level = Annotated[Literal["", "0", "1"], BeforeValidator(_level)]
LevelOfModel = Annotated[str, AfterValidator(_level_of_model)]
OutputForm = Annotated[str, AfterValidator(_output_form)]
NETWORKS = "a list of networks such as 10.0.0.0/8, 2001:db8::/32 (no host bits set)"
WritablePath = Annotated[str, AfterValidator(_writable)]
SecretFile = Annotated[str, AfterValidator(_secret_file)]
LogFile = Annotated[str, AfterValidator(_log_file)]
