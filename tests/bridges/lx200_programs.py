"""How the programs read, byte by byte, as facts/tts160.md 6.1 to 6.3 tell it.

Each keeps what it has received and not read yet. A program that is out of step reads the answer
to one question as that to another, which `OutOfStep` tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gatewaykit.bridges.lx200 import Lx200Factory
from tests.bridges.lx200_support import HOST, Peer

STEP_S = 0.1

Wait = Callable[[float], None]
"""Lets time pass."""


class OutOfStep(AssertionError):
    pass


class Program:
    """Reads from a connection with time limits.

    :param wait: lets time pass, by which the mount answers.
    """

    def __init__(self, factory: Lx200Factory, profile: str, wait: Wait) -> None:
        self._factory = factory
        self._profile = profile
        self._wait = wait
        self._peer = self._connect()
        self._unread = ""

    def _connect(self) -> Peer:
        return Peer(self._factory, self._profile, HOST)

    def _send(self, text: str) -> None:
        self._receive()
        if self._unread:
            raise OutOfStep(f"{self._unread!r} unread before {text!r}")
        self._peer.send(text)

    def _receive(self) -> None:
        self._unread += self._peer.got()

    def _byte(self, seconds: float) -> str | None:
        """The next byte, None if it does not come in time."""
        self._receive()
        while not self._unread and seconds > 0:
            self._wait(STEP_S)
            seconds -= STEP_S
            self._receive()
        if not self._unread:
            return None
        byte, self._unread = self._unread[0], self._unread[1:]
        return byte

    def _section(self, seconds: float, most: int = 64) -> str | None:
        """All up to a ``#``, None if that does not come in time."""
        found = ""
        while (byte := self._byte(seconds)) is not None:
            found += byte
            if byte == "#":
                return found
            if len(found) >= most:
                raise OutOfStep(f"more than its buffer: {found!r}")
        return None

    def settle(self) -> None:
        """Whatever is late has come by now."""
        self._wait(30.0)
        self._receive()
        if self._unread:
            raise OutOfStep(f"{self._unread!r} came unasked")
        if not self._peer.is_gone:
            self._peer.leave()


def hours_of(text: str) -> float:
    found = re.fullmatch(r"([0-9]{2}):([0-9]{2}):([0-9]{2})#", text)
    if found is None:
        raise OutOfStep(f"{text!r} is no right ascension")
    hours, minutes, seconds = map(int, found.groups())
    return hours + minutes / 60 + seconds / 3600


def degrees_of(text: str) -> float:
    found = re.fullmatch(r"([+-])([0-9]{2})[*:\xdf]([0-9]{2}):([0-9]{2})#", text)
    if found is None:
        raise OutOfStep(f"{text!r} is no declination")
    degrees, minutes, seconds = map(int, found.groups()[1:])
    value = degrees + minutes / 60 + seconds / 3600
    return -value if found[1] == "-" else value


def as_text(hours: int, degrees: int) -> tuple[str, str]:
    return f"{hours:02}:30:00", f"{degrees:+03}*15:00"


class Indi(Program):
    """INDI's LX200 drivers: 5 s for each byte, one byte behind ``:MS#``, no way to drop what
    came too much."""

    limit_s = 5.0

    def alignment(self) -> bool:
        for _ in range(2):
            self._send("\x06")
            if self._byte(self.limit_s) is not None:
                return True
        return False

    def position(self) -> tuple[float, float] | None:
        self._send(":GR#")
        hours = self._section(self.limit_s)
        if hours in {None, "#"}:
            return None
        self._send(":GD#")
        degrees = self._section(self.limit_s)
        if degrees in {None, "#"}:
            return None
        assert hours is not None
        assert degrees is not None
        return hours_of(hours), degrees_of(degrees)

    def text(self, command: str) -> str | None:
        self._send(command)
        return self._section(self.limit_s)

    def is_slew_complete(self) -> bool | None:
        found = self.text(":D#")
        if found not in {None, "#", "\x7f#"}:
            raise OutOfStep(f"{found!r} is no state of a slew")
        return None if found is None else found.strip(" ") == "#"

    def setting(self, command: str) -> bool:
        self._send(command)
        byte = self._byte(self.limit_s)
        if byte not in {None, "0", "1"}:
            raise OutOfStep(f"{byte!r} is no answer to {command}")
        return byte == "1"

    def target(self, hours: int, degrees: int) -> bool:
        right_ascension, declination = as_text(hours, degrees)
        return self.setting(f":Sr{right_ascension}#") and self.setting(
            f":Sd{declination}#"
        )

    def goto(self, hours: int, degrees: int) -> bool:
        if not self.target(hours, degrees):
            return False
        self._send(":MS#")
        byte = self._byte(self.limit_s)
        if byte is not None and byte not in "013":
            raise OutOfStep(f"{byte!r} is no answer to :MS#")
        return byte == "0"

    def sync(self, hours: int, degrees: int) -> bool:
        return self.target(hours, degrees) and self.text(":CM#") is not None

    def date(self) -> bool:
        """Two sections, whatever the first one was."""
        self._send(":SC08/06/26#")
        first = self._section(self.limit_s)
        second = self._section(self.limit_s)
        return second is not None and first is not None and first[0] != "0"

    def blind(self, command: str) -> None:
        self._send(command)


