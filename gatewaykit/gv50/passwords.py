"""The devices' passwords, kept in a file of their own and shown nowhere."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.logger import Logger

from gatewaykit.errors import CommandRefused, ConfigError
from gatewaykit.gv50.commands import factory_password

_LINE = re.compile(r"([A-Za-z0-9_.+-]{1,64})\s*=\s*([0-9A-Za-z]{4,20})").fullmatch
ALLOWED = "lines of NAME = PASSWORD, a password having 4 to 20 letters and digits"

log = Logger()


class Passwords:
    """Looks passwords up, and reads the file anew when it has changed.

    :param path: the file; None where every device has the factory's.
    :raises ConfigError: the file cannot be read, or has a line that is none of these; the
        error never shows the line.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found: dict[str, str] = {}
        self._state = None if path is None else _state(path)
        if path is not None:
            self._found = _read(path)

    def __repr__(self) -> str:
        return f"<Passwords from {self._path}>"

    def of(self, imei: str, kind: str, ref: str | None, model: str | None) -> str:
        """A device's password.

        :raises CommandRefused: there is none by that reference, or the model is unknown.
        """
        self._refresh()
        if ref is not None:
            if ref not in self._found:
                reason = f"there is no password {ref!r} in commands.passwords_file"
                raise CommandRefused(imei, kind, reason)
            return self._found[ref]
        found = self._found.get(model or "") or factory_password(model)
        if found is None:
            reason = "its model is unknown, and so is its password; register the model"
            raise CommandRefused(imei, kind, reason)
        return found

    def known(self) -> frozenset[str]:
        """All that are in the file."""
        self._refresh()
        return frozenset(self._found.values())

    def _refresh(self) -> None:
        if self._path is None:
            return
        state = _state(self._path)
        if state == self._state:
            return
        self._state = state
        try:
            self._found = _read(self._path)
        except ConfigError as error:
            log.error("the passwords are as they were: {reason}", reason=error)


def _state(path: Path) -> tuple[int, ...] | None:
    """Changes with the file; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _read(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, ValueError):
        # An error of decoding has all of the file in it.
        raise ConfigError("commands.passwords_file", str(path), ALLOWED) from None
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE(text)
        if match is None:
            raise ConfigError("commands.passwords_file", f"{path}:{number}", ALLOWED)
        found[match[1]] = match[2]
    return found
