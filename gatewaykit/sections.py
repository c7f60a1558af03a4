"""The sections of the settings: each setting's type, default and bounds, and what it is for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict
from twisted.internet.endpoints import quoteStringArgument

from gatewaykit import endpoints, fields, logs

DOORS = (
    "a list of unix:PATH:mode=660 and tcp:PORT:interface=127.0.0.1 (other interfaces only"
    " together with rpc.allow_plaintext_from)"
)


def _directory(variable: str) -> str:
    """The directory that systemd made for us; it lists several with colons between."""
    return os.environ.get(variable, "").split(":")[0]


def default_store_path() -> str:
    """``gatewaykit.sqlite`` in ``$STATE_DIRECTORY``, else in the working directory."""
    return str(Path(_directory("STATE_DIRECTORY")) / "gatewaykit.sqlite")


def default_socket_path() -> str:
    """``gatewaykit.sock`` in ``$RUNTIME_DIRECTORY``, else in ``$XDG_RUNTIME_DIR/gatewaykit``,
    else in the working directory. The daemon makes the second one if it is not there."""
    runtime = _directory("RUNTIME_DIRECTORY")
    if runtime:
        return str(Path(runtime) / "gatewaykit.sock")
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    if session:
        return str(Path(session) / "gatewaykit" / "gatewaykit.sock")
    return "gatewaykit.sock"


def _default_rpc_listen() -> list[str]:
    path = quoteStringArgument(default_socket_path())
    return [f"unix:{path}:mode=660", "tcp:7600:interface=127.0.0.1"]


class Section(BaseModel):
    # Strict: `true` is no number, "60" is no number. Names of the environment are text and
    # are turned into the setting's type before they come here.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: ClassVar[str]


class Gv50Settings(Section):
    title = "GV50 and other @Track trackers"

    listen: list[fields.Endpoint] = fields.setting(
        lambda: ["tcp:5000"],
        "Where trackers connect; an empty list leaves this subsystem out.",
        f"a list of {endpoints.ALLOWED}",
    )
    sack: bool = fields.setting(
        True, "Acknowledge reports with +SACK once they are stored.", "true or false"
    )
    unknown_devices: Literal["accept", "quarantine", "refuse"] = fields.choice(
        "accept",
        "What happens to an IMEI that was never heard of.",
        ("accept", "quarantine", "refuse"),
    )
    max_connections: int = fields.whole(
        20_000, "Tracker connections in all.", "connections", 1, 1_000_000
    )
    max_connections_per_address: int = fields.whole(
        10_000,
        "Tracker connections from one address; trackers behind a carrier's NAT share it.",
        "connections",
        1,
        1_000_000,
    )
    allow: list[fields.Network] = fields.setting(
        list,
        "Networks that trackers may connect from; an empty list allows all.",
        fields.NETWORKS,
    )
    deny: list[fields.Network] = fields.setting(
        list, "Networks that they may not; goes before allow.", fields.NETWORKS
    )
    identify_timeout: float = fields.seconds(
        60.0, "Time to the first valid frame of a connection.", 1, 86_400
    )
    idle_timeout: float = fields.seconds(
        3600.0, "A connection that is silent for so long is closed.", 1, 604_800
    )
    unknown_after: float = fields.seconds(
        1800.0,
        "A connected device that is silent for so long is shown as unknown.",
        60,
        31_536_000,
    )
    max_frame: int = fields.whole(
        16_384, "Longest frame taken.", "bytes", 256, 1_048_576
    )
    high_water: int = fields.whole(
        10_000,
        "Reports not yet committed above which trackers are paused.",
        "reports",
        1,
        1_000_000,
    )


class CommandsSettings(Section):
    title = "Commands to vehicles: block and unblock, server, APN, intervals"

    enabled: bool = fields.setting(
        True,
        "Whether commands are taken and written at all; reading goes on without.",
        "true or false",
    )
    block_level: fields.Level = fields.setting(
        "",
        "The level of output 1 that blocks a vehicle, by how its relay is wired. Nothing"
        " tells but the installation itself: while it is empty, block and unblock are"
        " refused, unless the model or the vehicle has a level of its own.",
        "0, 1, or empty",
    )
    block_levels: list[fields.LevelOfModel] = fields.setting(
        list,
        "The same by model; goes before block_level, and a vehicle's own before both.",
        "a list such as GV50=1, GV55=0",
    )
    block_max_speed_kmh: float = fields.number(
        5.0, "A vehicle that is faster is not blocked.", "km/h", 0, 30
    )
    block_max_fix_age: float = fields.seconds(
        30.0, "A position older than this does not tell the speed.", 1, 120
    )
    ack_timeout: float = fields.seconds(
        30.0,
        "How long a vehicle may take to acknowledge a command; its connection is cut"
        " then, so that nothing is delivered later.",
        5,
        300,
    )
    frame_max_age: float = fields.seconds(
        10.0,
        "A command is written within this time after a frame of the vehicle.",
        1,
        60,
    )
    per_principal: int = fields.whole(
        60, "Commands that one client may queue a minute.", "commands", 1, 100_000
    )
    per_vehicle: int = fields.whole(
        10, "Commands that may be queued for one vehicle a minute.", "commands", 1, 1000
    )
    passwords_file: fields.SecretFile = fields.setting(
        "",
        "The devices' passwords, as lines of NAME = PASSWORD: a vehicle's password_ref"
        " names one, else its model does. What has none there has the factory's.",
        "a file that nobody else may read, or empty",
    )
    output_forms: list[fields.OutputForm] = fields.setting(
        list,
        "How many parameters GTOUT has, where a model's firmware wants another form than"
        " the usual one.",
        "a list such as GV50=16, GV50/0302=13 (of 13, 16, 21)",
    )
    ask_gtdos: list[str] = fields.setting(
        list,
        "Models that are asked to report each change of their output (GTDOS).",
        "a list of models such as GV50",
    )


class StoreSettings(Section):
    title = "The journal and embedded store"

    path: fields.WritablePath = fields.setting(
        default_store_path,
        "The SQLite file.",
        "a file that can be written, in a directory that exists and can be written",
        default_is="gatewaykit.sqlite in $STATE_DIRECTORY, else in the working directory",
    )
    retention_days: int = fields.whole(
        0, "Reports older than this are deleted; 0 keeps them.", "days", 0, 36_500
    )
    retention_bytes: int = fields.whole(
        0,
        "Size of the file above which the oldest reports are deleted; 0 sets no limit.",
        "bytes",
        0,
        2**50,
    )


class RpcSettings(Section):
    title = "The door for gatewayctl and other clients (AMP)"

    listen: list[fields.Endpoint] = fields.setting(
        _default_rpc_listen,
        "Where clients connect; an empty list leaves this subsystem out.",
        DOORS,
        default_is="gatewaykit.sock in $RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR/gatewaykit,"
        " else the working directory; and a port on loopback",
    )
    max_connections: int = fields.whole(
        1024, "Connections of clients that speak AMP.", "connections", 32, 100_000
    )
    allow_plaintext_from: list[fields.Network] = fields.setting(
        list,
        "Networks of other hosts whose clients may read without TLS, all that goes over"
        " the wire in the clear.",
        fields.NETWORKS,
    )


class Sim7600Settings(Section):
    title = "SIM7600 modem: network status, GNSS position, SMS"

    port: fields.SerialPort = fields.setting(
        "",
        "The modem's AT port; empty leaves this subsystem out. A link that stays the same"
        " (/dev/serial/by-id/...) survives a modem that comes back under another name.",
        fields.SERIAL_PORTS,
    )
    baudrate: fields.BaudRate = fields.setting(
        115_200,
        "Speed of a real serial line; USB ports take any.",
        f"one of {', '.join(map(str, fields.BAUD_RATES))}",
    )
    timeout: float = fields.seconds(
        3.0,
        "How long the modem may take for a simple command that a client passes through.",
        1,
        60,
    )
    nmea_port: fields.SerialPort = fields.setting(
        "",
        "The modem's NMEA port, for satellites one by one; empty: none.",
        fields.SERIAL_PORTS,
    )
    gnss: bool = fields.setting(
        True,
        "Start GNSS and keep it running; false leaves it as it is.",
        "true or false",
    )
    constellations: list[Literal["glonass", "beidou", "galileo", "qzss"]] = (
        fields.setting(
            list,
            "Constellations beside GPS; an empty list leaves the modem's own setting. The"
            " modem takes a change up when it is next switched on.",
            "a list of glonass, beidou, galileo, qzss",
        )
    )
    recovery: Literal["resync", "reopen", "radio", "reset"] = fields.choice(
        "reopen",
        "How far recovery may go by itself. radio and reset cut the site's uplink if the"
        " modem is it.",
        ("resync", "reopen", "radio", "reset"),
    )
    network_interval: float = fields.seconds(
        5.0, "Time between reads of the network status while somebody asks.", 1, 3600
    )
    position_interval: float = fields.seconds(
        1.0,
        "Time between reads of the position while somebody asks; at most half of"
        " stale_after is waited.",
        1,
        3600,
    )
    stale_after: float = fields.seconds(
        5.0, "A position that has not moved on in time for so long is stale.", 2, 3600
    )
    at_commands: list[fields.ATCommand] = fields.setting(
        list,
        "AT commands that clients may pass through; an empty list allows none. An entry"
        " is a whole command, or ends in * for all that begin with it.",
        "a list such as AT+CSQ, AT+CNMP?, AT+CPSI* (none that asks for more input, opens a"
        " data connection or switches the modem off)",
    )


class GpsdSettings(Section):
    title = "The modem's position for gpsd's clients (gpspipe, cgps, gpsd libraries)"

    listen: list[fields.Endpoint] = fields.setting(
        list,
        "Where they connect, as tcp:2947:interface=127.0.0.1; an empty list leaves it out.",
        DOORS,
    )


class Tts160Settings(Section):
    title = "TTS-160 telescope mount"

    port: fields.SerialPort = fields.setting(
        "",
        "The mount's serial port; empty leaves this subsystem out. A link that stays the"
        " same (/dev/serial/by-id/...) survives an adapter that comes back under another"
        " name.",
        fields.SERIAL_PORTS,
    )
    baudrate: fields.BaudRate = fields.setting(
        9600,
        "Speed of the line; the mount has 9600.",
        f"one of {', '.join(map(str, fields.BAUD_RATES))}",
    )
    timeout: float = fields.seconds(
        0.5, "How long the mount may take for the first byte of an answer.", 0.1, 30
    )
    status_interval: float = fields.seconds(
        0.5, "Time between reads of position and state while somebody watches.", 0.1, 60
    )
    min_altitude_deg: float = fields.number(
        0.0,
        "Slews to a lower altitude are refused. Firmware 357 takes no place without a limit of"
        " its own: whenever it is told one, it is told this limit too, as 0 to 89.",
        "degrees",
        -90,
        90,
    )
    max_altitude_deg: float = fields.number(
        90.0, "Slews to a higher altitude are refused.", "degrees", -90, 90
    )
    axis_lease: float = fields.seconds(
        3.0,
        "A moving axis stops unless its client asks again within this time.",
        0.5,
        60,
    )
    set_from_gnss: bool = fields.setting(
        False,
        "Give the mount the time and the place of the modem's GNSS on connecting.",
        "true or false",
    )


_PROFILES = ("common", "skysafari", "indi", "plain")


class Lx200Settings(Section):
    title = "The mount for planetarium programs (LX200 over TCP: SkySafari, INDI, Stellarium)"

    listen: list[fields.Endpoint] = fields.setting(
        list,
        "Where they connect, as tcp:4030:interface=127.0.0.1; an empty list leaves it out.",
        "a list of unix:PATH:mode=660 and tcp:PORT:interface=127.0.0.1 (other interfaces"
        " only together with lx200.allow_from)",
    )
    profile: Annotated[
        list[Literal["common", "skysafari", "indi", "plain"]],
        BeforeValidator(fields.split),
    ] = fields.setting(
        lambda: ["common"],
        "How answers look: common serves all programs as far as one form can, plain passes"
        " on what the mount says. One for all doors, or one for each.",
        f"{', '.join(_PROFILES)}, or a list of them, one for each of lx200.listen",
    )
    role: Literal["viewer", "operator"] = fields.choice(
        "operator",
        "What these programs may do: look only, or move the telescope too.",
        ("viewer", "operator"),
    )
    allow_from: list[fields.Network] = fields.setting(
        list,
        "Networks of other hosts that may connect. LX200 has no passwords: whoever is in"
        " them may do what lx200.role says.",
        fields.NETWORKS,
    )


class LogSettings(Section):
    title = "Log lines"

    level: Literal["debug", "info", "warn", "error", "critical"] = fields.choice(
        "info", "Events below this level are left out.", logs.LEVELS
    )
    format: Literal["text", "json"] = fields.choice(
        "text", "One line of text or one JSON object an event.", logs.FORMATS
    )
    file: fields.LogFile = fields.setting(
        "-",
        "A file to append to, stdout, or - for standard error"
        " (twistd.log when twistd runs in the background).",
        "-, stdout, or a file that can be written, in a directory that exists",
    )
