"""Where a simulated mount takes itself to be, and what its clock shows. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gatewaykit.simulators import mount_sky as sky

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Place:
    """Site and clock; at the beginning both are right.

    The clock is a local one, as on the hand pad: a new offset changes what it holds for
    UTC, and the sky with it.
    """

    def __init__(
        self, latitude_deg: float, longitude_deg: float, zone_h: float, name: str
    ) -> None:
        self.latitude_deg, self.longitude_deg = latitude_deg, longitude_deg
        """Of the longitude, east is positive."""
        self.zone_h = zone_h
        """What local time is ahead of UTC."""
        self.name = name
        self.ahead_s = 3600 * zone_h
        """What its local clock is ahead of the true UTC."""

    def local(self, now: float, ahead_s: float | None = None) -> datetime:
        """What the clock shows, or would if it were `ahead_s` ahead."""
        ahead_s = self.ahead_s if ahead_s is None else ahead_s
        return _EPOCH + timedelta(seconds=now + ahead_s)

    def utc_s(self, now: float) -> float:
        return now + self.ahead_s - 3600 * self.zone_h

    def gst_h(self, now: float) -> float:
        return sky.gst_h(self.utc_s(now))

    def lst_h(self, now: float) -> float:
        return (self.gst_h(now) + self.longitude_deg / 15) % 24

    def set_time(self, now: float, second_of_day: int) -> None:
        local = self.local(now)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        self.ahead_s += second_of_day - (local - midnight).total_seconds()

    def set_date(self, now: float, year: int, month: int, day: int) -> bool:
        """False: there is no such day, or not in this century, as years have two digits."""
        if not 2000 <= year < 2100:
            return False
        local = self.local(now)
        try:
            wanted = local.replace(year=year, month=month, day=day)
        except ValueError:
            return False
        self.ahead_s += (wanted - local).total_seconds()
        return True
