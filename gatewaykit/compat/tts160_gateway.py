"""The way to the mount through a gateway that has it, with many others."""

from __future__ import annotations

import logging
import math
from typing import Any

from gatewaykit.compat.tts160_line import CLOSED, STOPPED_BY
from gatewaykit.compat.tts160_turns import Turns
from gatewaykit.compat.tts160_types import CommandType
from gatewaykit.errors import ConnectionFailed, DeviceUnavailable, GatewayError
from gatewaykit.interfaces import Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.blocking import BlockingClient
from gatewaykit.tts160.commands import Command, Effect
from gatewaykit.tts160.formats import CASE_FORMATS, value_types
from gatewaykit.tts160.protocol import DEVICE

PREFIXES = ("unix:", "tcp:", "tls:")


class Gateway:
    """Raises the errors of `gatewaykit.errors`.

    The gateway frames, checks and repeats; the order of this program's threads, and that a
    stop overtakes them, is settled here. Axes that are moved have a lease (`MountMoveAxis`).
    """

    def __init__(self, endpoint: str, log: logging.Logger) -> None:
        self.place = endpoint
        self._log = log
        self._turns = Turns()
        self._client = BlockingClient(endpoint)
        self._stops = BlockingClient(endpoint)
        """What stops has a connection of its own, as the other may be waiting."""
        self._is_lost = False
        mount = self._call(self._client, verbs.MountStatus)["mount"]
        if mount["state"] == "absent":
            raise DeviceUnavailable(DEVICE, mount["reason"])

    @property
    def is_open(self) -> bool:
        """Whether the gateway answered when it was last asked; it is connected to anew
        whenever it is asked."""
        return not (self._is_lost or self._turns.is_ended)

    def check(self, baudrate: int) -> None:
        """The gateway's settings have the speed."""

    def ask(self, command: Command, wanted: CommandType) -> Record:
        """The record of the verb `MountCommand`."""
        arguments = {
            "text": command.data.decode("latin-1"),
            "type": wanted.name.lower(),
        }
        if command.effect is Effect.STOP:
            self._turns.stop(command, STOPPED_BY)
            answer = self._call(self._stops, verbs.MountCommand, **arguments)
        else:
            answer = self._in_turn(command, verbs.MountCommand, **arguments)
        record: Record = answer["answer"]
        if "values" in record:
            values = _restored(record["format"], record["values"])
            record = record | {"values": values}
        return record

    def case(self, number: int) -> Record:
        answer = self._in_turn(None, verbs.MountCase, number=number)
        values = _restored(CASE_FORMATS[number].format_string, answer["values"])
        return {"kind": "case", "case": number, "values": values}

    def clear(self) -> None:
        self._in_turn(None, verbs.ClearBuffers)

    def close(self) -> None:
        """What waits for an answer ends."""
        self._turns.end(ConnectionFailed(self.place, CLOSED))
        self._client.end()
        self._stops.end()

    def _in_turn(
        self, command: Command | None, verb: type[verbs.Verb], **arguments: Any
    ) -> dict[str, Any]:
        with self._turns.of(command, self) as turn:
            with self._turns.take(turn):
                try:
                    answer = self._call(self._client, verb, **arguments)
                except GatewayError:
                    turn.check()
                    raise
            turn.check()
        return answer

    def _call(
        self, client: BlockingClient, verb: type[verbs.Verb], **arguments: Any
    ) -> dict[str, Any]:
        self._log.debug("asking %s: %s", self.place, arguments or verb.name())
        try:
            answer = client.call(verb, **arguments)
        except ConnectionFailed:
            self._is_lost = True
            raise
        self._is_lost = False
        self._log.debug("answered: %s", answer)
        return answer


def _restored(format_string: str, values: list[Any]) -> list[Any]:
    """Values as they were before they were JSON: quaternions are tuples, and a float that
    is no number is one."""
    types = value_types(format_string)
    return [_value(type, value) for type, value in zip(types, values, strict=True)]


def _value(type: str, value: Any) -> Any:
    match type:
        case "f":
            return math.nan if value is None else value
        case "m":
            return [_value("f", part) for part in value]
        case "q":
            return tuple(_value("f", part) for part in value)
    return value
