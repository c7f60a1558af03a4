"""Runs all checks and tests and ends with ``N passed, N failed, N skipped``.

The figures are trial's; a check that fails (ruff, mypy, coverage) is one more failure. With
``CI=true`` a skipped test is a failure: there, every tool that tests need has to be.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.test_imports import PURE

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable


class Result(NamedTuple):
    passed: int
    failed: int
    skipped: int
    reasons: tuple[str, ...] = ()
    """Why tests were skipped, each once."""

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def read_result(output: str, status: int) -> Result:
    """What trial's report says, which ends with ``Ran N tests in S`` and ``PASSED (...)``.

    A test may have a failure and an error too, so the failed ones are those that neither
    passed nor were skipped. A report without an end is a failure, and so is a status
    other than 0 for whatever reason.
    """
    ran = re.findall(r"^Ran (\d+) tests in ", output, re.MULTILINE)
    ends = re.findall(r"^(?:PASSED|FAILED)(?: \((.*)\))?$", output, re.MULTILINE)
    if not ran or not ends:
        return Result(0, 1, 0)
    counts = {
        name: int(number)
        for name, _, number in (item.partition("=") for item in ends[-1].split(", "))
        if number
    }
    passed = counts.get("successes", 0) + counts.get("expectedFailures", 0)
    skipped = counts.get("skips", 0)
    failed = int(ran[-1]) - passed - skipped
    reasons = re.findall(r"^\[SKIPPED\]\n(.*)$", output, re.MULTILINE)
    failed = max(failed, 1 if status else 0)
    return Result(passed, failed, skipped, tuple(dict.fromkeys(reasons)))


def judge(result: Result, failed_checks: Iterable[str], *, in_ci: bool) -> Result:
    """The result with failed checks as failures, and in CI skipped tests too."""
    failed = result.failed + len(list(failed_checks))
    if in_ci:
        return Result(result.passed, failed + result.skipped, 0, result.reasons)
    return Result(result.passed, failed, result.skipped, result.reasons)


def unit_tests() -> list[str]:
    """All of `tests` but the integration tests, as names for trial."""
    return [
        f"tests.{path.stem}"
        for path in sorted((ROOT / "tests").iterdir())
        if path.name != "integration"
        and ((path / "__init__.py").exists() or path.match("test_*.py"))
    ]


def run(*command: str) -> int:
    print("$", " ".join(command).replace(PYTHON, "python"), flush=True)
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def trial(*arguments: str) -> Result:
    """Run trial, showing its report as it comes."""
    command = (PYTHON, *arguments)
    print("$ python", *arguments, flush=True)
    lines = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return read_result("".join(lines), process.returncode)


def main(*, fast: bool) -> int:
    checks = {
        "ruff check": (PYTHON, "-m", "ruff", "check", "."),
        "ruff format": (PYTHON, "-m", "ruff", "format", "--check", "."),
        "mypy": (PYTHON, "-m", "mypy"),
    }
    failed = [name for name, command in checks.items() if run(*command)]
    if fast:
        result = trial("-m", "twisted.trial", "--reporter=text", "-j2", *unit_tests())
    else:
        run(PYTHON, "-m", "coverage", "erase")
        result = trial("-m", "coverage", "run", "-m", "twisted.trial", "-j2", "tests")
        run(PYTHON, "-m", "coverage", "combine", "--quiet")
        pure = ",".join(f"gatewaykit/{name}" for name in PURE)
        coverage = (PYTHON, "-m", "coverage", "report")
        if run(*coverage):
            failed.append("coverage of all (95 %)")
        if run(*coverage, f"--include={pure}", "--fail-under=100"):
            failed.append("coverage of pure modules (100 %)")
    result = judge(result, failed, in_ci=os.environ.get("CI") == "true")
    for name in failed:
        print(f"failed: {name}")
    for reason in result.reasons:
        print(f"skipped: {reason}")
    print(result, flush=True)
    return 1 if result.failed else 0


if __name__ == "__main__":
    sys.exit(main(fast="--fast" in sys.argv[1:]))
