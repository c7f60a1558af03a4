"""``twistd gatewaykit``: reads the settings, builds the services, wires them together.

All that can be tried before the start is tried in `Options.postOptions`, while twistd still
has the terminal and its exit status: settings, the store's file, every place to listen on.
"""

from __future__ import annotations

import atexit
import gc
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, Logger
from twisted.python import usage
from twisted.python.failure import Failure

from gatewaykit import __version__, checks, demo, endpoints, logs
from gatewaykit.bridges.gpsd import GpsdFactory
from gatewaykit.bridges.lx200 import Lx200Factory
from gatewaykit.bridges.sim7600_json import JsonFactory
from gatewaykit.errors import ConfigError
from gatewaykit.gv50 import happenings, local_time, reports
from gatewaykit.gv50.dispatch import Dispatch
from gatewaykit.gv50.fleet import Fleet
from gatewaykit.gv50.models import model_of
from gatewaykit.gv50.tracker import TrackerFactory
from gatewaykit.interfaces import IHealth, IModem, IStore
from gatewaykit.rpc.answers import Answer, GatewayAnswers
from gatewaykit.rpc.command_answers import CommandAnswers
from gatewaykit.rpc.device_answers import DeviceAnswers
from gatewaykit.rpc.dialects import DialectFactory
from gatewaykit.rpc.modem_answers import ModemAnswers
from gatewaykit.rpc.mount_answers import MountAnswers
from gatewaykit.rpc.server import RpcFactory, identify
from gatewaykit.rpc.verb import Verb
from gatewaykit.sections import LogSettings, default_socket_path
from gatewaykit.services import ListenerService, OrderedService, Part
from gatewaykit.settings import Settings, load
from gatewaykit.sim7600.modem import Modem
from gatewaykit.store.chronicle import Chronicle
from gatewaykit.store.rehearsal import rehearse
from gatewaykit.store.sqlite import SqliteStore
from gatewaykit.tts160.mount import Mount, PlaceAndTime
from gatewaykit.tts160.registry import Registry

EX_CONFIG = 78
"""sysexits.h; a supervisor need not try again."""
SPARE_FILES = 512
"""Descriptors for all but trackers and clients: the store, the log, the modem."""

log = Logger()


def _refuse(error: ConfigError) -> NoReturn:
    """One line on standard error, and the status that says it is the configuration."""
    sys.stderr.write(logs.escape(f"gatewaykit: {error}") + "\n")
    sys.exit(EX_CONFIG)


_observers: list[ILogObserver] = []


def chosen_observer() -> ILogObserver:
    """What twistd logs with: see `Options`."""
    return _observers[-1]


class Options(usage.Options):
    synopsis = "[options]"
    longdesc = "Own the field hardware of a site and serve it to many clients."
    optParameters = (
        ("config", "c", None, "TOML file with settings (see etc/gatewaykit.toml)"),
    )
    optFlags = (
        ("demo", None, "Simulate a fleet; loopback only, and a store that is removed"),
    )

    settings: Settings
    demo_directory: Path | None = None

    def postOptions(self) -> None:
        try:
            self.settings = load(Path(self["config"]) if self["config"] else None)
            if self["demo"]:
                with suppress(ConfigError):  # its socket has another place then
                    _make_session_directory(self.settings)
                self.settings, self.demo_directory = demo.adapt(self.settings)
                # For a start that fails; a signal ends twistd without Python's own end.
                atexit.register(demo.remove, self.demo_directory)
            else:
                _make_session_directory(self.settings)
            rehearse(Path(self.settings.store.path))
            endpoints.probe(
                [("gv50.listen", text) for text in self.settings.gv50.listen]
                + [("rpc.listen", text) for text in self.settings.rpc.listen]
                + [("gpsd.listen", text) for text in self.settings.gpsd.listen]
                + [("lx200.listen", text) for text in self.settings.lx200.listen]
            )
            checks.check(self.settings)
            self._choose_log(self.settings.log)
        except ConfigError as error:
            _refuse(error)

    def _choose_log(self, settings: LogSettings) -> None:
        """Our own log unless twistd's options ask for another."""
        twistd = self.parent
        if twistd is None or any(
            twistd.get(name) for name in ("logger", "logfile", "syslog")
        ):
            return
        file = settings.file
        if file in {"-", "stdout"} and not twistd["nodaemon"]:
            # In the background there is no terminal; as twistd does by itself.
            file = "twistd.log"
        _observers.append(logs.observer(settings.level, settings.format, file))
        # twistd looks it up by name, after us.
        twistd["logger"] = f"{__name__}.chosen_observer"


def _make_session_directory(settings: Settings) -> None:
    """The directory of the default socket in ``$XDG_RUNTIME_DIR``, for this user only."""
    directory = Path(default_socket_path()).parent
    if "listen" in settings.rpc.model_fields_set:
        return
    try:
        # Whether it exists cannot be asked in a directory of another user.
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise endpoints.unavailable(
            "rpc.listen", settings.rpc.listen[0], error
        ) from error


