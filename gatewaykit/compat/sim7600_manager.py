"""The API of `sim7600_manager` of 2025: the modem for programs without a reactor.

    from gatewaykit.compat.sim7600_manager import get_sim7600_client

Every name, key, type and unit of then, and new keys behind them (facts/sim7600.md 1.3 to 1.5).
``python -m gatewaykit.compat.sim7600_manager --daemon`` runs the gateway with just the modem.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from gatewaykit.bridges import sim7600_replies as replies
from gatewaykit.compat.sim7600_daemon import (
    DaemonFailed,
    SIM7600Daemon,
    get_sim7600_daemon,
)
from gatewaykit.errors import (
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    GatewayError,
    MisuseError,
)
from gatewaykit.rpc import verbs
from gatewaykit.rpc.addresses import is_loopback, join
from gatewaykit.rpc.blocking import BlockingClient

__all__ = [
    "SIM7600Client",
    "SIM7600Daemon",
    "get_sim7600_client",
    "get_sim7600_daemon",
    "get_sim7600_manager",
]

logger = logging.getLogger(__name__)

_DEVICE_ERRORS = (DeviceUnavailable, DeviceTimeout, DeviceRefused)


class SIM7600Client:
    """The modem as a gateway shares it.

    Any number of threads may use one client. It connects when it is first asked something,
    and again after a failure; no method raises for what goes wrong on the way, they log it
    and give what the old client gave: ``{}``, ``(False, None)``, False.

    `host` may be ``unix:`` and the path of a gateway's socket; `port` is unused then. With
    other hosts TLS is used if ``GATEWAYKIT_TLS`` is 1, or if it is not set, the host is not
    this one, and ``GATEWAYKIT_CA`` or ``GATEWAYKIT_CERTIFICATE`` is; else plain TCP as then,
    which a gateway lets in from its own host and from networks it was told. The
    token of ``GATEWAYKIT_TOKEN`` goes over TLS and unix sockets. See
    `gatewaykit.rpc.blocking.BlockingClient` for all of these names. The constructor raises
    `gatewaykit.errors.MisuseError` for what can mean no host, port or file.

    :param timeout: seconds that a method may take; the position of a modem that no longer
        answers may take it twice.
    """

    def __init__(
        self, host: str = "localhost", port: int = 7600, *, timeout: float = 5.0
    ) -> None:
        self.host = host
        self.port = port
        self._client = BlockingClient(endpoint(host, port, os.environ), timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        with suppress(Exception):  # the constructor may have raised, Python may end
            self.close()

    def get_network_status(self) -> dict[str, Any]:
        """`connected`, `signal_strength` (``"-67 dBm"``), `operator`, `network_type`,
        `registration_status` and more; `error` where the modem is not there; ``{}`` where
        no gateway is."""
        try:
            record = self._client.call(verbs.NetworkStatus)["network"]
            return replies.network(record)
        except _DEVICE_ERRORS as error:
            return replies.no_network(str(error))
        except GatewayError as error:
            self._log("network status", error)
            return {}

    def get_gnss_location(self) -> tuple[bool, dict[str, Any] | None]:
        """Whether the modem answered, and its position; `fix_status` says what it is
        worth."""
        try:
            record = self._client.call(verbs.GNSSLocation)["location"]
            answers = (
                not record["stale"]
                or self._client.call(verbs.ModemAvailable)["available"]
            )
            return replies.location(record, answers=answers)
        except GatewayError as error:
            self._log("GNSS location", error)
            return False, None

    def is_available(self) -> bool:
        """Whether the modem answers."""
        try:
            return bool(self._client.call(verbs.ModemAvailable)["available"])
        except GatewayError as error:
            self._log("availability", error)
            return False

    def close(self) -> None:
        """Close the connection; the next method connects anew."""
        self._client.close()

    def _log(self, what: str, error: GatewayError) -> None:
        logger.error("No %s of the SIM7600: %s", what, error)


def endpoint(host: str, port: int, environment: Mapping[str, str]) -> str:
    """Where a client of `host` and `port` connects; see `SIM7600Client`."""
    if host.startswith("unix:"):
        return host
    wish = environment.get("GATEWAYKIT_TLS", "")
    if wish not in {"", "0", "1"}:
        raise MisuseError("GATEWAYKIT_TLS", wish, "0 or 1")
    files = (environment.get(f"GATEWAYKIT_{n}") for n in ("CA", "CERTIFICATE"))
    tls = wish == "1" or (wish == "" and any(files) and not is_loopback(host))
    return join(host, port, tls=tls)


def get_sim7600_client(host: str = "localhost", port: int = 7600) -> SIM7600Client:
    """A client of the gateway at `host` and `port`; see `SIM7600Client`."""
    return SIM7600Client(host, port)


get_sim7600_manager = get_sim7600_client
"""As the API was called before there was a daemon."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon until a signal ends it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="sim7600_manager", description="Share a SIM7600 modem with many clients."
    )
    parser.add_argument(
        "--daemon", action="store_true", help="run the daemon, as without it too"
    )
    parser.add_argument("--host", default="localhost", help="address to listen on")
    parser.add_argument("--port", type=int, default=7600, help="TCP port")
    parser.add_argument("--serial-port", default="/dev/ttyUSB2", help="AT port")
    parser.add_argument("--baud-rate", type=int, default=115_200)
    parser.add_argument("--verbose", "-v", action="store_true", help="log at debug")
    chosen = parser.parse_args(arguments)
    daemon = SIM7600Daemon(
        port=chosen.serial_port,
        baud_rate=chosen.baud_rate,
        host=chosen.host,
        daemon_port=chosen.port,
        verbose=chosen.verbose,
    )
    try:
        daemon.start_daemon()
    except DaemonFailed as error:
        return error.exit_code
    except GatewayError as error:
        sys.stderr.write(f"sim7600_manager: {error}\n")
        return 78  # as the gateway ends for a configuration that cannot be used
    return 0


if __name__ == "__main__":
    sys.exit(main())
