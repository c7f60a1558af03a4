"""What goes out to the mount, and when: nothing close behind a command without an answer,
but for a stop, which waits for nothing."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gatewaykit.tts160.commands import Command, Reply

GAP_S = 0.01
"""After a command without an answer: what follows closer collides (facts/tts160.md 1.1)."""


class Outlet:
    """:param byte_s: how long a byte is on the line.
    :param write: the transport's. It sends in the order of writing, so a stop never comes
        into the middle of another command, however much of that has not been sent yet.
    :param free: called when the next command may be written again."""

    def __init__(
        self,
        clock: IReactorTime,
        byte_s: float,
        write: Callable[[bytes], object],
        free: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._byte_s = byte_s
        self._write = write
        self._free = free
        self._gap: IDelayedCall | None = None
        self._once_more: dict[bytes, Command] = {}
        self._stopping: set[bytes] = set()
        """Stops behind which nothing else went out yet, until their gap is over."""

    @property
    def is_free(self) -> bool:
        return self._gap is None

    @property
    def has_more(self) -> bool:
        """Whether there are stops to be repeated."""
        return bool(self._once_more)

    def send(self, command: Command) -> float:
        """Gives the seconds until its last byte is out."""
        self._stopping.clear()
        self._write(command.data)
        on_line_s = len(command.data) * self._byte_s
        if command.reply is Reply.NONE:
            self.wait(on_line_s + GAP_S)
        return on_line_s

    def wait(self, seconds: float) -> None:
        """Nothing goes out before they are over, stops excepted."""
        if self._gap is not None:
            self._gap.cancel()
        self._gap = self._clock.callLater(seconds, self._over)

    def stop(self, command: Command, *, is_free: bool) -> None:
        """Write a stop now, unless the same one is on its way: of a flood the mount would
        hear the last one long after, and nothing else.

        :param is_free: whether the mount is sure to be listening. If not, it may miss the
            stop, which is repeated later: that may be done as often as one likes
            (facts/tts160.md 1.6).
        """
        assert command.reply is Reply.NONE
        if not is_free:
            self._once_more[command.data] = command
        if command.data not in self._stopping:
            stopping = {*self._stopping, command.data}
            self.send(command)
            self._stopping = stopping

    def repeat(self) -> bool:
        """Write one of the stops that the mount may have missed; whether there was one."""
        if not self._once_more:
            return False
        self.send(self._once_more.pop(next(iter(self._once_more))))
        return True

    def repeat_in_vain(self) -> None:
        """Write them all, though the mount may miss them again."""
        for command in self._once_more.values():
            self.send(command)

    def close(self) -> None:
        self._once_more.clear()
        self._stopping.clear()
        if self._gap is not None:
            self._gap.cancel()
            self._gap = None

    def _over(self) -> None:
        self._gap = None
        self._stopping.clear()
        self._free()
