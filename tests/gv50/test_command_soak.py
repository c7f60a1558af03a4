"""100,000 generated parameter sets over all kinds: each is refused before anybody queues it,
or is one well-formed command, and no secret is shown."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.access import MASK
from gatewaykit.errors import CommandRefused, MisuseError
from gatewaykit.gv50.command_forms import types
from gatewaykit.gv50.commands import (
    KINDS,
    PASSWORD,
    Order,
    Target,
    arity,
    build,
    parse,
    split_secrets,
)
from tests.gv50.test_command_kinds import VALUES
from tests.gv50.test_command_rows import ROWS

IMEI = "865083030000012"
CASES = 100_000
SECRET = "Hidden7"
MODELS = (
    "GV50",
    "GV50",
    "GV50",
    "GV55",
    "GV55 Lite",
    "GV200",
    "GV300",
    "GV500",
    "GV50M",
    "GV500CG",
    "GL320M",
    "GV75W",
    "GV57CG",
    "unheard of",
    None,
)
SERVERS = (
    None,
    {
        "host": "a.example",
        "port": 1,
        "backup_host": "b.example",
        "backup_port": 2,
        "sack": True,
    },
    {"host": "a.example", "port": 1, "without_backup": True, "sack": False},
    {"host": "a.example", "port": 1, "sack": False},
    {"host": "a$", "port": 1, "without_backup": True},
)
HOSTILE = (
    "$",
    ",",
    "\r",
    "\n",
    "\0",
    "\x7f",
    "\xe4",
    "\u20ac",
    "$\r\nAT+GTRTO=gv50,4,",
)
CAPTURED = [
    (written.type, list(written.values))
    for written in (
        parse(row["command"].encode())
        for row in ROWS
        if not row.get("negative") and row["command"].startswith("AT+")
    )
]


def odd(dice: random.Random) -> Any:
    """A value that fits hardly anywhere."""
    return dice.choice(
        (
            None,
            True,
            -1,
            0,
            2**70,
            1.5,
            "",
            " ",
            MASK,
            "0",
            "x" * 61,
            "4",
            [],
            "\ud800",
            SECRET,
        )
    )


def bent(dice: random.Random, value: Any) -> Any:
    """A good value, or one that is not."""
    match dice.randrange(12):
        case 0:
            return odd(dice)
        case 1 if isinstance(value, str):
            at = dice.randrange(len(value) + 1)
            return value[:at] + dice.choice(HOSTILE) + value[at:]
        case 2 if isinstance(value, int):
            return dice.choice((value + 1, value - 1, value * 100, str(value)))
        case 3 if isinstance(value, int) and not isinstance(value, bool):
            return dice.randrange(70_000)
        case _:
            return value


def by_hand(dice: random.Random) -> dict[str, Any]:
    command, values = dice.choice(CAPTURED)
    values = [
        "*" if command == "GTCFG" and not at else v for at, v in enumerate(values)
    ]
    if dice.randrange(3) == 0:
        at = dice.randrange(len(values))
        values[at] = str(bent(dice, values[at] or "1"))
    if dice.randrange(6) == 0:
        values[dice.randrange(len(values))] = dice.choice("0123456ABD")
    if dice.randrange(12) == 0:
        values.append("")
    if dice.randrange(8) == 0:
        command = dice.choice(types())
    if command in {"GTBSI", "GTQSS"} and len(values) > 2:
        values[2] = SECRET
    return {"command": command, "values": ",".join(values)}


def parameters_of(dice: random.Random, kind: str) -> dict[str, Any]:
    if kind == "custom" and dice.randrange(10):
        given = by_hand(dice)
        if dice.randrange(2):
            given["without_backup"] = True
        return given
    given = {}
    for parameter in KINDS[kind].parameters:
        if dice.randrange(16) and (parameter.required or dice.randrange(4)):
            good = SECRET if parameter.secret else VALUES[parameter.name]
            given[parameter.name] = bent(dice, good)
    if dice.randrange(40) == 0:
        given["other"] = SECRET
    return given


def target_of(dice: random.Random) -> Target:
    return Target(
        dice.choice(MODELS),
        dice.choice((None, "0302", "0401")),
        dice.choice((None, 0, 1, 1)),
        dice.choice((None, None, None, 13, 16, 21, 14)),
        dice.randrange(2) == 1,
        dice.choice(SERVERS),
    )


class AllKindsTests(SynchronousTestCase):
    def check(self, made: Order, target: Target, password: str, serial: str) -> None:
        wire = made.wire(password, serial)
        text = wire.decode("ascii")  # or fails
        self.assertTrue(text.isprintable())
        self.assertTrue(text.startswith(f"AT+{made.type}={password},"))
        self.assertTrue(text.endswith(f",{serial}$"))
        self.assertEqual(text.count("$"), 1)
        self.assertEqual(text.count(","), len(made.values) + 1)
        others = made.values.count(PASSWORD)
        self.assertEqual(text.count(password), 1 + others)
        self.assertEqual(others, made.type == "GTCFG")
        if (
            made.type != "GTOUT"
        ):  # of which a model may have two, or one by its settings
            size = arity(made.type, target.model, target.firmware)
            self.assertEqual(len(made.values), size)
        elif made.kind != "custom" and target.output_form is not None:
            self.assertEqual(len(made.values), target.output_form)
        read = parse(wire)
        values = tuple(password if v == PASSWORD else v for v in made.values)
        self.assertEqual(
            (read.type, read.password, read.values, read.serial),
            (made.type, password, values, serial),
        )
        shown = made.shown(serial)
        self.assertNotIn(password, shown)
        self.assertEqual(shown.count(","), text.count(","))
        if made.type == "GTRTO" and made.values[0] == "4":
            self.assertEqual(made.values[1], "BUF")
        if made.type == "GTOUT" and target.block_level != 1 - int(made.values[0]):
            self.assertTrue(made.may_block)

    def refuse_or_make(
        self, kind: str, parameters: dict[str, Any], target: Target
    ) -> Order | None:
        try:
            return build(IMEI, kind, parameters, target)
        except MisuseError as error:
            told = str(error)
        except CommandRefused as error:
            told = str(error)
        # Who writes a secret where the name of a server belongs is told what he wrote.
        secret = {name: value for name, value in parameters.items() if value == SECRET}
        if set(secret) <= {"password", "other"}:
            self.assertNotIn(SECRET, told)
        return None

    def test_refused_or_well_formed(self) -> None:
        dice = random.Random(20250727)
        kinds = [*KINDS, *["custom"] * 6, "server", "quick_start", "output"]
        outcomes: Counter[tuple[str, bool]] = Counter()
        began = time.perf_counter()
        for _ in range(CASES):
            kind = dice.choice(kinds)
            parameters = parameters_of(dice, kind)
            target = target_of(dice)
            made = self.refuse_or_make(kind, parameters, target)
            outcomes[kind, made is not None] += 1
            if made is None:
                continue
            password = f"Zq{dice.randrange(10**6):06}q"
            serial = f"{dice.randrange(65536):04X}"
            self.check(made, target, password, serial)
            at = 2 if made.type in {"GTBSI", "GTQSS"} else None
            if at is not None and made.values[at]:
                self.assertEqual(made.shown(serial).split(",")[at + 1], MASK)
            visible, _secrets = split_secrets(kind, parameters)
            if "password" in visible:
                self.assertEqual(visible["password"], MASK)
        self.assertLess(time.perf_counter() - began, 60)
        for kind in KINDS:
            self.assertGreater(outcomes[kind, True], 100, kind)
            if KINDS[kind].parameters:
                self.assertGreater(outcomes[kind, False], 100, kind)

    @given(
        st.sampled_from(sorted(KINDS)),
        st.dictionaries(
            st.sampled_from([*sorted(VALUES), "other"]),
            st.one_of(
                st.text(),
                st.integers(),
                st.booleans(),
                st.none(),
                st.floats(),
                st.sampled_from(list(VALUES.values())),
            ),
        ),
        st.sampled_from(MODELS),
        st.sampled_from([None, 0, 1]),
    )
    def test_anything_at_all(
        self,
        kind: str,
        parameters: dict[str, Any],
        model: str | None,
        level: int | None,
    ) -> None:
        target = Target(model, None, level)
        made = self.refuse_or_make(kind, parameters, target)
        if made is not None:
            self.check(made, target, "Zq123456q", "0A3F")

    @given(
        st.sampled_from(types()),
        st.lists(st.text(max_size=12), min_size=1, max_size=24),
        st.sampled_from(MODELS),
        st.booleans(),
    )
    def test_any_values_by_hand(
        self,
        command: str,
        values: list[str],
        model: str | None,
        waived: bool,
    ) -> None:
        target = Target(model, None, 1)
        size = arity(command, model, None) or len(values)
        values = (values + [""] * 24)[:size]
        given = {
            "command": command,
            "values": ",".join(values),
            "without_backup": waived,
        }
        made = self.refuse_or_make("custom", given, target)
        if made is not None:
            self.check(made, target, "Zq123456q", "0A3F")
