"""``twistd gatewaykit --demo``: vehicles, a modem and a mount that are not there, on a
store that will not last."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import quoteStringArgument

from gatewaykit import endpoints
from gatewaykit.errors import ConfigError
from gatewaykit.gv50 import reports
from gatewaykit.sections import default_socket_path
from gatewaykit.services import ListenerService
from gatewaykit.settings import Settings
from gatewaykit.simulators.encoding import Report
from gatewaykit.simulators.fleet import SimulatedFleet
from gatewaykit.simulators.modem import SimulatedModem
from gatewaykit.simulators.mount import SimulatedMount
from gatewaykit.simulators.tracker import Behaviour
from gatewaykit.simulators.vehicle import imei

VEHICLES = 20
PARKED = 5
"""Of them, the last ones, so that there is always one to be blocked."""
INTERVAL_S = 5.0
MODEM, NMEA = "sim7600-at", "sim7600-nmea"
"""Links to the simulated modem's ports, in the demo's own directory."""
MOUNT = "tts160"
"""The same, to the mount's."""
_PLANETARIUM = "tcp:4030:interface=127.0.0.1"


def _free(key: str, wanted: str, instead: str) -> str:
    """`wanted` unless somebody listens there: a demo should work beside a gateway."""
    try:
        endpoints.probe([(key, wanted)])
    except ConfigError:
        return instead
    return wanted


def adapt(settings: Settings) -> tuple[Settings, Path]:
    """The settings of a demo, and the directory that is its own.

    What somebody set stays; where nothing is set, everything is on loopback, and the store
    in a directory that `remove` takes away.
    """
    directory = Path(tempfile.mkdtemp(prefix="gatewaykit-demo-"))
    gv50, store, rpc = settings.gv50, settings.store, settings.rpc
    commands = settings.commands
    if "block_level" not in commands.model_fields_set:
        # As the simulated vehicles are wired.
        commands = commands.model_copy(update={"block_level": "1"})
    sim7600, tts160, lx200 = settings.sim7600, settings.tts160, settings.lx200
    if "port" not in sim7600.model_fields_set:
        links = {"port": str(directory / MODEM)}
        if "nmea_port" not in sim7600.model_fields_set:
            links["nmea_port"] = str(directory / NMEA)
        sim7600 = sim7600.model_copy(update=links)
    if "port" not in tts160.model_fields_set:
        tts160 = tts160.model_copy(update={"port": str(directory / MOUNT)})
        # Nobody is let in unasked where the mount is somebody's own.
        door = _free("lx200.listen", _PLANETARIUM, "")
        if "listen" not in lx200.model_fields_set and door:
            lx200 = lx200.model_copy(update={"listen": [door]})
    if "listen" not in gv50.model_fields_set:
        port = _free(
            "gv50.listen", "tcp:5000:interface=127.0.0.1", "tcp:0:interface=127.0.0.1"
        )
        gv50 = gv50.model_copy(update={"listen": [port]})
    if "path" not in store.model_fields_set:
        path = str(directory / "gatewaykit.sqlite")
        store = store.model_copy(update={"path": path})
    if "listen" not in rpc.model_fields_set:
        own = f"unix:{quoteStringArgument(str(directory / 'gatewaykit.sock'))}"
        tcp = "tcp:{}:interface=127.0.0.1"
        rpc = rpc.model_copy(
            update={
                "listen": [
                    _free("rpc.listen", rpc.listen[0], own),
                    _free("rpc.listen", tcp.format(7600), tcp.format(0)),
                ]
            }
        )
    update = {
        "gv50": gv50,
        "commands": commands,
        "store": store,
        "rpc": rpc,
        "sim7600": sim7600,
        "tts160": tts160,
        "lx200": lx200,
    }
    return settings.model_copy(update=update), directory


def remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)


