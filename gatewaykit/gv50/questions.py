"""The gateway's own questions for a vehicle's position: a parked one reports too seldom for
anybody to know that it stands."""

from __future__ import annotations

from gatewaykit import metrics
from gatewaykit.errors import GatewayError
from gatewaykit.gv50.book import Entry
from gatewaykit.gv50.commands import build, factory_password
from gatewaykit.gv50.fleet import ACCEPTED, Device
from gatewaykit.gv50.slots import Setting

ASK_S = 10.0
"""Between two questions."""
ASK_SELDOM_S = 60.0
ASKS = 3
"""So many questions without an answer, and the next come seldom."""


class Questions:
    """Asks one vehicle (GTRTO 1, facts/gv50.md 5.7), outside the slot of its commands."""

    def __init__(self, device: Device, setting: Setting) -> None:
        self._device = device
        self._setting = setting
        self._asked_at: float | None = None
        self._asks = 0

    def answered(self) -> None:
        """A position that was asked for has come in."""
        self._asks = 0

    def ask(self, now: float, entry: Entry) -> None:
        """Ask, unless that was done a moment ago or what was written before is on its way.

        :param entry: the command that the answer is wanted for.
        """
        device, setting = self._device, self._setting
        pause_s = ASK_S if self._asks < ASKS else ASK_SELDOM_S
        connection = device.connection
        if (
            connection is None
            or not setting.enabled
            or device.policy != ACCEPTED
            or (self._asked_at is not None and now - self._asked_at < pause_s)
            or connection.unacknowledged
        ):
            return
        try:
            target = setting.target_of(device, entry)
            order = build(device.imei, "position", {}, target)
            password = setting.password_of(device, "position", target)
        except GatewayError:
            return  # the command says so itself
        if device.suspicion is not None and password != factory_password(target.model):
            return  # a password that is a secret is not for a connection in doubt
        data = order.wire(password, setting.new_question())
        if connection.write_command(data, setting.rules.ack_timeout_s):
            self._asked_at = now
            self._asks += 1
            metrics.positions_asked.inc()
