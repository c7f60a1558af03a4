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
    "checks",
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
    "serialport",
    "snapshots",
    "services",
    "settings",
    "sections",
    "fields",
    "endpoints",
    "logs",
    "interfaces",
    "vehicles",
    "access",
    "times",
    "metrics",
    "errors",
)

PURE = (
    "access.py",
    "bridges/gpsd_objects.py",
    "bridges/gpsd_requests.py",
    "bridges/json_requests.py",
    "bridges/lx200_orders.py",
    "bridges/lx200_profiles.py",
    "bridges/lx200_readings.py",
    "bridges/lx200_requests.py",
    "bridges/lx200_sessions.py",
    "bridges/sim7600_replies.py",
    "cli/chain.py",
    "cli/command_steps.py",
    "cli/command_values.py",
    "cli/exports.py",
    "cli/tracks.py",
    "errors.py",
    "gv50/acks.py",
    "gv50/allowance.py",
    "gv50/bodies.py",
    "gv50/command_effects.py",
    "gv50/command_forms.py",
    "gv50/command_grammar.py",
    "gv50/command_kinds.py",
    "gv50/command_requests.py",
    "gv50/command_wire.py",
    "gv50/commands.py",
    "gv50/forms.py",
    "gv50/frames.py",
    "gv50/happenings.py",
    "gv50/heads.py",
    "gv50/interlock.py",
    "gv50/layouts.py",
    "gv50/local_time.py",
    "gv50/masking.py",
    "gv50/models.py",
    "gv50/motion.py",
    "gv50/positions.py",
    "gv50/readiness.py",
    "gv50/reports.py",
    "gv50/takeovers.py",
    "gv50/verifying.py",
    "rpc/addresses.py",
    "rpc/boxes.py",
    "sim7600/appearances.py",
    "sim7600/commands.py",
    "sim7600/dialogue.py",
    "sim7600/fixes.py",
    "sim7600/gnss.py",
    "sim7600/gsm7.py",
    "sim7600/legacy.py",
    "sim7600/pdu.py",
    "sim7600/radio.py",
    "sim7600/reading.py",
    "sim7600/recovery.py",
    "sim7600/replies.py",
    "sim7600/results.py",
    "sim7600/satellites.py",
    "sim7600/sms.py",
    "sim7600/status.py",
    "sim7600/submit.py",
    "sim7600/system.py",
    "sim7600/tables.py",
    "sim7600/urcs.py",
    "simulators/device_settings.py",
    "simulators/encoding.py",
    "simulators/modem_agenda.py",
    "simulators/modem_commands.py",
    "simulators/modem_core.py",
    "simulators/modem_faults.py",
    "simulators/modem_gnss.py",
    "simulators/modem_gnss_commands.py",
    "simulators/modem_gsm7.py",
    "simulators/modem_lines.py",
    "simulators/modem_network.py",
    "simulators/modem_nmea.py",
    "simulators/modem_sms.py",
    "simulators/modem_sms_commands.py",
    "simulators/modem_state.py",
    "simulators/mount_alignment.py",
    "simulators/mount_axis.py",
    "simulators/mount_commands.py",
    "simulators/mount_core.py",
    "simulators/mount_deeds.py",
    "simulators/mount_extended.py",
    "simulators/mount_faults.py",
    "simulators/mount_lines.py",
    "simulators/mount_motion.py",
    "simulators/mount_place.py",
    "simulators/mount_set.py",
    "simulators/mount_sky.py",
    "simulators/mount_state.py",
    "simulators/mount_text.py",
    "simulators/mount_values.py",
    "simulators/mount_variables.py",
    "simulators/mount_wire.py",
    "simulators/order_table.py",
    "simulators/orders.py",
    "simulators/outbox.py",
    "simulators/pace.py",
    "simulators/roads.py",
    "simulators/vehicle.py",
    "store/command_records.py",
    "store/plausible.py",
    "store/registrations.py",
    "times.py",
    "tts160/answers.py",
    "tts160/axes.py",
    "tts160/commands.py",
    "tts160/coordinates.py",
    "tts160/formats.py",
    "tts160/framing.py",
    "tts160/known.py",
    "tts160/local_time.py",
    "tts160/lx200.py",
    "tts160/lx200_table.py",
    "tts160/precession.py",
    "tts160/records.py",
    "tts160/registry.py",
    "tts160/set_commands.py",
    "tts160/set_table.py",
    "tts160/sky.py",
    "tts160/targets.py",
    "tts160/variable_tables.py",
    "tts160/variables.py",
    "vehicles.py",
)
"""Modules that do no I/O and look at no clock: of what is not the standard library they
import attrs, one another, and the names of interfaces. All of their branches are tested."""


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
        may_import = {"attrs", *sys.stdlib_module_names} - {"logging", "socket"}
        impure = []
        for pure in PURE:
            for name in imports(ROOT / "gatewaykit" / pure):
                package, _, rest = name.partition(".")
                module = rest.replace(".", "/") + ".py"
                is_module = (ROOT / "gatewaykit" / module).exists()
                if package != "gatewaykit":
                    is_pure = package in may_import
                else:
                    is_pure = not is_module or module in {*PURE, "interfaces.py"}
                if not is_pure:
                    impure.append(f"{pure} imports {name}")
        self.assertEqual(impure, [])

    def test_pure_modules_look_at_no_clock(self) -> None:
        clocks = {"time.time", "time.time_ns", "time.monotonic", "datetime.now"}
        guilty = []
        for pure in PURE:
            tree = ast.parse((ROOT / "gatewaykit" / pure).read_text(encoding="utf-8"))
            used = {
                ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute)
            }
            guilty += [f"{pure} uses {clock}" for clock in used & clocks]
        self.assertEqual(guilty, [])

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
