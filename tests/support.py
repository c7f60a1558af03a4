"""Bases that tests of several modules share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase


class DirectoryTestCase(SynchronousTestCase):
    """Each test in a directory of its own, with a path short enough for unix sockets, and
    without variables that set where things lie."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.addCleanup(os.chdir, Path.cwd())
        os.chdir(directory.name)
        ours = (
            "GATEWAYKIT_",
            "XDG_RUNTIME_DIR",
            "RUNTIME_DIRECTORY",
            "STATE_DIRECTORY",
        )
        clean = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        self.patch(os, "environ", clean)
