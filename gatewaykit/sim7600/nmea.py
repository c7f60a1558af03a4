"""The satellites that the modem's NMEA port tells of (facts/sim7600.md 3.10, 6.5).

Only GSV, GSA and GGA are read for what they say: positions come by AT+CGNSSINFO.
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from gatewaykit.sim7600.nmea_sentences import Sentence, named, read, sentences
from gatewaykit.sim7600.satellites import SYSTEMS, Satellite, identify, system_of

__all__ = ["FRESH_S", "Sentence", "Sky", "sentences"]

FRESH_S = 5.0
"""What was not said again for so long is not shown any more."""
_ROUND_S = 0.5
"""Sentences of one talker that come further apart are of different epochs."""
_MAX_GROUP = 16
"""Sentences of four satellites each."""
_NUMBER = re.compile(r"[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE).fullmatch
_NUMBER = re.compile(r"(?:-?[0-9]{1,9}(?:\.[0-9]{0,9})?)?").fullmatch
_CLOCK = re.compile(
    r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?"
).fullmatch
_DOPS = ("PDOP", "HDOP", "VDOP")
_TIME_AT = {"GGA": 0, "RMC": 0, "GNS": 0, "GLL": 4}
"""Where the sentences that begin an epoch have its time."""


@attrs.define
class _View:
    """The satellites that one talker has in view by one signal."""

    satellites: list[Satellite]
    at: float


@attrs.define
class _Group:
    """A GSV group of which more is to come."""

    total: int
    next: int
    satellites: list[Satellite]
    at: float


@attrs.define
class _Use:
    """What one talker's GSA sentences of an epoch say."""

    mode: int
    used: set[tuple[str, int]]
    dops: dict[str, float | None]
    epoch: str
    at: float


