"""Where a client without a reactor connects: the short forms of endpoint strings."""

from __future__ import annotations

import ipaddress
import re

import attrs

from gatewaykit.errors import MisuseError

FORMS = "unix:PATH, tcp:HOST:PORT or tls:HOST:PORT (an IPv6 address in brackets)"
_NETWORK = re.compile(r"(tcp|tls):(?:\[([^\[\]]+)\]|([^:=\[\]\s]+)):([0-9]{1,5})")


@attrs.frozen
class Address:
    """A unix socket's `path`, or `host` and `port`."""

    path: str = ""
    host: str = ""
    port: int = 0
    tls: bool = False

    @property
    def is_private(self) -> bool:
        """Whether nobody between the two ends can read what goes over it."""
        return self.tls or bool(self.path)


def parse(text: str) -> Address:
    """What an endpoint string means; `MisuseError` if it means nothing.

    A unix path may hold colons if it begins with a slash.
    """
    if re.fullmatch(r"unix:(/.+|[^:=]+)", text):
        return Address(path=text.removeprefix("unix:"))
    found = _NETWORK.fullmatch(text)
    if not found or not 1 <= int(found[4]) <= 65535:
        raise MisuseError("endpoint", text, FORMS)
    host = found[2] or found[3]
    return Address(host=host, port=int(found[4]), tls=found[1] == "tls")


def is_loopback(host: str) -> bool:
    """Whether a name or address means this very host, without asking anybody."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def join(host: str, port: int, *, tls: bool) -> str:
    """The endpoint string of a host and a port."""
    shown = f"[{host}]" if ":" in host else host
    return f"{'tls' if tls else 'tcp'}:{shown}:{port}"
