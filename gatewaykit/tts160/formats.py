"""Binary formats: what ``BINARY:`` and ``CASE:`` blocks of the mount are made of.

A format is a row of types, each with a count before it or without (facts/tts160.md 3.1).
Little-endian, packed; one `m`, a matrix of three rows, is one value, a list of 9 floats, and
one `q`, a quaternion, is one value, a tuple (w, x, y, z).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

import attrs

from gatewaykit.errors import TTS160SerialError

SIZES: Final = MappingProxyType(
    {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "m": 36, "q": 16}
)
"""Bytes of one value of each type."""
MOST_BYTES: Final = 4096
"""Of one block, so that no header can ask for more. The firmware's own buffer has 300; the
largest single item of the grammar, `99m`, is 3564."""

_FLOATS: Final = {"m": 9, "q": 4}
_ITEM = re.compile(f"([1-9][0-9]?)?([{''.join(SIZES)}])")
_COUNT = re.compile("[1-9][0-9]?")


class BinaryFormatError(TTS160SerialError):
    """A format string is none, or names or data don't agree with it.

    It is no `ValueError`, as it never was: programs that catch both tell them apart.

    :param place: index of the offending character; None if it is not one character.
    """

    def __init__(self, format_string: str, place: int | None, reason: str) -> None:
        super().__init__(format_string, place, reason)
        self.format_string = format_string
        self.place = place
        self.reason = reason

    def __str__(self) -> str:
        start = f"binary format {self.format_string!r}: "
        if self.place is None:
            return start + self.reason
        character = self.format_string[self.place]
        return f"{start}{character!r} at index {self.place}: {self.reason}"


@dataclass(frozen=True)
class BinaryFormat:
    """A format with a name; with field names, what is unpacked is a dictionary.

    However it is made, its fields agree.

    :raises ValueError: the name is empty.
    :raises BinaryFormatError: the format string is none, or the other fields don't agree
        with it.
    """

    name: str
    format_string: str
    struct_format: str
    byte_size: int
    field_names: Sequence[str] | None = None
    """One a value, so one for an `m` and one for a `q`. A tuple, whatever it was given."""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a binary format needs a name")
        parsed = BinaryParser.parse_format_string(self.format_string)
        if (self.struct_format, self.byte_size) != parsed:
            raise BinaryFormatError(
                self.format_string,
                None,
                f"it is {parsed[0]!r} with {parsed[1]} bytes,"
                f" not {self.struct_format!r} with {self.byte_size!r}",
            )
        if self.field_names is not None:
            names = _checked_names(self.format_string, self.field_names)
            object.__setattr__(self, "field_names", names)


class BinaryParser:
    """What the earlier Python API has for formats."""

    @staticmethod
    def parse_format_string(format_str: str) -> tuple[str, int]:
        """The format of `struct` and the number of bytes: ``5i2f`` is ``<5i2f``, 28.

        :raises BinaryFormatError: it is no format string.
        """
        items = _items(format_str)
        parts = [
            f"{item.count * _FLOATS[item.type]}f" if item.type in _FLOATS else item.text
            for item in items
        ]
        return "<" + "".join(parts), sum(item.size for item in items)

    @staticmethod
    def create_format(
        name: str, format_string: str, field_names: Sequence[str] | None = None
    ) -> BinaryFormat:
        """A format by its name and its types.

        :raises ValueError: the name is empty.
        :raises BinaryFormatError: no format string, or the names are not as many as its
            values, all different and none empty.
        """
        struct_format, size = BinaryParser.parse_format_string(format_string)
        return BinaryFormat(name, format_string, struct_format, size, field_names)

    @staticmethod
    def unpack_data(
        binary_format: BinaryFormat, data: bytes
    ) -> list[Any] | dict[str, Any]:
        """A list of values, or a dictionary where the format has field names.

        :raises BinaryFormatError: the data has another length. It is the format that is
            wrong for the data: a block from the line is counted by its format.
        """
        values = unpack(binary_format.format_string, data)
        if binary_format.field_names is None:
            return values
        return dict(zip(binary_format.field_names, values, strict=True))


def value_types(format_string: str) -> tuple[str, ...]:
    """The type of each value: ``2i1B`` has i, i and B, as ``iiB`` has.

    :raises BinaryFormatError: it is no format string.
    """
    return tuple(item.type for item in _items(format_string) for _ in range(item.count))


def unpack(format_string: str, data: bytes) -> list[Any]:
    """The values of a block.

    :raises BinaryFormatError: it is no format string, or one for another length.
    """
    struct_format, size = BinaryParser.parse_format_string(format_string)
    if len(data) != size:
        raise BinaryFormatError(
            format_string, None, f"it has {size} bytes, the data {len(data)}"
        )
    numbers = iter(struct.unpack(struct_format, data))
    values: list[Any] = []
    for type in value_types(format_string):
        match type:
            case "m":
                values.append(list(islice(numbers, _FLOATS[type])))
            case "q":
                values.append(tuple(islice(numbers, _FLOATS[type])))
            case _:
                values.append(next(numbers))
    return values


@attrs.frozen
class _Item:
    text: str
    count: int
    type: str

    @property
    def size(self) -> int:
        return self.count * SIZES[self.type]


def _items(format_string: str) -> list[_Item]:
    if not isinstance(format_string, str):
        raise BinaryFormatError(str(format_string), None, "it is no text")
    if not format_string:
        raise BinaryFormatError(format_string, None, "it is empty")
    items: list[_Item] = []
    size = place = 0
    while place < len(format_string):
        found = _ITEM.match(format_string, place)
        if found is None:
            raise _fault(format_string, place)
        item = _Item(found[0], int(found[1] or 1), found[2])
        size += item.size
        if size > MOST_BYTES:
            raise BinaryFormatError(
                format_string, None, f"it has more than {MOST_BYTES} bytes"
            )
        items.append(item)
        place = found.end()
    return items


def _fault(format_string: str, place: int) -> BinaryFormatError:
    """What is wrong where no item begins."""
    count = _COUNT.match(format_string, place)
    if count is not None and count.end() == len(format_string):
        return BinaryFormatError(format_string, place, "a count without a type")
    if count is not None:
        place = count.end()
    if format_string[place] in "0123456789":
        return BinaryFormatError(format_string, place, "counts go from 1 to 99")
    allowed = ", ".join(SIZES)
    return BinaryFormatError(format_string, place, f"no type; there are {allowed}")


def _checked_names(format_string: str, names: Iterable[object]) -> tuple[str, ...]:
    # One text is a sequence of texts too, and never meant as one.
    checked = [] if isinstance(names, str) else list(names)
    texts = tuple(name for name in checked if isinstance(name, str) and name)
    values = len(value_types(format_string))
    if isinstance(names, str) or len(texts) < len(checked):
        reason = "field names are a sequence of texts, none of them empty"
    elif len(set(texts)) < len(texts):
        twice = next(name for name in texts if texts.count(name) > 1)
        reason = f"two fields have the name {twice!r}"
    elif len(texts) != values:
        reason = f"it has {values} values, with {len(texts)} field names"
    else:
        return texts
    raise BinaryFormatError(format_string, None, reason)


def _case(number: int, format_string: str, names: str = "") -> BinaryFormat:
    return BinaryParser.create_format(
        f"case{number}", format_string, names.split() or None
    )


CASE_FORMATS: Final[Mapping[int, BinaryFormat]] = MappingProxyType(
    {
        0: _case(
            0,
            "13i4f",
            "h_ticks e_ticks tracking h_motor_on e_motor_on h_motor_moving"
            " e_motor_moving h_dir e_dir align_status error slewing collision"
            " ra dec az alt",
        ),
        1: _case(
            1,
            "3i9f",
            "tracking_mode tracking_rate custom_track_rate align_time"
            " lx200_object_ra lx200_object_dec last_goto_ra last_goto_dec"
            " custom_rate_ra custom_rate_dec current_obj_ra current_obj_de",
        ),
        2: _case(
            2,
            "5i2f",
            "goto_speed_h goto_speed_e guide_speed_h guide_speed_e park_flag"
            " park_az park_alt",
        ),
        3: _case(3, "6i3f", "month day year hrs mins secs longitude latitude timezone"),
        4: _case(
            4,
            "7i",
            "ticks_per_round_h ticks_per_round_e guide_corr_h guide_corr_e"
            " cable_twist_alarm south_angle az_counter",
        ),
        5: _case(5, "1m"),
        6: _case(6, "1m"),
        7: _case(
            7,
            "13i4f",
            "clock_freq h_jerk e_jerk h_speed_active e_speed_active h_posit_active"
            " e_posit_active h_den h_num_final h_num_curr e_den e_num_final"
            " e_num_curr h_pos_init h_pos_final e_pos_init e_pos_final",
        ),
        8: _case(
            8,
            "5i2f",
            "rotator_on rotator_ticks field_rot_ticks field_rot_ticks_range"
            " field_rot_direction field_rot_full_angle initial_field_rot",
        ),
    }
)
"""The blocks of ``:*!n#``, before variables (facts/tts160.md 3.3); 5 and 6 are the alignment
matrix and its inverse."""
