"""The process that `SIM7600Daemon` starts: twistd, for as long as its parent lives.

A parent that is killed outright cannot end it. It would go on holding the modem's port and
the TCP port, and the next daemon could not start. So the kernel is asked to tell.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""prctl(2), Linux."""
_TWISTD = ("twistd", "--nodaemon", "--pidfile=", "gatewaykit")


def end_with(parent: int) -> bool:
    """Have SIGTERM sent to this process when the thread that started it ends, however.

    :param parent: the process that started it.
    :return: False if that has ended already.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    return os.getppid() == parent


def main() -> None:
    """Run the gateway; the only argument is the parent's process id."""
    if not end_with(int(sys.argv[1])):
        return
    from twisted.scripts.twistd import run  # noqa: PLC0415 - takes time to import

    sys.argv = [*_TWISTD]
    run()


if __name__ == "__main__":
    main()
