"""A gateway with a few vehicles, a store that answers when it is told to, and a plain model
of what may be on the wire and in the records: whoever plays with them hears of all that is
wrong."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gatewaykit import access
from gatewaykit.errors import GatewayError
from gatewaykit.gv50.commands import KINDS, parse
from gatewaykit.gv50.fleet import Fleet
from gatewaykit.gv50.roster import QUESTIONS
from gatewaykit.testing import MemoryJournal, MemoryStore
from gatewaykit.times import digits
from gatewaykit.vehicles import Command, CommandChange, Registration
from tests.gv50.support import IMEI, OTHER, START_MS, FakeDoor, Line, heartbeat
from tests.gv50.vehicles import CommandCase

T = TypeVar("T")

IMEIS = (IMEI, OTHER)
ACK_S, FIX_S, FRAME_S, STANDING_KMH = 30.0, 30.0, 10.0, 5.0
ONCE = frozenset(
    {"block", "unblock", "output", "reboot", "custom", "server", "apn", "quick_start"}
)
MOVES = frozenset(
    {
        ("pending", "pending"),
        ("pending", "sent"),
        ("pending", "failed"),
        ("sent", "sent"),
        ("sent", "pending"),
        ("sent", "confirmed"),
        ("sent", "failed"),
        ("confirmed", "confirmed"),
        ("failed", "failed"),
    }
)
OUTCOMES = re.compile(
    r"asked( waiting| sent| taken back)*"
    r"( sent confirmed( verified)?"
    r"|( failed| expired| cancelled)( (acknowledged|refused) late)?)?"
).fullmatch


class HeldStore(MemoryStore):
    """While `holding`, everything is done later, in the order in which it was asked for."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.holding = False
        self.held: deque[tuple[Deferred[Any], Callable[[], Any]]] = deque()
        self.moves: list[tuple[Command, Command]] = []

    def _read(self, act: Callable[[], T]) -> Deferred[T]:
        if not self.holding and not self.held:
            return super()._read(act)
        later: Deferred[T] = Deferred()
        self.held.append((later, act))
        return later

    def release(self, most: int = 1_000_000) -> None:
        while self.held and most:
            most -= 1
            later, act = self.held.popleft()
            super()._read(act).chainDeferred(later)

    def lose(self, done: int) -> None:
        """Whoever waits never hears anything; `done` of the first things happen."""
        held, self.held = self.held, deque()
        for _, act in list(held)[:done]:
            super()._read(act).addErrback(lambda failure: failure.trap(GatewayError))

    def _change(self, change: CommandChange) -> bool:
        before = self._commands.get(change.id)
        done = super()._change(change)
        if done and before is not None:
            self.moves.append((before, self._commands[change.id]))
        return done

    def kept(self) -> list[Command]:
        return list(self._commands.values())


@attrs.define
class Told:
    """A live report that the gateway has believed."""

    speed: float
    gps_ms: int
    fix: bool
    at: float


@attrs.define(eq=False)
class Car:
    """What is true of a vehicle."""

    imei: str
    line: Line | None = None
    policy: str = "accepted"
    level: int | None = 1
    heard_at: float = 0.0
    doubted: bool = False
    """Taken over, and nothing has come since that could end the doubt."""
    told: list[Told] = attrs.field(factory=list)


@attrs.define(eq=False)
class Write:
    """Bytes of a command that went out."""

    car: Car
    id: str
    attempt: int
    type: str
    serial: str
    level: str
    at: float
    acked: str | None = None
    """The number of the right acknowledgement, once that was sent."""
    answered: bool = False
    """Acknowledged, or returned as one does who has got it."""
    shown: bool = False


