"""Whether a command may be written to a vehicle now, and if not, why not."""

from __future__ import annotations

import attrs

from gatewaykit.gv50.interlock import Limits, Motion, hold


@attrs.frozen
class Obstacle:
    """What a command waits for."""

    sort: str
    """One word; what changes within a sort is no news."""
    reason: str
    ask: bool = False
    """Whether asking the vehicle for its position could help."""


@attrs.frozen
class Situation:
    """What is known of a vehicle and its connection at one moment."""

    now_ms: int
    """Of the wall clock."""
    now: float
    """Seconds of a clock that nobody sets."""
    enabled: bool = True
    connected: bool = True
    policy: str = "accepted"
    suspicion: str | None = None
    """Why the connection is not believed to be the vehicle's."""
    busy: bool = False
    """Another command is out."""
    silent_s: float | None = 0.0
    """Since the last frame of this connection; None before the first."""
    unacknowledged: int = 0
    """Bytes that we wrote and the peer's TCP has not confirmed."""
    motion: Motion = attrs.field(factory=Motion)


@attrs.frozen
class Rules:
    """The settings of `[commands]` that decide here."""

    limits: Limits
    ack_timeout_s: float
    frame_max_age_s: float


def obstacle(
    situation: Situation, rules: Rules, left_s: float, *, interlocked: bool
) -> Obstacle | None:
    """What stands between a command and the wire; None: nothing.

    A command that could be delivered after it has expired is not written any more: until
    its time limit for the acknowledgement is over, it may still be on its way.

    :param left_s: until it expires.
    :param interlocked: whether it may block the vehicle.
    """
    found = _unreachable(situation, rules)
    if found is not None:
        return found
    if left_s < rules.ack_timeout_s:
        return Obstacle("late", "too late to be acknowledged before it expires")
    if interlocked:
        held = hold(situation.motion, rules.limits, situation.now_ms, situation.now)
        if held is not None:
            return Obstacle("interlock", held.reason, held.ask)
    return None


def _unreachable(situation: Situation, rules: Rules) -> Obstacle | None:
    if not situation.enabled:
        return Obstacle("disabled", "commands are switched off (commands.enabled)")
    if situation.policy != "accepted":
        return Obstacle("policy", f"the vehicle is {situation.policy}")
    if not situation.connected:
        return Obstacle("offline", "the vehicle is not connected")
    if situation.suspicion is not None:
        return Obstacle("takeover", situation.suspicion, ask=True)
    if situation.busy:
        return Obstacle("busy", "another command is out")
    if situation.silent_s is None or situation.silent_s > rules.frame_max_age_s:
        return Obstacle("silent", "the vehicle is silent", ask=True)
    if situation.unacknowledged:
        return Obstacle("unsent", "what was sent before has not arrived yet")
    return None
