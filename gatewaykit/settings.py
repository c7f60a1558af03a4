"""Every setting: its type, its default, its bounds and what it is for.

A TOML file, the environment and a ``.env`` file set them; environment before ``.env`` before
TOML before the defaults. What cannot be used ends in one `ConfigError` that names the key,
the value and what is allowed.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from twisted.internet.endpoints import quoteStringArgument

from gatewaykit import endpoints, fields, logs
from gatewaykit.errors import ConfigError

_DOORS = (
    "a list of unix:PATH:mode=660 and tcp:PORT:interface=127.0.0.1 (other interfaces only"
    " together with rpc.allow_plaintext_from)"
)
PREFIX = "GATEWAYKIT_"
OTHER_NAMES = (
    "GATEWAYKIT_ENDPOINT",
    "GATEWAYKIT_TOKEN",
    "GATEWAYKIT_TLS",
    "GATEWAYKIT_CA",
    "GATEWAYKIT_CERTIFICATE",
    "GATEWAYKIT_KEY",
    "GATEWAYKIT_MONGOD",
)
"""Names of the client's and of the tests, which are no settings of the daemon."""


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


class _Section(BaseModel):
    # Strict: `true` is no number, "60" is no number. Names of the environment are text and
    # are turned into the setting's type before they come here.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: ClassVar[str]


class Gv50Settings(_Section):
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


class StoreSettings(_Section):
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


