"""Both kinds of install, in environments of their own, from a copy of the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300


class InstallTests(SynchronousTestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name)
        self.tree = self.directory / "tree"
        shutil.copytree(
            ROOT,
            self.tree,
            ignore=shutil.ignore_patterns(
                ".*",
                "_trial_temp*",
                "build",
                "dist",
                "*.egg-info",
                "*.sqlite*",
                "twistd.*",
            ),
        )
        # What the checks of this tree put into the environment must not leak in there.
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "COVERAGE", "COV_", "VIRTUAL_ENV"))
        }

    def run_there(self, *command: str) -> str:
        """Run from ``/``, where nothing of the tree is found by accident."""
        done = subprocess.run(
            command,
            cwd="/",
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        self.assertEqual(done.returncode, 0, f"{command}:\n{done.stdout}")
        return done.stdout

    def assert_installs(self, *arguments: str) -> None:
        venv = self.directory / "venv"
        self.run_there(sys.executable, "-m", "venv", str(venv))
        pip = (str(venv / "bin" / "python"), "-m", "pip", "install")
        self.run_there(*pip, "--quiet", "--disable-pip-version-check", *arguments)
        self.environment["PATH"] = f"{venv / 'bin'}:{self.environment['PATH']}"
        self.assertIn("gatewaykit", self.run_there("twistd", "--help"))
        self.assertIn("--demo", self.run_there("twistd", "gatewaykit", "--help"))
        self.assertEqual(
            shutil.which("gatewayctl", path=self.environment["PATH"]),
            str(venv / "bin" / "gatewayctl"),
        )
        self.run_there("gatewayctl", "--version")

    def test_plain(self) -> None:
        self.assert_installs(str(self.tree))

    def test_editable(self) -> None:
        self.assert_installs("--editable", str(self.tree))
