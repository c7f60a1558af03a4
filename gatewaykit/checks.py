"""What the settings cannot tell one by one: whether they go together, and whether what they
name can be used."""

from __future__ import annotations

import re
from pathlib import Path

from gatewaykit.errors import ConfigError
from gatewaykit.gv50.models import MODELS
from gatewaykit.gv50.passwords import Passwords
from gatewaykit.settings import Settings
from gatewaykit.sim7600.commands import never_allowed


def check(settings: Settings) -> None:
    """Raise `ConfigError` for the first thing that cannot work."""
    _check_commands(settings)
    _check_modem(settings)
    _check_mount(settings)


def passwords(settings: Settings) -> Passwords:
    """The devices' passwords, by the file that the settings name."""
    file = settings.commands.passwords_file
    return Passwords(Path(file).absolute() if file else None)


def _check_commands(settings: Settings) -> None:
    """What the settings of commands cannot tell one by one."""
    commands = settings.commands
    for key, texts in (
        ("block_levels", commands.block_levels),
        ("output_forms", commands.output_forms),
        ("ask_gtdos", commands.ask_gtdos),
    ):
        for text in texts:
            model = re.split("[/=]", text)[0]
            if model not in MODELS.values():
                allowed = "a model of " + ", ".join(sorted(set(MODELS.values())))
                raise ConfigError(f"commands.{key}", text, allowed)
    passwords(settings)


def _check_modem(settings: Settings) -> None:
    """What the settings of the modem cannot tell one by one."""
    modem = settings.sim7600
    never = never_allowed(modem.at_commands)
    if never is not None:
        allowed = (
            "commands that ask for no more input, stay in command mode and leave the"
            " modem as it speaks"
        )
        raise ConfigError("sim7600.at_commands", never, allowed)
    if modem.nmea_port and not modem.port:
        raise ConfigError(
            "sim7600.nmea_port", modem.nmea_port, "with sim7600.port only"
        )
    if modem.port and modem.port == modem.nmea_port:
        raise ConfigError(
            "sim7600.nmea_port", modem.nmea_port, "another port than AT's"
        )
    if settings.gpsd.listen and not modem.port:
        raise ConfigError("gpsd.listen", settings.gpsd.listen, "with sim7600.port only")


def _check_mount(settings: Settings) -> None:
    """What the settings of the mount cannot tell one by one."""
    mount, modem, lx200 = settings.tts160, settings.sim7600, settings.lx200
    if mount.port and mount.port in {modem.port, modem.nmea_port}:
        raise ConfigError("tts160.port", mount.port, "another port than the modem's")
    if mount.min_altitude_deg >= mount.max_altitude_deg:
        raise ConfigError(
            "tts160.max_altitude_deg",
            mount.max_altitude_deg,
            "more than tts160.min_altitude_deg",
        )
    if mount.set_from_gnss and not (mount.port and modem.port):
        allowed = "false, or true with tts160.port and sim7600.port"
        raise ConfigError("tts160.set_from_gnss", True, allowed)
    if lx200.listen and not mount.port:
        raise ConfigError("lx200.listen", lx200.listen, "with tts160.port only")
    if len(lx200.profile) not in {1, len(lx200.listen)}:
        allowed = "one for all of lx200.listen, or one for each"
        raise ConfigError("lx200.profile", lx200.profile, allowed)
