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
from typing import Any, get_origin

from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from gatewaykit import endpoints
from gatewaykit.errors import ConfigError
from gatewaykit.sections import (
    CommandsSettings,
    GpsdSettings,
    Gv50Settings,
    LogSettings,
    Lx200Settings,
    RpcSettings,
    Section,
    Sim7600Settings,
    StoreSettings,
    Tts160Settings,
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
    commands: CommandsSettings = Field(default_factory=CommandsSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    rpc: RpcSettings = Field(default_factory=RpcSettings)
    sim7600: Sim7600Settings = Field(default_factory=Sim7600Settings)
    gpsd: GpsdSettings = Field(default_factory=GpsdSettings)
    tts160: Tts160Settings = Field(default_factory=Tts160Settings)
    lx200: Lx200Settings = Field(default_factory=Lx200Settings)
    log: LogSettings = Field(default_factory=LogSettings)

    def check_doors(self) -> None:
        """Raise `ConfigError` for a door open to other hosts without leave for any."""
        for section, doors, others in (
            ("rpc", self.rpc.listen, self.rpc.allow_plaintext_from),
            ("gpsd", self.gpsd.listen, self.rpc.allow_plaintext_from),
            ("lx200", self.lx200.listen, self.lx200.allow_from),
        ):
            for number, text in enumerate(doors):
                if not others and not endpoints.locate(text).is_local:
                    allowed = Lx200Settings if section == "lx200" else RpcSettings
                    raise ConfigError(
                        f"{section}.listen.{number}", text, _allowed(allowed, "listen")
                    )

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


def sections() -> Mapping[str, type[Section]]:
    """The models of the sections by their names."""
    found: dict[str, type[Section]] = {}
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


def _allowed(section: type[Section], name: str) -> str:
    """What the setting may be, in the words for users."""
    extra = section.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    return str(extra["allowed"])


def _config_error(error: ValidationError) -> ConfigError:
    """The first of pydantic's verdicts, in our words."""
    first = error.errors(include_url=False)[0]
    location = [str(part) for part in first["loc"]]
    key, value = ".".join(location), first["input"]
    if first["type"] == "extra_forbidden":
        return ConfigError(key, value, _nearest(key, [name for name, _ in keys()]))
    if len(location) == 1:
        return ConfigError(key, value, f"a section [{key}]")
    allowed = _allowed(sections()[location[0]], location[1])
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