class RpcSettings(_Section):
    title = "The door for gatewayctl and other clients (AMP)"

    listen: list[fields.Endpoint] = fields.setting(
        _default_rpc_listen,
        "Where clients connect; an empty list leaves this subsystem out.",
        _DOORS,
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


class Sim7600Settings(_Section):
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


class GpsdSettings(_Section):
    title = "The modem's position for gpsd's clients (gpspipe, cgps, gpsd libraries)"

    listen: list[fields.Endpoint] = fields.setting(
        list,
        "Where they connect, as tcp:2947:interface=127.0.0.1; an empty list leaves it out.",
        _DOORS,
    )


class LogSettings(_Section):
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


class Settings(BaseSettings):
    """Everything that can be set, frozen."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=".env",
        enable_decoding=False,
        extra="forbid",
        frozen=True,
    )

    gv50: Gv50Settings = Field(default_factory=Gv50Settings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    rpc: RpcSettings = Field(default_factory=RpcSettings)
    sim7600: Sim7600Settings = Field(default_factory=Sim7600Settings)
    gpsd: GpsdSettings = Field(default_factory=GpsdSettings)
    log: LogSettings = Field(default_factory=LogSettings)

    def check_doors(self) -> None:
        """Raise `ConfigError` for a door open to other hosts without leave for any."""
        if self.rpc.allow_plaintext_from:
            return
        for section, doors in (("rpc", self.rpc.listen), ("gpsd", self.gpsd.listen)):
            for number, text in enumerate(doors):
                if not endpoints.locate(text).is_local:
                    raise ConfigError(f"{section}.listen.{number}", text, _DOORS)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The first wins; what `load` hands in comes from the TOML file."""
        return (_Environment(settings_cls), _DotEnv(settings_cls), init_settings)


def sections() -> Mapping[str, type[_Section]]:
    """The models of the sections by their names."""
    found: dict[str, type[_Section]] = {}
    for name, field in Settings.model_fields.items():
        assert isinstance(field.annotation, type)
        found[name] = field.annotation
    return types.MappingProxyType(found)


def keys() -> Iterator[tuple[str, FieldInfo]]:
    """``section.key`` and its field, in the order of the sample file."""
    for section, model in sections().items():
        for name, field in model.model_fields.items():
            yield f"{section}.{name}", field


def _nearest(key: str, known: list[str]) -> str:
    """What is allowed in the place of an unknown key."""
    match = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"known settings only, the nearest is {match[0] if match else known[0]}"


def variable(key: str) -> str:
    """``GATEWAYKIT_GV50__LISTEN`` for ``gv50.listen``."""
    return PREFIX + key.replace(".", "__").upper()


def _parse(field: FieldInfo, text: str) -> Any:
    """Text of the environment as the field's type; as it is where that does not work, for
    the strict model to refuse."""
    kind = field.annotation
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind is int or kind is float:
            return kind(text)
        if get_origin(kind) is list:
            if text.lstrip().startswith("["):
                return json.loads(text)
            return [part.strip() for part in text.split(",") if part.strip()]
    except (ValueError, KeyError):
        pass
    return text


class _Typed(EnvSettingsSource):
    """The environment with values of the settings' types; unknown names are refused."""

    def __call__(self) -> dict[str, Any]:
        known = {variable(key): (key, field) for key, field in keys()}
        found: dict[str, Any] = {}
        for name, value in self.env_vars.items():
            if not name.upper().startswith(PREFIX) or name.upper() in OTHER_NAMES:
                continue
            if name.upper() not in known:
                allowed = _nearest(name.upper(), list(known))
                raise ConfigError(name.upper(), value, allowed)
            key, field = known[name.upper()]
            section, _, option = key.partition(".")
            found.setdefault(section, {})[option] = _parse(field, value or "")
        return found


class _Environment(_Typed):
    pass


class _DotEnv(_Typed, DotEnvSettingsSource):
    pass


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        reason = f"a TOML file that can be read ({os.strerror(error.errno or 0)})"
        raise ConfigError("--config", str(path), reason) from error
    except UnicodeDecodeError as error:
        raise ConfigError("--config", str(path), "a TOML file in UTF-8") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Which line it was is told in the text only, before Python 3.14.
        lines = text.splitlines() or [""]
        told = re.search(r"\(at line (\d+)", str(error))
        number = int(told[1]) if told else len(lines)
        raise ConfigError(
            f"{path}:{number}", lines[number - 1].strip(), f"TOML ({error})"
        ) from error


def _config_error(error: ValidationError) -> ConfigError:
    """The first of pydantic's verdicts, in our words."""
    first = error.errors(include_url=False)[0]
    location = [str(part) for part in first["loc"]]
    key, value = ".".join(location), first["input"]
    if first["type"] == "extra_forbidden":
        return ConfigError(key, value, _nearest(key, [name for name, _ in keys()]))
    if len(location) == 1:
        return ConfigError(key, value, f"a section [{key}]")
    field = dict(keys())[".".join(location[:2])]
    assert isinstance(field.json_schema_extra, dict)
    allowed = str(field.json_schema_extra["allowed"])
    if first["type"] == "value_error":
        allowed += f"; here: {first['ctx']['error']}"
    return ConfigError(key, value, allowed)


def load(path: Path | None = None) -> Settings:
    """The settings from the TOML file, the environment and ``.env``.

    Raises `ConfigError` for the first thing that cannot be used.
    """
    values = {} if path is None else _read(path)
    for name, value in values.items():
        if name not in sections():
            raise ConfigError(name, value, _nearest(name, list(sections())))
    try:
        # Every section by name, so that a default that does not work here is told too.
        settings = Settings(**{name: {} for name in sections()} | values)
    except ValidationError as error:
        raise _config_error(error) from error
    except UnicodeDecodeError as error:
        raise ConfigError(".env", "", "text in UTF-8") from error
    settings.check_doors()
    return settings


def sample() -> str:
    """``etc/gatewaykit.toml``: every setting with its default, as a comment."""
    lines = [
        "# Every setting of gatewaykit with its default. Take the # away to set one.",
        "# The environment sets them too, as GATEWAYKIT_SECTION__KEY, and so does a .env file",
        "# in the working directory: environment before .env before this file.",
    ]
    for section, model in sections().items():
        lines += ["", f"# {model.title}", f"[{section}]"]
        for name, field in model.model_fields.items():
            extra = field.json_schema_extra
            assert isinstance(extra, dict)
            default = field.get_default(call_default_factory=True, validated_data={})
            lines += ["", f"# {field.description}", f"# Allowed: {extra['allowed']}."]
            if extra["default_is"]:
                lines.append(f"# Default: {extra['default_is']}.")
            lines.append(f"# {name} = {json.dumps(default, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
