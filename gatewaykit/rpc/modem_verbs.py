"""The verbs of the SIM7600 modem; the records are those of `gatewaykit.interfaces.IModem`.

Each fails with `NotFound` where no modem is configured, except `ModemAvailable`, and with
`DeviceUnavailable`, `DeviceTimeout` or `DeviceRefused` where the modem is the reason.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from twisted.protocols import amp

from gatewaykit.access import MASK, Role
from gatewaykit.errors import MisuseError
from gatewaykit.rpc.arguments import (
    JSON,
    Flag,
    Whole,
    at_command,
    message_text,
    phone_number,
)
from gatewaykit.rpc.verb import PAGE, PAGING, Verb

HIGHEST_INDEX = 999
"""Of a place in the modem's message store; none has as many."""

# What carries a PIN, a password or a login, by the module's manuals: of these commands all
# behind the sign of equality is hidden, and all of a dialled string, which can change PINs
# too. A modem overlooks what stands between the letters.
_TELLING = (
    *("CPIN", "CLCK", "CPWD", "CGAUTH", "QCPDPP"),
    *("CFTP", "CHTTP", "CMQTT", "CSMTP", "CSSL"),
)
_NAMES = "|".join(r"\W*".join(name) for name in _TELLING)
_BEFORE_SECRET = re.compile(
    rf"([+$^*]\W*(?:{_NAMES})[^=;?]*=|^\W*A\W*T\W*D).*", re.IGNORECASE | re.DOTALL
)
_LONGEST_AUDITED = 200
"""Characters of a command. What is longer came from no client of ours."""


class NetworkStatus(Verb):
    """Registration, operator, signal and cell, with the age of what is told.

    ``connected``: registered at home or roaming, by CREG, CGREG or CEREG. ``signal_dbm``,
    ``rsrp_dbm`` and ``rssi_dbm`` in dBm, ``rsrq_db`` and ``sinr_db`` in dB, ``age_s`` in
    seconds; ``stale`` once the modem is gone or has not answered for too long.
    """

    role = Role.VIEWER
    response: ClassVar = [(b"network", JSON())]


class GNSSLocation(Verb):
    """The position, with its quality and age.

    ``latitude`` and ``longitude`` (decimal degrees, WGS 84) are numbers only while
    ``fix_status`` is ``valid``; the last valid place is in ``last_fix`` with its age.
    ``altitude_m`` above mean sea level, ``speed_kmh``, ``heading_deg`` from true north.
    """

    role = Role.VIEWER
    response: ClassVar = [(b"location", JSON())]


class ModemAvailable(Verb):
    """Whether the modem is there, and why not. Never fails."""

    role = Role.VIEWER
    response: ClassVar = [
        (b"available", amp.Boolean()),
        (b"state", amp.Unicode()),
        (b"reason", amp.Unicode(optional=True)),
    ]


class ModemInfo(Verb):
    """Identity of module and SIM, ports, supply voltage (V) and temperature (°C)."""

    role = Role.VIEWER
    response: ClassVar = [(b"modem", JSON())]


class ListModemEvents(Verb):
    """What happened to the modem, oldest first; only the newest are kept."""

    role = Role.VIEWER
    arguments = PAGING
    response = PAGE


class ListSMS(Verb):
    """The stored messages, oldest first. To the modem they are read from then on.

    All pages are of one listing, made when the first is asked for.
    """

    role = Role.OPERATOR
    changes = True
    deadline_s = 90.0
    arguments = PAGING
    response: ClassVar = [
        (b"messages", JSON()),
        (b"cursor", amp.Unicode(optional=True)),
    ]


class SendSMS(Verb):
    """Send a message, in parts if it is long; answered when the network has taken it.

    After a `DeviceTimeout` or a `CallTimeout` some or all of it may be on its way.
    """

    role = Role.OPERATOR
    changes = True
    secrets = frozenset({"text"})
    deadline_s = 300.0
    arguments: ClassVar = [(b"number", phone_number()), (b"text", message_text())]
    response: ClassVar = [(b"sent", JSON())]


class DeleteSMS(Verb):
    """Delete the message at `index` with all of its parts, or all messages.

    Tells how many places of the store that emptied. `NotFound` for an empty place.
    """

    role = Role.OPERATOR
    changes = True
    deadline_s = 120.0
    arguments: ClassVar = [
        (b"index", Whole(0, HIGHEST_INDEX, optional=True)),
        (b"all", Flag(optional=True)),
    ]
    response: ClassVar = [(b"deleted", amp.Integer())]

    @classmethod
    def check(cls, arguments: dict[str, Any]) -> None:
        index = arguments.get("index")
        if (index is not None) == bool(arguments.get("all")):
            raise MisuseError("index", index, "an index, or all of them, and not both")


class SendATCommand(Verb):
    """Pass an AT command through, if the settings allow it (``sim7600.at_commands``).

    Gives its information lines; `MisuseError` for what is not on the list.
    """

    role = Role.OPERATOR
    changes = True
    deadline_s = 330.0
    arguments: ClassVar = [(b"command", at_command())]
    response: ClassVar = [(b"lines", JSON())]

    @classmethod
    def auditable(cls, arguments: dict[str, str]) -> dict[str, str]:
        return {
            name: _BEFORE_SECRET.sub(rf"\1{MASK}", value[:_LONGEST_AUDITED])
            for name, value in super().auditable(arguments).items()
        }
