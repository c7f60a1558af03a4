"""The errors of the earlier Python API of the mount, made of gatewaykit's own.

The cause (``__cause__``) is the error of `gatewaykit.errors` with its fields.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from contextlib import contextmanager

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    GatewayError,
    MisuseError,
    MotionStopped,
    TTS160SerialError,
)


class ConnectionError(TTS160SerialError, builtins.ConnectionError):
    """No connection, or one over which nothing comes back. What was asked for may have
    happened, unless it says otherwise."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class ResponseError(TTS160SerialError):
    """The mount answered with an error of its own, or with what its protocol or the wanted
    type of answer does not allow; or a stop came in between."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


@contextmanager
def translated() -> Iterator[None]:
    """Have the earlier API's errors raised for gatewaykit's own, for both ways to the mount.

    `ValueError` for misuse. What keeps a caller from reaching the mount is a connection that
    is not there, also where it lacks the role.
    """
    try:
        yield
    except TTS160SerialError:
        raise
    except MisuseError as error:
        raise ValueError(str(error)) from error
    except (DeviceRefused, DeviceGarbled, MotionStopped) as error:
        raise ResponseError(str(error)) from error
    except GatewayError as error:
        raise ConnectionError(str(error)) from error
