"""Waiting for a mount that is under way, and keeping an axis moving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import deferLater

from gatewaykit.errors import DeviceUnavailable, GatewayError
from gatewaykit.interfaces import Record
from gatewaykit.rpc.client import GatewayClient
from gatewaykit.tts160.sky import separation_deg

POLL_S = 1.0
WAIT_S = 300.0
"""Half a turn takes a minute (facts/tts160.md 7.2)."""
NEAR_DEG = 0.1
"""The mount shows minutes of arc, and with the tracking on the horizon moves."""
SURE = 2
"""Reads that say that it is not under way: one may be of the moment before it starts."""
RENEWALS = 3
"""In the time of one lease, so that a late one does no harm."""

Place = Callable[[Record], bool | None]
"""Whether the mount is where it was sent; None if that cannot be told."""


class NotArrived(GatewayError):
    """The mount is not, or not yet, where it was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


def is_near(right_ascension_h: float, declination_deg: float) -> Place:
    def is_there(record: Record) -> bool | None:
        hours, degrees = record["right_ascension_h"], record["declination_deg"]
        if hours is None or degrees is None:
            return None
        apart = separation_deg(hours, degrees, right_ascension_h, declination_deg)
        return apart <= NEAR_DEG

    return is_there


def is_near_horizontal(altitude_deg: float, azimuth_deg: float) -> Place:
    def is_there(record: Record) -> bool | None:
        altitude, azimuth = record["altitude_deg"], record["azimuth_deg"]
        if altitude is None or azimuth is None:
            return None
        # Azimuths are to altitudes what hours are to declinations.
        apart = separation_deg(azimuth / 15, altitude, azimuth_deg / 15, altitude_deg)
        return apart <= NEAR_DEG

    return is_there


def is_parked(record: Record) -> bool | None:
    parked: bool | None = record["parked"]
    return parked


async def arrival(client: GatewayClient, clock: Any, is_there: Place) -> Record:
    """Wait until the mount is there; its status then. It has been sent just now.

    Raises `NotArrived` if it stopped elsewhere or takes too long, and `DeviceUnavailable`
    if it went away.
    """
    begun = clock.seconds()
    at_rest = 0
    while clock.seconds() - begun < WAIT_S:
        await deferLater(clock, POLL_S)
        record = await client.mount_status()
        if not record["available"]:
            raise DeviceUnavailable("the mount", record["reason"])
        age_s = record["age_s"]
        if age_s is None or age_s >= clock.seconds() - begun:
            continue  # what it was before it was sent
        there = is_there(record)
        if there and not record["slewing"]:
            return record
        at_rest = at_rest + 1 if record["slewing"] is False else 0
        if at_rest == SURE:
            if there is None:
                return record  # it does not tell more
            raise NotArrived("the mount has stopped elsewhere")
    raise NotArrived(f"the mount is not there after {WAIT_S:g} s")


async def hold(
    client: GatewayClient,
    clock: Any,
    direction: str,
    rate_deg_s: float,
    seconds: float,
) -> None:
    """Move an axis for so long, and stop it whatever ends that.

    What the gateway or the mount refuses, and what is lost, needs no stop: the axis does not
    move for this client any more, or stops when it goes.
    """
    end = clock.seconds() + seconds
    try:
        lease_s = await client.mount_move_axis(direction, rate_deg_s)
        while (left_s := end - clock.seconds()) > 0:
            await deferLater(clock, min(left_s, lease_s / RENEWALS))
            if clock.seconds() < end:
                lease_s = await client.mount_renew_axis(direction)
    except GatewayError:
        raise
    except BaseException:
        await client.mount_move_axis(direction, 0)
        raise
    await client.mount_move_axis(direction, 0)