def modem(reactor: Any, settings: Settings, directory: Path) -> SimulatedModem | None:
    """The modem behind the links that `adapt` set; None where somebody set a port."""
    port, nmea = settings.sim7600.port, settings.sim7600.nmea_port
    if port != str(directory / MODEM):
        return None
    own_nmea = Path(nmea) if nmea == str(directory / NMEA) else None
    return SimulatedModem(reactor, Path(port), nmea_link=own_nmea)


def mount(reactor: Any, settings: Settings, directory: Path) -> SimulatedMount | None:
    """The mount behind the link that `adapt` set; None where somebody set a port."""
    port = settings.tts160.port
    if port != str(directory / MOUNT):
        return None
    return SimulatedMount(reactor, Path(port))


class Show:
    """The simulated fleet, and a line on the terminal for each report that is durable.

    :param trackers: where the fleet connects, once it listens.
    :param clients: an endpoint string for the hint, if there is one.
    :param simulated: what is simulated beside the vehicles, and its port, for the hint.
    :param planetariums: an endpoint string of the door for them, if there is one.
    """

    def __init__(
        self,
        reactor: Any,
        trackers: ListenerService,
        clients: str | None,
        out: TextIO,
        make_fleet: Callable[..., SimulatedFleet] = SimulatedFleet,
        *,
        simulated: Mapping[str, Path] = MappingProxyType({}),
        planetariums: str | None = None,
    ) -> None:
        self._reactor = reactor
        self._trackers = trackers
        self._clients = clients
        self._out = out
        self._make_fleet = make_fleet
        self._simulated = simulated
        self._planetariums = planetariums
        self._fleet: SimulatedFleet | None = None

    def start(self) -> None:
        host, port = self._address()
        self._fleet = self._make_fleet(
            self._reactor,
            host,
            port,
            VEHICLES,
            INTERVAL_S,
            acknowledged=self._acknowledged,
            behaviour=Behaviour(parked=PARKED),
        )
        self._fleet.start()
        first = f"{VEHICLES} simulated vehicles report to {host} port {port}."
        lines = [f"{first} From a second terminal: {self._hint('watch')}"]
        lines.append(
            "To block one that is parked:"
            f" {self._hint(f'block {imei(0, VEHICLES - 1)} --wait')}"
        )
        for name, link in self._simulated.items():
            lines.append(f"A simulated {name} is at {link}.")
        if self._planetariums is not None:
            place = endpoints.locate(self._planetariums)
            where = place.path or f"port {place.port}"
            lines.append(f"Planetarium programs find the mount (LX200) at {where}.")
        print(*lines, "Ctrl-C ends the demo.", sep="\n", file=self._out, flush=True)

    def stop(self) -> Deferred[None] | None:
        return None if self._fleet is None else self._fleet.stop()

    def _address(self) -> tuple[str, int]:
        for port in self._trackers.ports:
            where = port.getHost()
            if isinstance(where, IPv4Address | IPv6Address):
                everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
                return everywhere.get(where.host, where.host), where.port
        raise ConfigError("gv50.listen", [], "a tcp port, with --demo")

    def _hint(self, verb: str) -> str:
        """How to say something to this gateway."""
        if self._clients is None:
            return "nothing to see, rpc.listen is empty."
        command = "gatewayctl"
        if shutil.which(command) is None:
            command = str(Path(sys.executable).with_name(command))
        place = endpoints.locate(self._clients)
        if place.path is None:
            return f"{command} --endpoint tcp:127.0.0.1:{place.port} {verb}"
        # Where the default is not relative to a directory that may be another there.
        if place.path == default_socket_path():
            return f"{command} {verb}"
        return f"{command} --endpoint unix:{place.path} {verb}"

    def _acknowledged(self, imei: str, report: Report, waited_s: float) -> None:
        decoded = reports.decode(report.live())
        words = [imei, report.type]
        for position in decoded.positions[:1]:
            words += [
                f"{position.latitude:9.5f} {position.longitude:10.5f}",
                f"{position.speed_kmh or 0:5.1f} km/h",
            ]
        words.append(f"stored and acknowledged in {waited_s * 1000:.1f} ms")
        print("  ".join(words), file=self._out, flush=True)
