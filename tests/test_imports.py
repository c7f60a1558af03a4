"""The order of imports: a module imports its own folder and what is further down."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent

ORDER = (
    "tap",
    "demo",
    "cli",
    "compat",
    "simulators",
    "testing",
    "bridges",
    "gv50",
    "sim7600",
    "tts160",
    "rpc",
    "store",
    "serialline",
    "services",
    "settings",
    "fields",
    "endpoints",
    "logs",
    "access",
    "interfaces",
    "times",
    "metrics",
    "errors",
)

PURE = ("gv50/frames.py", "gv50/reports.py", "gv50/layouts.py")
"""Modules that do no I/O: no reactor, no clock, no log. They import only the standard
library and attrs, errors, and one another."""
PURE_MAY_IMPORT = {"attrs", "errors", "interfaces", "times", "gv50"}


def modules() -> list[Path]:
    return sorted((ROOT / "gatewaykit").rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all that a module imports, in whichever line of it."""
    package = list(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            names = [*base, *(node.module or "").split(".")]
            module = ".".join(name for name in names if name)
            # `from gatewaykit import logs` names a module, `from x.y import f` does not.
            if module == "gatewaykit":
                yield from (f"{module}.{alias.name}" for alias in node.names)
            else:
                yield module


def part(path: Path) -> str:
    return path.relative_to(ROOT / "gatewaykit").parts[0].removesuffix(".py")


class ImportTests(SynchronousTestCase):
    def test_every_module_has_its_place_in_the_order(self) -> None:
        homeless = {part(path) for path in modules()} - set(ORDER) - {"__init__"}
        self.assertEqual(homeless, set())

    def test_nothing_is_imported_upward(self) -> None:
        upward = []
        for path in modules():
            here = part(path)
            if here == "__init__":
                continue
            for name in imports(path):
                package, _, rest = name.partition(".")
                there = rest.partition(".")[0]
                if package != "gatewaykit" or there in {"", "__version__", here}:
                    continue
                if there not in ORDER or ORDER.index(there) < ORDER.index(here):
                    upward.append(f"{path.relative_to(ROOT)} imports {name}")
        self.assertEqual(upward, [])

    def test_nothing_imports_the_tests(self) -> None:
        guilty = [
            str(path) for path in modules() for n in imports(path) if n[:5] == "tests"
        ]
        self.assertEqual(guilty, [])

    def test_pure_modules_do_no_io(self) -> None:
        impure = []
        for path in modules():
            if str(path.relative_to(ROOT / "gatewaykit")) not in PURE:
                continue
            for name in imports(path):
                package, _, rest = name.partition(".")
                if package in sys.stdlib_module_names - {"socket", "time", "logging"}:
                    continue
                if (rest.partition(".")[0] if rest else package) not in PURE_MAY_IMPORT:
                    impure.append(f"{path.relative_to(ROOT)} imports {name}")
        self.assertEqual(impure, [])

    def test_the_global_reactor_is_imported_where_a_program_starts_only(self) -> None:
        guilty = []
        for path in modules():
            if part(path) in {"tap", "cli"}:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module == (
                    "twisted.internet"
                ):
                    guilty += [str(path) for a in node.names if a.name == "reactor"]
                if isinstance(node, ast.Import):
                    guilty += [
                        str(path)
                        for a in node.names
                        if a.name == "twisted.internet.reactor"
                    ]
        self.assertEqual(guilty, [])

    def test_the_plugin_imports_nothing_of_ours(self) -> None:
        plugin = ROOT / "twisted" / "plugins" / "gatewaykit_plugin.py"
        self.assertEqual(
            list(imports(plugin)), ["__future__", "twisted.application.service"]
        )

    def test_twisteds_plugin_directories_are_no_packages(self) -> None:
        """With an `__init__.py` the first hides Twisted itself, the second the plugin."""
        for directory in ("twisted", "twisted/plugins"):
            self.assertFalse((ROOT / directory / "__init__.py").exists())