class Sky:
    """What the sentences of the last seconds say of the satellites.

    Times are seconds of any clock that doesn't go back.
    """

    def __init__(self) -> None:
        self.refused = 0
        """Lines that were no sentence, or one that cannot be."""
        self.clear()

    def clear(self) -> None:
        """Forget what was said, as when the port is lost."""
        self._views: dict[tuple[str, str], _View] = {}
        self._groups: dict[str, _Group] = {}
        self._uses: dict[tuple[str, str], _Use] = {}
        self._epoch = ""
        self._geoid: tuple[float, float] | None = None
        self._epoch_at = 0.0

    def feed(self, line: bytes | str, now: float) -> Sentence | None:
        """Take a line; gives the sentence that it is, of whatever kind, and else None."""
        sentence = read(line)
        if sentence is not None and not self._take(sentence, now):
            sentence = None
        self.refused += sentence is None
        return sentence

    def _take(self, sentence: Sentence, now: float) -> bool:
        """Whether it can be what it says it is."""
        kind = sentence.kind
        at = _TIME_AT.get(kind)
        if at is not None and len(sentence.fields) > at:
            time = sentence.fields[at]
            if time and not _CLOCK(time):
                return False
            self._epoch, self._epoch_at = time, now
        if kind not in {"GSV", "GSA", "GGA"}:
            return True
        # In GSV and GSA all is numbers but the first field of the latter.
        if kind != "GGA" and not all(map(_NUMBER, sentence.fields[kind == "GSA" : -1])):
            return False
        values = named(sentence)
        if values is None:
            return False
        if kind == "GGA":
            self._take_geoid(values, now)
            return True
        system = system_of(sentence.talker)
        if system is None:
            return True  # of satellites that nobody asks for
        if kind == "GSA":
            self._take_use(sentence.talker, system, values, now)
            return True
        return self._take_view(sentence.talker, system, values, now)

    def _take_geoid(self, values: dict[str, Any], now: float) -> None:
        separation = _within(values.get("sep"), -500, 500)
        has_fix = bool(values.get("quality")) and separation is not None
        self._geoid = (separation, now) if has_fix else None

    def _take_use(
        self, talker: str, system: str, values: dict[str, Any], now: float
    ) -> None:
        told = str(values.get("systemId", ""))
        if told in SYSTEMS:
            system = SYSTEMS[told]
        mode = values.get("navMode")
        numbers = (values.get(f"svid_{at:02d}") for at in range(1, 13))
        used = {
            one
            for number in numbers
            if isinstance(number, int) and (one := identify(system, number))
        }
        mode = mode if mode in {2, 3} else 1
        if mode == 1:
            used.clear()
        key = (talker, told[:1])
        before = self._uses.get(key)
        if before and before.epoch == self._epoch and now - before.at <= _ROUND_S:
            # More than twelve satellites, or those of the next constellation.
            used |= before.used
            mode = max(mode, before.mode)
        dops = {name.lower(): _dop(values.get(name)) for name in _DOPS}
        self._uses[key] = _Use(mode, used, dops, self._epoch, now)

    def _take_view(
        self, talker: str, system: str, values: dict[str, Any], now: float
    ) -> bool:
        total, number = values.get("numMsg"), values.get("msgNum")
        if (
            not isinstance(total, int)
            or not isinstance(number, int)
            or not 1 <= number <= total <= _MAX_GROUP
        ):
            return False
        group = self._groups.pop(talker, None)
        if number == 1:
            group = _Group(total, 1, [], now)
        if (
            group is None
            or (group.total, group.next) != (total, number)
            or now - group.at > _ROUND_S
        ):
            return True  # one before it was lost: the list as a whole is not known
        group.satellites += _satellites(system, values)
        group.next += 1
        group.at = now
        if number < total:
            self._groups[talker] = group
        else:
            signal = str(values.get("signalID", ""))[:1]
            self._views[talker, signal] = _View(group.satellites, now)
        return True

    def snapshot(self, now: float) -> dict[str, Any]:
        """Keys of a location record: `mode`, `pdop`, `hdop`, `vdop`, `satellites`, `sky`,
        `geoid_separation_m`; and `utc_time`, that of the epoch as it was sent.

        A constellation is None while none of its GSV sentences came, and `sky` while none
        came at all.
        """
        views = {key: v for key, v in self._views.items() if now - v.at <= FRESH_S}
        uses = [use for use in self._uses.values() if now - use.at <= FRESH_S]
        used = set[tuple[str, int]]().union(*(use.used for use in uses))
        seen: dict[tuple[str, int], Satellite] = {}
        for view in views.values():
            for satellite in view.satellites:
                key = (satellite.gnss, satellite.svid)
                # One that is received by several signals is shown with the strongest.
                if key not in seen or _strength(satellite) > _strength(seen[key]):
                    seen[key] = satellite
        best = max(uses, key=lambda use: (use.mode, use.at), default=None)
        counts: dict[str, int | None] = dict.fromkeys(
            ("gps", "glonass", "beidou", "galileo")
        )
        told = {system_of(talker) for talker, _ in views} | {gnss for gnss, _ in seen}
        for name in counts:
            if name in told:
                counts[name] = sum(gnss == name for gnss, _ in seen)
        in_view = len(seen) if views else None
        dops = best.dops if best else dict.fromkeys(map(str.lower, _DOPS))
        return {
            "mode": best.mode if best and best.mode > 1 else None,
            **dops,
            "geoid_separation_m": self._fresh_geoid(now),
            "utc_time": self._fresh_epoch(now),
            "satellites": counts
            | {
                "total": in_view,
                "in_view": in_view,
                "used": len(used) if uses else None,
            },
            "sky": [seen[key].record(used=key in used) for key in sorted(seen)]
            if views
            else None,
        }

    def _fresh_geoid(self, now: float) -> float | None:
        if self._geoid is None or now - self._geoid[1] > FRESH_S:
            return None
        return self._geoid[0]

    def _fresh_epoch(self, now: float) -> str | None:
        return (self._epoch or None) if now - self._epoch_at <= FRESH_S else None


def _within(value: Any, least: float, most: float) -> Any:
    """A number, or None where there is none or it cannot be."""
    is_plausible = isinstance(value, (int, float)) and least <= value <= most
    return value if is_plausible else None


def _dop(value: object) -> float | None:
    """Receivers write 99.9 or 100 for "none"."""
    if isinstance(value, float) and 0 < value < 99:
        return value
    return None


def _strength(satellite: Satellite) -> float:
    return -1 if satellite.cn0_dbhz is None else satellite.cn0_dbhz


def _satellites(system: str, values: dict[str, Any]) -> list[Satellite]:
    found = []
    for at in range(1, 5):
        number = values.get(f"svid_{at:02d}")
        one = identify(system, number) if isinstance(number, int) else None
        if one is None:
            continue
        found.append(
            Satellite(
                *one,
                _within(values.get(f"elv_{at:02d}"), -90, 90),
                _within(values.get(f"az_{at:02d}"), 0, 360),
                _within(values.get(f"cno_{at:02d}"), 0, 99),
            )
        )
    return found