def _wall_ms() -> int:
    return int(time.time() * 1000)


def _give_up(reactor: Any, failure: Failure) -> None:
    """End the process: a gateway that cannot do its work must not look alive.

    By now the reactor runs, and twistd has no status for what happens then: the last thing
    that Python does is to end with ours, after all services have stopped.
    """
    status = 1
    if failure.check(ConfigError):
        status = EX_CONFIG
        log.critical("{reason}", reason=failure.getErrorMessage())
    else:
        log.failure("the gateway could not start", failure=failure)
    atexit.register(os._exit, status)
    reactor.callWhenRunning(reactor.stop)


def _suit(reactor: Any) -> None:
    """Set up interpreter and reactor for a process that runs for months under load."""
    # Twisted's clock is the wall clock; when that is set, no time limit may end early or
    # late. Nothing is scheduled yet.
    reactor.seconds = time.monotonic
    # What exists by now lives as long as the process, and reports leave no cycles behind:
    # with Python's own thresholds the collector took 7 % of the time at full load.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _within_file_limit(settings: Settings) -> Settings:
    """Let the process open as many files as it may, and take no more trackers than that
    allows: the store and the clients need some too."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    wanted = settings.gv50.max_connections
    spare = SPARE_FILES + settings.rpc.max_connections
    possible = max(most - spare, most // 2)
    if most == resource.RLIM_INFINITY or wanted <= possible or not settings.gv50.listen:
        return settings
    log.info(
        "gv50.max_connections is {wanted}, but this process may open {most} files"
        " (LimitNOFILE=, ulimit -Hn): {possible} trackers are let in",
        wanted=wanted,
        most=most,
        possible=possible,
    )
    gv50 = settings.gv50.model_copy(update={"max_connections": possible})
    return settings.model_copy(update={"gv50": gv50})


def _networks(settings: Settings) -> list[IPv4Network | IPv6Network]:
    return [ip_network(text) for text in settings.rpc.allow_plaintext_from]


class _Trackers(NamedTuple):
    """What serves the trackers; nothing where none are served."""

    fleet: Fleet | None = None
    commands: Dispatch | None = None
    door: ListenerService | None = None


def _add_trackers(
    gateway: OrderedService,
    settings: Settings,
    reactor: Any,
    health: list[IHealth],
    store: SqliteStore,
) -> _Trackers:
    """The trackers' port, who is there, and what is to be told to them."""
    own, name = settings.gv50, platform.node()
    if not own.listen:
        return _Trackers()
    fleet = Fleet(
        store,
        reactor,
        _wall_ms,
        unknown_devices=own.unknown_devices,
        unknown_after=own.unknown_after,
        gateway=name,
    )
    passwords = checks.passwords(settings)
    commands = Dispatch(
        store, fleet, reactor, _wall_ms, settings.commands, passwords, gateway=name
    )
    connections = TrackerFactory(
        store,
        fleet,
        reactor,
        _wall_ms,
        own,
        log_frames=settings.log.level == "debug",
        passwords=passwords.known,
    )
    door = ListenerService(own.listen, connections, reactor, "gv50.listen")
    health += [connections, commands]
    gateway.add(Part("fleet", fleet.start, fleet.stop))
    gateway.add(Part("commands", commands.start, commands.stop))
    gateway.add(
        Part(
            "tracker connections",
            lambda: connections.start(door),
            connections.close_all,
        )
    )
    gateway.add(door)
    return _Trackers(fleet, commands, door)


def _add_modem(
    gateway: OrderedService, settings: Settings, reactor: Any, health: list[IHealth]
) -> Modem | None:
    """The modem, and the door for gpsd's clients."""
    own = settings.sim7600
    if not own.port:
        return None
    modem = Modem(own, reactor, _wall_ms)
    health.append(modem)
    gateway.add(Part("modem", modem.start, modem.stop), deadline_s=20.0)
    if settings.gpsd.listen:
        clients = GpsdFactory(
            modem,
            partial(identify, networks=_networks(settings)),
            reactor,
            _wall_ms,
            own.port,
            own.baudrate,
            trusted_s=own.stale_after,
        )
        health.append(clients)
        gateway.add(Part("gpsd clients", stop=clients.close_all))
        gateway.add(
            ListenerService(settings.gpsd.listen, clients, reactor, "gpsd.listen")
        )
    return modem


def _place_and_time(
    modem: IModem, wall_ms: Callable[[], int]
) -> Callable[[], Deferred[PlaceAndTime | None]]:
    """What the mount may be told of the modem's GNSS."""

    async def ask() -> PlaceAndTime | None:
        found = await modem.location()
        if found["fix_status"] != "valid" or found["gps_time"] is None:
            return None
        moment = datetime.fromisoformat(found["gps_time"]).timestamp()
        # The fix is some tenths of a second old by now.
        age_s = min(max(wall_ms() / 1000 - moment, 0.0), found["age_s"] or 0.0)
        at_ms = round((moment + age_s) * 1000)
        return found["latitude"], found["longitude"], at_ms

    return lambda: Deferred.fromCoroutine(ask())


