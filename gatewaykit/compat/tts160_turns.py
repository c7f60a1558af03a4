"""Who may use the mount next: threads in the order of their coming, and what ends a wait."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

import attrs

from gatewaykit.errors import GatewayError, MotionStopped
from gatewaykit.tts160.commands import Command, Effect

_AXIS_STOP = re.compile(rb":Q(?:([ns])|[ew])#")
_AXIS_MOVE = re.compile(rb":\*?Mg?(?:([ns])|[ew]).*")


@attrs.define(eq=False)
class Turn:
    """What somebody wants of the mount, for as long as that takes."""

    command: Command | None
    """None for one that only wants it to be in step."""
    owner: object
    over: GatewayError | None = None
    """Why it must be left at once, whatever is under way."""
    stopped: MotionStopped | None = None
    """Nothing more may be sent; what has been sent is answered all the same."""

    @property
    def is_stop(self) -> bool:
        return self.command is not None and self.command.effect is Effect.STOP

    def check(self) -> None:
        """Raise what is in the way of sending something."""
        self.check_over()
        self.check_stopped()

    def check_over(self) -> None:
        # A copy: several threads raise it.
        if self.over is not None:
            raise copy(self.over)

    def check_stopped(self) -> None:
        if self.stopped is not None:
            raise copy(self.stopped)


class Turns:
    """One thread has the mount at a time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._turns: list[Turn] = []
        self._waiting: deque[Turn] = deque()
        self._current: Turn | None = None
        self._ended: GatewayError | None = None

    @property
    def is_ended(self) -> bool:
        return self._ended is not None

    @contextmanager
    def of(self, command: Command | None, owner: object) -> Iterator[Turn]:
        """Somebody wants something; raises what is in the way by now."""
        turn = Turn(command, owner)
        with self._changed:
            if self._ended is not None:
                raise copy(self._ended)
            self._turns.append(turn)
        try:
            yield turn
        finally:
            with self._changed:
                self._turns.remove(turn)

    @contextmanager
    def take(self, turn: Turn) -> Iterator[None]:
        """Have the mount when those before have had it; raises what is in the way."""
        with self._changed:
            if turn.is_stop:
                self._waiting.appendleft(turn)
            else:
                self._waiting.append(turn)
            try:
                self._changed.wait_for(lambda: self._may_go_on(turn))
                turn.check()
                self._current = turn
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._current = None
                self._changed.notify_all()

    def _may_go_on(self, turn: Turn) -> bool:
        if turn.over is not None or turn.stopped is not None:
            return True
        return self._current is None and self._waiting[0] is turn

    def pause(self, turn: Turn, seconds: float) -> None:
        """Let others have the mount for a while."""
        with self._changed:
            self._changed.wait_for(lambda: turn.over is not None, seconds)

    def stop(self, stop: Command, by: str) -> None:
        """Whatever a stop is for, and waits or is under way, fails."""
        with self._changed:
            for turn in self._turns:
                command = turn.command
                if command is not None and _is_ended(command, stop):
                    turn.stopped = MotionStopped(command.text, by)
            self._changed.notify_all()

    def leave(self, owner: object, error: GatewayError) -> None:
        """Whatever `owner` wants fails."""
        with self._changed:
            for turn in self._turns:
                if turn.owner is owner:
                    turn.over = error
            self._changed.notify_all()

    def end(self, error: GatewayError) -> None:
        """Whatever anybody wants fails, from now on."""
        with self._changed:
            if self._ended is None:
                self._ended = error
                for turn in self._turns:
                    turn.over = error
            self._changed.notify_all()

    def wait_until_free(self) -> None:
        """Until the one that has the mount has left it; it must have been told to."""
        with self._changed:
            self._changed.wait_for(lambda: self._current is None)


def _is_ended(command: Command, stop: Command) -> bool:
    """Whether a stop is for a command: for all that moves, or for one axis."""
    if command.effect is not Effect.MOVE:
        return False
    stopped = _AXIS_STOP.fullmatch(stop.data)
    if stopped is None:
        return True
    moved = _AXIS_MOVE.fullmatch(command.data)
    return moved is not None and bool(moved[1]) == bool(stopped[1])