class World(CommandCase):
    """Not a test: what the tests of stories play with."""

    def runTest(self) -> None:
        """For `unittest`, which wants one."""

    def configure(self, **settings: Any) -> None:
        super().configure(**settings)
        self.ahead_ms = 0
        self.was_set = False
        """The clock, at any time: it may take an older report for a newer one."""
        self.made: dict[str, float] = {}
        self.runs = 0
        self.store = self.held = HeldStore(self.clock)
        self.cars = {imei: Car(imei) for imei in IMEIS}
        self.writes: list[Write] = []
        self.asked: dict[str, tuple[float, int]] = {}
        self.wrong: list[str] = []
        self.boot()
        for imei in IMEIS:
            self.say_hello(self.cars[imei], self.plug(self.cars[imei]))

    # -- the gateway -------------------------------------------------------------------

    def boot(self) -> None:
        """Start on what the store has; whatever ran before is frozen with its clock."""
        clock = Clock()
        clock.rightNow = self.clock.rightNow
        self.clock = clock
        self.runs += 1
        self.held.holding, self.held.failure = False, None
        self.journal = MemoryJournal(auto_commit=True)
        self.fleet = Fleet(
            self.store, clock, self.now_ms, unknown_devices="accept", unknown_after=60.0
        )
        self.successResultOf(self.fleet.start())
        for car in self.cars.values():
            car.line, car.told, car.doubted = None, [], False
            self.fleet.policy_changed(car.imei, car.policy)
            self.fleet.registered(car.imei, Registration(block_level=car.level))
        self.factory = self.new_factory()
        self.factory.start(FakeDoor())
        self.begin(per_vehicle=1000, per_principal=1000)

    def stop(self) -> None:
        stopping = self.commands.stop()
        for _ in range(3):
            self.held.holding = False
            self.held.release()
            self.clock.advance(1.0)
        self.held.failure = None
        self.clock.advance(1.0)
        self.held.release()
        self.successResultOf(stopping)

    def now_ms(self) -> int:
        return (
            START_MS + round(self.clock.seconds() * 1000) + getattr(self, "ahead_ms", 0)
        )

    def new_id(self) -> str:
        id = super().new_id()
        self.asked[id] = self.clock.seconds(), self.runs
        return id

    def new_number(self, below: int) -> int:
        self.numbers += 1
        # Each of them again and again, so that they meet.
        return self.numbers // 3 % 999 if below > 5000 else self.numbers % below

    def let_pass(self, seconds: float) -> None:
        step = 0.25 if seconds <= 2 else 1.0 if seconds <= 60 else 5.0
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            self.tidy()

    def tidy(self) -> None:
        """A connection that the gateway has ended is gone."""
        for car in self.cars.values():
            line = car.line
            if line is not None and (line.aborted or line.closing):
                line.end()
                car.line = None

    # -- the vehicles ------------------------------------------------------------------

    def stamp(self, age_s: float = 0.0) -> str:
        """By the satellites, who never set their clocks."""
        true_ms = self.now_ms() - self.ahead_ms
        return str(digits(true_ms - round(age_s * 1000)))

    def count(self) -> str:
        count = super().count()
        self.made[count] = self.clock.seconds()
        return count

    def plug(self, car: Car, port: int = 5000) -> Line:
        line = self.connect()
        line.transport.hostAddr = IPv4Address("TCP", "127.0.0.1", port)
        write = line.transport.write

        def spy(data: bytes) -> None:
            write(data)
            self.on_wire(car, line, data)

        self.patch(line.transport, "write", spy)
        return line

    def say_hello(self, car: Car, line: Line, frame: bytes | None = None) -> None:
        """The first frame of a new connection, which takes over if there is an old one."""
        old, car.line = car.line, line
        if old is not None and car.policy != "refused":
            car.doubted = True
        self.send(car, frame or heartbeat(imei=car.imei, count=self.count()))
        if old is not None:
            old.end()
        for write in self.writes:
            command = self.find(write.id)
            told = {command.parameters.get(n) for n in ("port", "backup_port")}
            port = line.protocol.local_port
            if write.car is car and port in told:
                write.answered = True

    def send(self, car: Car, frame: bytes) -> None:
        assert car.line is not None
        car.heard_at = self.clock.seconds()
        car.line.send(frame)
        self.tidy()

    def report(
        self,
        car: Car,
        speed: float,
        *,
        age_s: float = 0.0,
        fix: bool = True,
        prefix: str = "+RESP",
        far: bool = False,
        bit: int | None = None,
        count: str | None = None,
    ) -> None:
        if car.line is None:
            return
        count = count or self.count()
        frame = self.position(
            speed,
            imei=car.imei,
            prefix=prefix,
            age_s=age_s,
            hdop=int(fix),
            longitude=10.0 if far else -54.557850,
            count=count,
            type="GTRTL" if bit is None else "GTFRI",
            status=f"11000{bit or 0}",
        )
        live = prefix == "+RESP" and car.policy == "accepted"
        told = Told(
            speed,
            self.now_ms() - self.ahead_ms - round(age_s * 1000) // 1000 * 1000,
            fix,
            self.clock.seconds(),
        )
        told.gps_ms -= told.gps_ms % 1000
        if live:
            if fix and not far:
                car.doubted = False
            # Frames count before what they lead to is written.
            car.told.append(told)
            if bit is not None:
                self.note_shown(car, str(bit), count)
        self.send(car, frame)
        device = self.fleet.device(car.imei)
        if live and device is not None and device.suspicion is not None:
            car.told.remove(told)

    def note_shown(self, car: Car, bit: str, count: str) -> None:
        for write in self.writes:
            if write.car is car and write.acked and write.level == bit:
                is_later = int(count, 16) > int(write.acked, 16)
                write.shown = write.shown or is_later or self.was_set

    def answer(self, write: Write, how: str) -> None:
        """An acknowledgement, right in one way only (``right``, ``lower``)."""
        car = write.car
        if how == "swapped":
            car = next(c for c in self.cars.values() if c is not car)
        if car.line is None:
            return
        count = self.count()
        serial = "0FFF" if how == "wrong" else write.serial
        type_ = "GTTMA" if how == "type" else write.type
        sub = ",RTL" if type_ == "GTRTO" else ""
        sign, cause = ("+NACK", ",0") if how == "nack" else ("+ACK", "")
        serial = serial.lower() if how == "lower" else serial
        frame = (
            f"{sign}:{type_},090302,{car.imei},{sub}{cause},{serial},"
            f"{self.stamp()},{count}$"
        ).encode()
        if car.policy == "accepted" and sign == "+ACK":
            for other in self.writes:
                same = (other.serial, other.type) == (serial.upper(), type_)
                if other.car is car and same:
                    other.answered = True
                    other.acked = other.acked or count
        self.send(car, frame)

    # -- what is true ------------------------------------------------------------------

    def find(self, id: str) -> Command:
        return next(c for c in self.held.kept() if c.id == id)

    def blame(self, text: str) -> None:
        self.wrong.append(f"{self.clock.seconds():.2f}: {text}")

    def on_wire(self, car: Car, line: Line, data: bytes) -> None:
        """Bytes leave: everything that must be true then."""
        if not data.startswith(b"AT+"):
            return
        written = parse(data)
        now = self.clock.seconds()
        if car.line is not line:
            self.blame(f"{data!r} goes to an old connection")
        if car.policy != "accepted":
            self.blame(f"{data!r} goes to one that is {car.policy}")
        if int(written.serial, 16) >= QUESTIONS:
            return
        found = [
            c
            for c in self.held.kept()
            if (c.imei, c.serial, c.status) == (car.imei, written.serial, "sent")
        ]
        if len(found) != 1:
            self.blame(f"{data!r} is recorded as sent {len(found)} times")
            return
        (command,) = found
        self.judge(car, command, written.type, written.values, now)
        write = Write(
            car,
            command.id,
            command.attempts,
            written.type,
            written.serial,
            written.values[0],
            now,
        )
        self.writes.append(write)

    def judge(
        self,
        car: Car,
        command: Command,
        type_: str,
        values: tuple[str, ...],
        now: float,
    ) -> None:
        name = f"{command.kind} {command.id}"
        before = [w for w in self.writes if w.id == command.id]
        if any(w.attempt == command.attempts for w in before):
            self.blame(f"{name} is written twice in one attempt")
        if before and (command.kind in ONCE or not KINDS[command.kind].retries):
            self.blame(f"{name} is written again")
        if self.now_ms() + ACK_S * 1000 > command.expires_at:
            self.blame(f"{name} may be delivered after it has expired")
        asked_at, run = self.asked[command.id]
        if run == self.runs and now + ACK_S > asked_at + 0.001 + (
            (command.expires_at - command.created_at) / 1000
        ):
            self.blame(f"{name} may be delivered too late")
        if now - car.heard_at > FRAME_S:
            self.blame(f"{name} goes to a silent vehicle")
        if car.doubted:
            self.blame(f"{name} goes to a connection in doubt")
        for other in self.writes:
            beside = other.car is car and other.id != command.id
            if beside and self.find(other.id).status == "sent":
                self.blame(f"{name} goes out beside {other.id}")
        blocks = type_ == "GTOUT" and car.level in {None, int(values[0])}
        if blocks and command.override is None and not self.stands(car, now):
            self.blame(f"{name} blocks a vehicle that may move")

    def stands(self, car: Car, now: float) -> bool:
        """Whether some live position tells that the vehicle stands, and none after it,
        neither in time nor in order, that it does not or that the fix is lost."""
        now_ms = self.now_ms()
        for at, told in enumerate(car.told):
            age_s = (now_ms - told.gps_ms) / 1000
            if (
                told.fix
                and told.speed <= STANDING_KMH
                and -5 <= age_s <= FIX_S
                and now - told.at <= FIX_S
                and not any(
                    not later.fix
                    or (
                        later.speed > STANDING_KMH
                        and told.gps_ms <= later.gps_ms <= now_ms + 5000
                    )
                    for later in car.told[at + 1 :]
                )
            ):
                return True
        return False

    def check(self) -> None:
        """What must be true at any time."""
        for before, after in self.held.moves:
            if (before.status, after.status) not in MOVES:
                self.blame(f"{after.id} goes from {before.status} to {after.status}")
        self.held.moves.clear()
        open_serials = set()
        for command in self.held.kept():
            writes = [w for w in self.writes if w.id == command.id]
            if len(writes) > command.attempts:
                self.blame(f"{command.id} was written more often than recorded")
            if command.status == "confirmed" and not any(w.answered for w in writes):
                self.blame(f"{command.id} was confirmed by nobody")
            if command.verified_at is not None and not any(w.shown for w in writes):
                self.blame(f"{command.id} was verified by nothing")
            if command.status in {"pending", "sent"} and command.serial is not None:
                key = command.imei, command.serial
                if key in open_serials:
                    self.blame(f"{command.id} has the serial of another")
                open_serials.add(key)
            outcomes = " ".join(self.outcomes(command.id))
            if not OUTCOMES(outcomes):
                self.blame(f"{command.id}: {outcomes}")
        if (bad := access.verify(self.held.audit_records)) is not None:
            self.blame(f"audit record {bad} is not as it was written")
        for event in self.log:
            if "log_failure" in event:
                self.blame(event["log_failure"].getTraceback())
        self.log.clear()
        self.assertEqual(self.wrong, [])

    def check_rivals(self) -> None:
        """Where nothing is on its way into the store, one of those waits at most that take
        one another's place."""
        for imei in IMEIS:
            waiting = [
                c.id
                for c in self.held.kept()
                if c.imei == imei
                and c.status == "pending"
                and c.kind in {"block", "unblock", "output"}
            ]
            if len(waiting) > 1:
                self.blame(f"{waiting} wait beside each other")