def _add_mount(
    gateway: OrderedService,
    settings: Settings,
    reactor: Any,
    health: list[IHealth],
    store: IStore,
    modem: IModem | None,
) -> Mount | None:
    """The mount, and the doors for planetarium programs."""
    own = settings.tts160
    if not own.port:
        return None
    ask_gnss = None if modem is None else _place_and_time(modem, _wall_ms)
    mount = Mount(own, reactor, _wall_ms, ask_gnss)
    health.append(mount)
    gateway.add(Part("mount", mount.start, mount.stop_service), deadline_s=10.0)
    if settings.lx200.listen:
        clients = Lx200Factory(mount, store, reactor, _wall_ms, settings.lx200)
        health.append(clients)
        gateway.add(Part("planetarium programs", stop=clients.close_all))
        for endpoint, door in clients.doors():
            gateway.add(ListenerService([endpoint], door, reactor, "lx200.listen"))
    return mount


def _add_clients(
    gateway: OrderedService,
    settings: Settings,
    reactor: Any,
    health: list[IHealth],
    answers: Mapping[type[Verb], Answer],
    store: IStore,
    modem: IModem | None,
) -> None:
    """The door for clients, whichever of its protocols they speak."""
    networks = _networks(settings)
    who = partial(identify, networks=networks)
    clients = RpcFactory(
        answers,
        store,
        reactor,
        identify=who,
        networks=networks,
        max_connections=settings.rpc.max_connections,
    )
    old_clients = JsonFactory(modem, who, reactor)
    entrance = DialectFactory(
        clients, {b"{": old_clients}, reactor, accepts=clients.accepts
    )
    health += [clients, old_clients]
    for title, part in (
        ("client connections", clients),
        ("old modem clients", old_clients),
        ("silent clients", entrance),
    ):
        gateway.add(Part(title, stop=part.close_all))
    gateway.add(ListenerService(settings.rpc.listen, entrance, reactor, "rpc.listen"))


def makeService(options: Options, reactor: Any = None) -> IService:
    """All services of a gateway, in the order in which they start."""
    if reactor is None:
        from twisted.internet import reactor  # noqa: PLC0415 - the one that twistd chose
    _suit(reactor)
    settings = _within_file_limit(options.settings)
    gateway = OrderedService(reactor, lambda failure: _give_up(reactor, failure))
    health: list[IHealth] = []

    simulated: dict[str, Path] = {}
    if options.demo_directory is not None:
        directory = options.demo_directory
        gateway.add(Part("demo directory", stop=lambda: demo.remove(directory)))
        for title, device in (
            ("SIM7600 modem", demo.modem(reactor, settings, directory)),
            ("TTS-160 mount", demo.mount(reactor, settings, directory)),
        ):
            if device is not None:
                simulated[title] = device.link
                gateway.add(Part(f"simulated {title}", device.start, device.stop))

    store = SqliteStore(
        Path(settings.store.path).absolute(),
        reactor,
        reports.render,
        model_of,
        retention_days=settings.store.retention_days,
        retention_bytes=settings.store.retention_bytes,
        chronicle=Chronicle(
            happenings.TYPES, happenings.happening, local_time.offset_of
        ),
    )
    health.append(store)
    gateway.add(Part("store", store.start, store.stop), deadline_s=30.0)

    trackers = _add_trackers(gateway, settings, reactor, health, store)
    modem = _add_modem(gateway, settings, reactor, health)
    mount = _add_mount(gateway, settings, reactor, health, store, modem)
    if settings.rpc.listen:
        answers = {
            **GatewayAnswers(store, trackers.fleet, health, reactor).table(),
            **CommandAnswers(trackers.commands, store).table(),
            **DeviceAnswers(store, trackers.fleet).table(),
            **ModemAnswers(modem).table(),
            **MountAnswers(mount, Registry).table(),
        }
        _add_clients(gateway, settings, reactor, health, answers, store, modem)

    if options["demo"]:
        if trackers.door is None:
            _refuse(ConfigError("gv50.listen", [], "a tcp port, with --demo"))
        hint = settings.rpc.listen[0] if settings.rpc.listen else None
        # twistd makes log events of what is printed.
        assert sys.__stdout__ is not None
        show = demo.Show(
            reactor,
            trackers.door,
            hint,
            sys.__stdout__,
            simulated=simulated,
            planetariums=settings.lx200.listen[0] if settings.lx200.listen else None,
        )
        gateway.add(Part("demo", show.start, show.stop))

    gateway.add(
        Part(
            "announcement",
            lambda: log.info("gatewaykit {version} is up", version=__version__),
            lambda: log.info("stopping"),
        )
    )
    return gateway