class Stellarium(Program):
    """Stellarium: strict about forms; after what it does not understand it waits for 10 s and
    begins anew with what it has not read by then."""

    limit_s = 5.0
    goto_limit_s = 3.0
    pause_s = 10.0

    def position(self) -> tuple[float, float] | None:
        self._send("#:GR#")
        hours = self._section(self.limit_s)
        if hours is None:
            self._reset()
            return None
        self._send("#:GD#")
        degrees = self._section(self.limit_s)
        if degrees is None:
            self._reset()
            return None
        return hours_of(hours), degrees_of(degrees)

    def _reset(self) -> None:
        self._wait(self.pause_s)

    def target(self, hours: int, degrees: int) -> bool:
        right_ascension, declination = as_text(hours, degrees)
        for command in (
            f":Sr {right_ascension}#",
            f":Sd {declination}#".replace("*", "\xdf"),
        ):
            self._send(command)
            byte = self._byte(self.limit_s)
            if byte not in {None, "0", "1"}:
                raise OutOfStep(f"{byte!r} is no answer to {command}")
            if byte != "1":
                self._reset()
                return False
        return True

    def goto(self, hours: int, degrees: int) -> bool:
        self._send("#:Q#")
        if not self.target(hours, degrees):
            return False
        self._send(":MS#")
        return self._digit_and_text(self.goto_limit_s)

    def sync(self, hours: int, degrees: int) -> bool:
        """Anything that begins with a digit that it knows is fine."""
        if not self.target(hours, degrees):
            return False
        self._send(":CM#")
        return not self._digit_and_text(self.limit_s)

    def _digit_and_text(self, seconds: float) -> bool:
        byte = self._byte(seconds)
        if byte == "0":
            return True
        if byte not in {"1", "2"} or self._section(seconds) is None:
            self._reset()
        return False


class SkySafari(Program):
    """SkySafari: a connection for each command, and what it does not read is gone with it."""

    limit_s = 5.0

    def __init__(self, factory: Lx200Factory, profile: str, wait: Wait) -> None:
        super().__init__(factory, profile, wait)
        self._peer.leave()

    def _once(self, command: str, *, to_hash: bool = True) -> str | None:
        self._peer = self._connect()
        self._unread = ""
        self._send(command)
        byte = self._byte(self.limit_s)
        if not to_hash or byte in {None, "#"}:
            found = byte
        else:
            rest = self._section(self.limit_s)
            found = byte if rest is None else f"{byte}{rest}"
        self._peer.leave()
        return found

    def position(self) -> tuple[float, float] | None:
        hours, degrees = self._once(":GR#"), self._once(":RS#:GD#")
        if hours is None or degrees is None:
            return None
        return hours_of(hours), degrees_of(degrees)

    def target(self, hours: int, degrees: int) -> bool:
        right_ascension, declination = as_text(hours, degrees)
        for command in (f":Sr{right_ascension}#", f":Sd{declination}#"):
            if self._once(command, to_hash=False) != "1":
                return False
        return True

    def goto(self, hours: int, degrees: int) -> bool:
        return self.target(hours, degrees) and self._goto()

    def _goto(self) -> bool:
        self._peer = self._connect()
        self._unread = ""
        self._send(":MS#")
        byte = self._byte(self.limit_s)
        if byte not in {None, "0"}:
            self._section(self.limit_s)
        self._peer.leave()
        return byte == "0"

    def sync(self, hours: int, degrees: int) -> bool:
        return self.target(hours, degrees) and self._once(":CM#") is not None

    def is_moving(self) -> bool | None:
        found = self._once(":D#")
        return None if found is None else found == "\x7f#"

    def press(self, command: str) -> None:
        self._peer = self._connect()
        self._unread = ""
        self._send(command)
        self._peer.leave()
