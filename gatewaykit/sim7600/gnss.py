"""The position by ``AT+CGNSSINFO`` and ``AT+CGPSINFO``, in all forms known. Pure.

The number of fields does not tell one form from another: the place is looked for by its
``N`` or ``S`` with ``E`` or ``W`` two fields on (facts/sim7600.md 3.8, 3.9). Coordinates
are ``ddmm.mmmm`` with four and five digits before the point, decimal degrees with up to two
and three, and nothing else. What is implausible is refused with `ReplyError`, nothing else
is ever raised.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import attrs

from gatewaykit.sim7600.reading import Fields

EARLIEST = date(2010, 1, 1)
"""An earlier date comes from a receiver that counts its weeks from the wrong epoch
(facts/sim7600.md 5). No receiver of this family is older; a wrong date passes for a right
one only from August 2029 on."""
ROLLOVER = timedelta(weeks=1024)
KMH_PER_KNOT = 1.852

_FEWEST, _MOST = 9, 24
"""Fields; no answer without a fix has fewer."""
_MOST_COUNTS = 4
_FASTEST_KNOTS = 2000.0
"""Receivers give no position beyond 1,000 knots or so."""

_COUNT = re.compile(r"[0-9]{1,2}").fullmatch
_DDMM = (
    re.compile(r"([0-9]{2})([0-9]{2}\.[0-9]{1,10})").fullmatch,
    re.compile(r"([0-9]{3})([0-9]{2}\.[0-9]{1,10})").fullmatch,
)
_DEGREES = (
    re.compile(r"[0-9]{1,2}\.[0-9]{1,12}").fullmatch,
    re.compile(r"[0-9]{1,3}\.[0-9]{1,12}").fullmatch,
)
_DATE = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})").fullmatch
_TIME = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})(\.[0-9]{0,9})?").fullmatch
_NOT_A_PLACE = re.compile(
    r"|[0-9]{6}(\.[0-9]{0,9})?|[0-9]{1,2}(\.[0-9]{1,2})?"
).fullmatch
"""Nothing, a date, a time, a count or a DOP: what may stand in an answer without a fix."""


@attrs.frozen
class Counts:
    """Satellites used, None where the form does not tell."""

    gps: int | None = None
    glonass: int | None = None
    beidou: int | None = None
    galileo: int | None = None
    total: int | None = None


@attrs.frozen
class NoFix(Counts):
    """The modem has no position; it may tell satellites all the same."""

    raw: str | None = None


@attrs.frozen(kw_only=True)
class GNSSFix(Counts):
    """A position that is possible. Whether it is a fresh one is another matter."""

    latitude: float
    longitude: float
    """Degrees, north and east positive."""
    gps_time: datetime
    """UTC, with a rollover of the week number set right."""
    date: str
    utc_time: str
    """``ddmmyy`` and ``hhmmss.s``, as the modem wrote them."""
    raw: str
    mode: int | None = None
    """2 or 3; None for ``+CGPSINFO``. Often 2 although the altitude is good."""
    altitude_m: float | None = None
    """Above mean sea level."""
    speed_knots: float | None = None
    speed_kmh: float | None = None
    heading_deg: float | None = None
    pdop: float | None = None
    hdop: float | None = None
    vdop: float | None = None
    used: int | None = None
    """Satellites used, in the forms of other models that end in it."""


def cgnssinfo(line: str, earliest: date = EARLIEST) -> GNSSFix | NoFix:
    """``+CGNSSINFO: <mode>,<counts>,<place>,<time>,...,<DOPs>``.

    :param earliest: the day before which no date can be true.
    """
    fields = _fields(line, "+CGNSSINFO:")
    mode = fields.integer(0, 0, 9)
    anchor = _anchor(fields)
    if anchor is None:
        three = 4 if len(fields) <= 16 else 5
        end = three if len(fields) > _FEWEST else 1
        return _no_fix(fields, _counts(fields, end), end)
    if not 2 <= anchor <= _MOST_COUNTS + 2:
        raise fields.error("the place is not where it can be")
    counts = _counts(fields, anchor - 1)
    if not fields[anchor - 1] and not fields[anchor + 1]:
        return NoFix(**_asdict(counts), raw=line)
    if mode in {0, 1}:
        return NoFix(**_asdict(counts), raw=line)
    if mode not in {None, 2, 3}:
        raise fields.error("there is no such mode")
    if len(fields) < anchor + 11:
        raise fields.error("it is cut off")
    return _fix(
        fields,
        anchor,
        earliest,
        counts,
        mode=mode,
        pdop=_dop(fields, anchor + 8),
        hdop=_dop(fields, anchor + 9),
        vdop=_dop(fields, anchor + 10),
        used=fields.integer(anchor + 11, 0, 99),
    )


def cgpsinfo(line: str, earliest: date = EARLIEST) -> GNSSFix | NoFix:
    """``+CGPSINFO: <place>,<date>,<time>,<altitude>,<speed>,<course>``."""
    fields = _fields(line, "+CGPSINFO:")
    anchor = _anchor(fields)
    if anchor is None:
        return _no_fix(fields, Counts(), 0)
    if anchor != 1 or len(fields) != _FEWEST:
        raise fields.error("the place is not where it can be")
    if not fields[0] and not fields[2]:
        return NoFix(raw=line)
    return _fix(fields, anchor, earliest, Counts())


def _fields(line: str, prefix: str) -> Fields:
    """One field alone is the period of reports, which ``AT+CGPSINFO?`` asks for."""
    fields = Fields(line, prefix)
    if not _FEWEST <= len(fields) <= _MOST:
        raise fields.error(f"it has {len(fields)} fields")
    return fields


def _anchor(fields: Fields) -> int | None:
    """Where ``N`` or ``S`` stands."""
    for index in range(len(fields)):
        if fields[index] in {"N", "S"} and fields[index + 2] in {"E", "W"}:
            return index
    return None


def _no_fix(fields: Fields, counts: Counts, start: int) -> NoFix:
    """What has no place, and no part of one either."""
    if not all(_NOT_A_PLACE(fields[n]) for n in range(start, len(fields))):
        raise fields.error("it is neither a place nor none")
    return NoFix(**_asdict(counts), raw=fields.line)


def _counts(fields: Fields, end: int) -> Counts:
    """The satellites in the fields from 1 to `end`. An empty one among others is 0.

    Three are those of the SIM7600. Of four the manuals of other models give the order in
    two ways; this is that of the SIM767X (facts/sim7600.md 11), and only the sum is sure.
    Of two nobody says what the second one is.
    """
    texts = [fields[n] for n in range(1, end)]
    if not all(_COUNT(text) or not text for text in texts):
        raise fields.error("a count of satellites is no number")
    if not any(texts):
        return Counts()
    numbers = [int(text or 0) for text in texts]
    total = sum(numbers)
    if len(numbers) == 3:
        gps, glonass, beidou = numbers
        return Counts(gps, glonass, beidou, None, total)
    if len(numbers) == _MOST_COUNTS:
        gps, glonass, galileo, beidou = numbers
        return Counts(gps, glonass, beidou, galileo, total)
    return Counts(gps=numbers[0], total=total)


def _fix(
    fields: Fields,
    anchor: int,
    earliest: date,
    counts: Counts,
    *,
    mode: int | None = None,
    pdop: float | None = None,
    hdop: float | None = None,
    vdop: float | None = None,
    used: int | None = None,
) -> GNSSFix:
    latitude, longitude = _place(fields, anchor)
    knots = _within(fields, anchor + 6, 0, _FASTEST_KNOTS)
    course = _within(fields, anchor + 7, 0, 360)
    return GNSSFix(
        **_asdict(counts),
        latitude=latitude,
        longitude=longitude,
        gps_time=_moment(fields, anchor + 3, earliest),
        date=fields[anchor + 3],
        utc_time=fields[anchor + 4],
        raw=fields.line,
        mode=mode,
        altitude_m=_within(fields, anchor + 5, -1000, 50_000),
        speed_knots=knots,
        speed_kmh=None if knots is None else knots * KMH_PER_KNOT,
        heading_deg=0.0 if course == 360 else course,
        pdop=pdop,
        hdop=hdop,
        vdop=vdop,
        used=used,
    )


def _place(fields: Fields, anchor: int) -> tuple[float, float]:
    """Latitude and longitude; both in the same form.

    The minutes are taken from the text as they are, so that nothing is rounded twice
    (facts/sim7600.md 5). Nought in both is what a receiver says that has no position.
    """
    texts = fields[anchor - 1], fields[anchor + 1]
    minutes = [match(text) for match, text in zip(_DDMM, texts, strict=True)]
    degrees = [match(text) for match, text in zip(_DEGREES, texts, strict=True)]
    found: list[Fraction] = []
    for in_minutes, in_degrees, most in zip(minutes, degrees, (90, 180), strict=True):
        if all(minutes) and in_minutes is not None:
            minute = Fraction(in_minutes[2])
            value = int(in_minutes[1]) + minute / 60
            if minute >= 60:
                raise fields.error("there are no such minutes")
        elif all(degrees) and in_degrees is not None:
            value = Fraction(in_degrees[0])
        else:
            raise fields.error("the coordinates are in no known form")
        if value > most:
            raise fields.error("there is no such place")
        found.append(value)
    if not any(found):
        raise fields.error("it is the place that stands for none")
    latitude, longitude = (float(value) for value in found)
    return (
        -latitude if fields[anchor] == "S" else latitude,
        -longitude if fields[anchor + 2] == "W" else longitude,
    )


def _moment(fields: Fields, index: int, earliest: date) -> datetime:
    """The time of a fix. A leap second, 23:59:60, is the second after it."""
    day, time = _DATE(fields[index]), _TIME(fields[index + 1])
    if day is None or time is None:
        raise fields.error("it has no date or time")
    hour, minute, second = (int(time[n]) for n in (1, 2, 3))
    is_leap = (hour, minute, second) == (23, 59, 60)
    year = int(day[3])
    try:
        moment = datetime(
            1900 + year if year >= 80 else 2000 + year,
            int(day[2]),
            int(day[1]),
            hour,
            minute,
            59 if is_leap else second,
            int((time[4] or ".")[1:7].ljust(6, "0")),
            tzinfo=UTC,
        )
    except ValueError:
        raise fields.error("there is no such date or time") from None
    while moment.date() < earliest:
        moment += ROLLOVER
    return moment + timedelta(seconds=is_leap)


def _within(fields: Fields, index: int, low: float, high: float) -> float | None:
    """A number that may be missing, but not beyond what can be."""
    value = fields.decimal(index, low, high)
    if fields[index] and value is None:
        raise fields.error(f"field {index + 1} is not within {low} to {high}")
    return value


def _dop(fields: Fields, index: int) -> float | None:
    """None for 0, which none is."""
    return _within(fields, index, 0, 1000) or None


def _asdict(counts: Counts) -> dict[str, int | None]:
    return attrs.asdict(counts)
