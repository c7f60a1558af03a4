"""What a tracker does when it is told to (facts/gv50.md 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from gatewaykit.simulators import device_settings, orders
from gatewaykit.simulators.command_acks import Answer
from gatewaykit.simulators.device_settings import DeviceSettings, Server
from gatewaykit.simulators.encoding import Report
from gatewaykit.simulators.faults import CommandFaults
from gatewaykit.simulators.orders import Order, Refusal
from gatewaykit.simulators.vehicle import Vehicle

_FIRST_FRAME = ("BSI", "SRI")
_SECOND_FRAME = ("CFG", "TMA", "FRI")


class Body(Protocol):
    """What a tracker can do beside what its vehicle can."""

    def answer(self, answer: Answer) -> None:
        """Give it to `CommandAcks`."""

    def tell(self, reports: Sequence[Report]) -> None:
        """Put reports into the outbox."""

    def look_again(self) -> None:
        """The vehicle's next report may be due earlier or later than it was."""

    def set_intervals(self, driving: float, parked: float) -> None: ...
    def set_heartbeat(self, seconds: float) -> None: ...
    def wait_for_sacks(self, *, sack: bool) -> None: ...
    def forget_stored(self) -> None: ...
    def move_to(self, servers: Sequence[Server]) -> bool:
        """Connect there from now on; False: it may not follow."""

    def reset_connection(self) -> None: ...
    def reboot(self) -> None: ...
    def power_off(self) -> None: ...


class Counts(Protocol):
    """What of a fleet's figures is about commands."""

    commands: int
    executed: int
    refused: int
    not_followed: int


class Obedience:
    """Reads commands, executes and acknowledges them.

    A setting is in force before its ACK is written: a new name and time zone stand in it.
    What is asked for comes after the ACK.

    :param random: for the faults only.
    :param output_values: how many values the firmware's GTOUT has, 13 or 16.
    """

    def __init__(
        self,
        body: Body,
        vehicle: Vehicle,
        settings: DeviceSettings,
        faults: CommandFaults,
        now: Callable[[], float],
        random: Random,
        stats: Counts,
        output_values: int = 13,
    ) -> None:
        self.settings = settings
        self.faults = faults
        """May be changed at any time."""
        self._body = body
        self._vehicle = vehicle
        self._now = now
        self._random = random
        self._stats = stats
        self._output_values = output_values

    def command(self, text: str) -> None:
        """Do what a command says, given without its ``$``; or don't."""
        self._stats.commands += 1
        faults = self.faults
        if self._happens(faults.deaf):
            return
        refused, with_nack = self._happens(faults.refuse), self._happens(faults.nack)
        order = orders.read(text, self.settings.password, self._output_values)
        if isinstance(order, Order) and (refused or with_nack):
            order = Refusal(order.type, order.serial, orders.NOT_NOW)
        if isinstance(order, Order):
            self._obey(order)
            return
        self._stats.refused += 1
        if with_nack and order.type is not None and order.serial is not None:
            self._body.answer(Answer(order.type, order.serial, cause=order.cause))

    def _obey(self, order: Order) -> None:
        self._stats.executed += 1
        self._take_in(order)
        if self._happens(self.faults.disconnect):
            self._body.reset_connection()
        else:
            self._body.answer(Answer(order.type, order.serial, order.sub))
        self._follow_up(order)

    def _take_in(self, order: Order) -> None:
        """Change what the device is set to, and its output."""
        self.settings.remember(order)
        if order.type == "GTOUT":
            self._vehicle.set_output(self._now(), int(order.values[0]))
        elif order.type == "GTCFG":
            self._vehicle.encoder.set_name(self.settings.name)
        elif order.type == "GTTMA":
            self._vehicle.encoder.set_zone(self.settings.zone_minutes)
        elif order.type == "GTFRI" and any(order.values[n] for n in (0, 7, 12)):
            self._body.set_intervals(*self.settings.intervals)

    def _follow_up(self, order: Order) -> None:
        if order.type == "GTOUT":
            self._body.look_again()
            if order.reports_output:
                now, level = self._now(), self._vehicle.outputs & 1
                fix = self._vehicle.fix(now)
                report = self._vehicle.encoder.output_changed(now, fix, level)
                self._body.tell([report])
        elif order.type == "GTFRI":
            self._body.look_again()
        elif order.type in {"GTSRI", "GTQSS"}:
            self._serve(order)
        elif order.type == "GTRTO":
            self._request(order)

    def _serve(self, order: Order) -> None:
        """Heartbeat, SACKs, and where to connect: last, as it ends this connection."""
        settings = self.settings
        if device_settings.gives_heartbeat(order):
            self._body.set_heartbeat(settings.heartbeat_s)
        if device_settings.gives_sack(order):
            self._body.wait_for_sacks(sack=settings.sack)
        follows = settings.is_on_tcp
        if follows and device_settings.gives_server(order):
            follows = self._body.move_to(settings.servers)
        if not follows:
            self._stats.not_followed += 1

    def _request(self, order: Order) -> None:
        """GTRTO (5.7). What its other sub-commands answer is not known."""
        now, vehicle, body = self._now(), self._vehicle, self._body
        encoder = vehicle.encoder
        match order.sub:
            case "RTL":
                fix, condition = vehicle.fix(now), vehicle.condition(now)
                body.tell([encoder.position_now(now, fix, condition)])
            case "READ" if order.values[1]:
                sections = self.settings.sections([order.values[1]])
                body.tell([encoder.configuration(now, "GTALS", sections)])
            case "READ":
                body.tell(
                    [
                        encoder.configuration(
                            now, "GTALL", self.settings.sections(names)
                        )
                        for names in (_FIRST_FRAME, _SECOND_FRAME)
                    ]
                )
            case "REBOOT":
                body.reboot()
            case "RESET" | "DELBUF":
                body.forget_stored()
            case "PWROFF":
                body.power_off()
            case "CID":
                body.tell([encoder.card(now)])
            case "CSQ":
                body.tell([encoder.signal(now, vehicle.condition(now).rssi)])
            case "VER":
                body.tell([encoder.versions(now)])

    def _happens(self, probability: float) -> bool:
        return bool(probability) and self._random.random() < probability
