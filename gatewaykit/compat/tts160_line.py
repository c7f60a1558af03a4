"""The mount's line for threads: one exchange at a time, the gateway's framing and tables.

As in `gatewaykit.tts160.protocol`: a stop waits for nobody, and after a lost answer nothing
else is asked until a new question has got its own (facts/tts160.md 1.3).
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import attrs

from gatewaykit.compat.tts160_port import BlockingPort
from gatewaykit.compat.tts160_turns import Turn, Turns
from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
)
from gatewaykit.tts160 import lx200, resync
from gatewaykit.tts160.answers import (
    Answer,
    Failed,
    Garbled,
    Nothing,
    Stray,
    Text,
    fits,
)
from gatewaykit.tts160.commands import Command, Effect, Reply, Retry
from gatewaykit.tts160.formats import MOST_BYTES
from gatewaykit.tts160.framing import Framing
from gatewaykit.tts160.outlet import GAP_S
from gatewaykit.tts160.protocol import DEVICE, GONE, LISTEN_S, MUTE

STOPPED_BY = "a stop of this program"
CLOSED = "it was closed meanwhile"
_HALT = lx200.command(":Q#")
_TRIES = 2
"""Of resynchronising for what is sent once."""
_SHOWN = 200
"""Bytes of what came unasked, in a log."""


@attrs.frozen
class Limits:
    """Times in seconds (facts/tts160.md 1.5)."""

    first_byte_s: float = 0.5
    share: float = 1.0
    """Of the time that the first byte may take, of slow commands too."""
    silence_s: float = resync.SILENCE_S
    after_s: float = resync.AFTER_S
    pauses_s: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.8)
    """Before each attempt after the first, beside the silence."""


LIMITS = Limits()


class Mute(DeviceUnavailable):
    """The line could not be brought into step."""

    def __init__(self) -> None:
        super().__init__(DEVICE, MUTE)


class Line:
    """An open port that any number of managers share.

    Its methods raise the errors of `gatewaykit.errors`, about the mount and the port.

    :param path: as errors call it.
    """

    def __init__(self, path: str, baudrate: int) -> None:
        self.path = path
        self.baudrate = baudrate
        self._byte_s = 10 / baudrate
        self._port = BlockingPort(path, baudrate)
        self._turns = Turns()
        self._framing = Framing()
        self._output = threading.Lock()
        """Held while writing: no command goes out inside another."""
        self._is_used = False
        """Whether somebody has the line; changed while `_output` is held."""
        self._heard_at = 0.0
        self._free_at = 0.0
        """When the next command may be written, by `time.monotonic`."""
        self._once_more: dict[bytes, Command] = {}
        """Stops that were written while the line was in use: the mount may have missed
        them, so they are repeated as soon as it is free."""
        self._is_suspect = False
        """Something came that nobody asked for."""
        self._unanswered: Command | None = None
        """Its answer may still come."""

    @property
    def is_open(self) -> bool:
        if self._turns.is_ended:
            return False
        if not self._output.acquire(blocking=False):
            return True  # somebody writes to it
        try:
            return self._port.is_there
        finally:
            self._output.release()

    def ask(self, command: Command, owner: object, log: logging.Logger) -> Answer:
        """The answer to a command, which is no `Failed` and no `Garbled`.

        What moves the mount is sent once, and not at all if the line cannot be brought into
        step before. Safe reads are sent again.

        :param owner: see `leave`.
        """
        if command.effect is Effect.STOP and self._stop(command, log):
            return Nothing()
        with self._turns.of(command, owner) as turn:
            for pause_s in LIMITS.pauses_s if command.retry is Retry.SAFE else ():
                try:
                    return self._attempt(turn, command, log)
                except (DeviceTimeout, DeviceGarbled, Mute) as error:
                    log.debug("%s; it is asked again", error)
                self._turns.pause(turn, pause_s)
            return self._attempt(turn, command, log)

    def clear(self, owner: object, log: logging.Logger) -> None:
        """Drop what came in, wait for what still comes, and make sure that commands get
        their own answers."""
        with self._turns.of(None, owner) as turn, self._use(turn):
            self._resynchronise(turn, log, _TRIES)

    def leave(self, owner: object) -> None:
        """End what `owner` waits for; the others go on."""
        self._turns.leave(owner, DeviceUnavailable(self.path, CLOSED))
        self._port.wake()

    def close(self) -> None:
        """End what anybody waits for, and let others have the port."""
        self._turns.end(DeviceUnavailable(self.path, CLOSED))
        self._port.wake()
        self._turns.wait_until_free()
        with self._output:
            self._port.close()

    def forget(self) -> None:
        """After a fork, in the child."""
        self._port.forget()

    # A turn

    @contextmanager
    def _use(self, turn: Turn) -> Iterator[None]:
        with self._turns.take(turn):
            with self._output:
                self._is_used = True
            try:
                yield
            finally:
                with self._output:
                    # What comes of the stops was told to those who asked for them.
                    with suppress(DeviceUnavailable):
                        self._repeat_stops()
                    self._is_used = False
                    if self._turns.is_ended:
                        self._port.close()

    def _attempt(self, turn: Turn, command: Command, log: logging.Logger) -> Answer:
        with self._use(turn):
            try:
                self._bring_into_step(turn, command, log)
                answer = self._exchange(turn, command, log)
            except (DeviceTimeout, DeviceGarbled):
                turn.check_stopped()
                raise
        turn.check_stopped()
        if isinstance(answer, Failed):
            raise DeviceRefused(DEVICE, command.text, answer.message)
        return answer

    def _bring_into_step(
        self, turn: Turn, command: Command, log: logging.Logger
    ) -> None:
        must_not_slip = (
            command.effect is Effect.MOVE and command.reply is not Reply.NONE
        )
        # The first byte of an answer too many would be there by then.
        silent_at = self._heard_at + LISTEN_S if must_not_slip else 0.0
        if data := self._listen(turn, silent_at):
            self._unasked(data, log)
        if self._is_suspect or self._unanswered is not None:
            tries = 1 if command.retry is Retry.SAFE else _TRIES
            self._resynchronise(turn, log, tries)

    def _exchange(self, turn: Turn, command: Command, log: logging.Logger) -> Answer:
        """Send a command, once, and wait for its answer."""
        first_s = command.first_byte_s or LIMITS.first_byte_s
        first_s *= LIMITS.share
        sent_at = self._send(turn, command)
        log.debug("sent %s", command.text)
        self._framing.give_up()
        answer: Answer | None = self._framing.begin(command)
        if answer is None:
            answer = self._wait(turn, sent_at + first_s, log)
        if answer is None:
            raise DeviceTimeout(DEVICE, command.text, first_s)
        log.debug("%s is answered with %s", command.text, answer)
        if isinstance(answer, Garbled):
            raise DeviceGarbled(DEVICE, command.text, answer.reason)
        if not fits(answer, command):
            reason = f"a {type(answer).__name__.lower()}"
            raise DeviceGarbled(DEVICE, command.text, reason)
        self._unanswered = None
        return answer

    def _wait(self, turn: Turn, deadline: float, log: logging.Logger) -> Answer | None:
        """The answer; None if nothing has come until then."""
        end = deadline + 2 * MOST_BYTES * self._byte_s
        while True:
            left_s = deadline - time.monotonic()
            data = self._receive(left_s)
            turn.check_over()
            if data:
                answer = self._take(self._framing.receive(data), log)
                if answer is not None:
                    return answer
                patience_s = self._framing.patience_s
                if patience_s is not None:
                    deadline = min(time.monotonic() + patience_s, end)
            elif left_s <= 0:
                return self._framing.silence()

    def _take(self, events: list[Answer | Stray], log: logging.Logger) -> Answer | None:
        answer: Answer | None = None
        for event in events:
            if not isinstance(event, Stray):
                answer = event
                continue
            self._unasked(event.raw, log)
            if answer is not None:
                # It may be another's, and these are its own.
                answer = Garbled("bytes too many behind it", event.raw)
        return answer

    def _unasked(self, data: bytes, log: logging.Logger) -> None:
        log.warning("%s sent what nobody asked for: %r", DEVICE, data[:_SHOWN])
        self._is_suspect = True

    # Resynchronisation

    def _resynchronise(self, turn: Turn, log: logging.Logger, tries: int) -> None:
        """Silence, a question, its own answer, silence; see `gatewaykit.tts160.resync`."""
        self._is_suspect = True
        lost = None if self._unanswered is None else self._unanswered.data
        probes = [each for each in resync.PROBES if each.command.data != lost]
        for number in range(tries):
            self._drain(turn, LIMITS.silence_s * (number + 1), log)
            probe = probes[number % len(probes)]
            try:
                answer = self._exchange(turn, probe.command, log)
            except (DeviceTimeout, DeviceGarbled) as error:
                log.debug("not in step: %s", error)
                continue
            is_its = isinstance(answer, Text) and probe.shape.fullmatch(answer.text)
            if is_its and not self._listen(turn, time.monotonic() + LIMITS.after_s):
                self._is_suspect = False
                log.debug("%s is in step", DEVICE)
                return
        raise Mute

    def _drain(self, turn: Turn, silence_s: float, log: logging.Logger) -> None:
        """Discard what comes until nothing has for a while, though not for ever."""
        end = time.monotonic() + resync.MOST_SILENCE_S
        while data := self._listen(turn, min(time.monotonic() + silence_s, end)):
            log.debug("dropped %r", data[:_SHOWN])
            if time.monotonic() >= end:
                return

    def _listen(self, turn: Turn, until: float) -> bytes:
        """What comes by then, while nothing has been asked."""
        while True:
            turn.check()
            with self._output:
                self._repeat_stops()
            left_s = until - time.monotonic()
            data = self._receive(left_s)
            if data or left_s <= 0:
                return data

    # Bytes

    def _send(self, turn: Turn, command: Command) -> float:
        """Raises what is in the way of it; gives when the last byte will be out."""
        with self._output:
            self._wait_for_gap()
            turn.check()
            if command.reply is not Reply.NONE:
                # Before it is written: whatever happens, its answer may come.
                self._unanswered = command
            return self._put(command)

    def _stop(self, command: Command, log: logging.Logger) -> bool:
        """Stop now, whoever has the line: the motion of all managers fails.

        :return: whether that was all. A stop that has an answer has its turn before others;
            until then ``:Q#``, which has none, is in its place.
        """
        now = command if command.reply is Reply.NONE else _HALT
        with self._output:
            if self._turns.is_ended:
                return False
            self._turns.stop(command, STOPPED_BY)
            if self._is_used or now is command:
                is_close = time.monotonic() < self._free_at
                self._put(now)
                log.debug("sent %s, at once", now.text)
                if self._is_used or is_close:
                    self._once_more[now.data] = now
                if not self._is_used:
                    self._repeat_stops()
        self._port.wake()
        return now is command

    def _repeat_stops(self) -> None:
        while self._once_more:
            self._wait_for_gap()
            self._put(self._once_more.pop(next(iter(self._once_more))))

    def _put(self, command: Command) -> float:
        """Gives when the last byte will be out."""
        try:
            self._port.send(command.data)
        except OSError as error:
            gone = self._failed(error)
            if not self._is_used:
                self._port.close()
            raise gone from error
        sent_at = time.monotonic() + len(command.data) * self._byte_s
        if command.reply is Reply.NONE:
            self._free_at = sent_at + GAP_S
        return sent_at

    def _wait_for_gap(self) -> None:
        """What follows a command without an answer too closely collides with it."""
        left_s = self._free_at - time.monotonic()
        if left_s > 0:
            time.sleep(left_s)

    def _receive(self, seconds: float) -> bytes:
        try:
            data = self._port.receive(seconds)
        except OSError as error:
            raise self._failed(error) from error
        if data:
            self._heard_at = time.monotonic()
        return data

    def _failed(self, error: OSError) -> DeviceUnavailable:
        """The end of the line, for all who use it."""
        reason = str(error.strerror) if error.errno == errno.ETIMEDOUT else GONE
        gone = DeviceUnavailable(self.path, reason)
        self._turns.end(gone)
        self._port.wake()
        return gone
