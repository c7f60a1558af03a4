"""The modem's end of a line, in a process of its own.

``python -m benchmarks.line simulated LINK`` is the simulated modem with all its waits taken
out; ``bare LINK`` answers every write with the bytes of one answer and looks at nothing:
what the kernel and two processes cost.
"""

from __future__ import annotations

import os
import sys
import time
import tty
from pathlib import Path

from twisted.internet import reactor

from gatewaykit.simulators.modem import ModemBehaviour, SimulatedModem

ANSWER = b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
"""As the simulated modem gives it, to the length."""
_LOOK_S = 0.01


def simulated(link: Path) -> None:
    """A modem that answers at once and is registered and located within a second."""
    behaviour = ModemBehaviour(latency=0.0, boot=0.0, register_after=0.5, fix_after=0.5)
    r: object = reactor
    modem = SimulatedModem(r, link, behaviour=behaviour)
    modem.start()
    r.addSystemEventTrigger(  # type: ignore[attr-defined]
        "before", "shutdown", modem.stop
    )
    r.run()  # type: ignore[attr-defined]


def bare(link: Path) -> None:
    """Answer until terminated."""
    master, slave = os.openpty()
    tty.setraw(slave)
    link.symlink_to(os.ttyname(slave))
    os.close(slave)
    while True:
        try:
            os.read(master, 4096)
        except OSError:
            # Nobody has it open.
            time.sleep(_LOOK_S)
        else:
            os.write(master, ANSWER)


if __name__ == "__main__":
    {"simulated": simulated, "bare": bare}[sys.argv[1]](Path(sys.argv[2]))
