"""Counters and gauges that everybody increments; no label ever holds an IMEI.

Names follow Prometheus' rules. Children of labelled counters are bound once, where they are
used, since looking one up costs four times as much as incrementing it.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

registry = CollectorRegistry()

reports_received = Counter(
    "gatewaykit_reports_received", "Reports read from trackers", registry=registry
)
heartbeats_answered = Counter(
    "gatewaykit_heartbeats_answered", "Heartbeats of trackers", registry=registry
)
command_answers = Counter(
    "gatewaykit_command_answers", "Answers to commands (+ACK, +NACK)", registry=registry
)
reports_durable = Counter(
    "gatewaykit_reports_durable", "Reports committed to the journal", registry=registry
)
reports_duplicate = Counter(
    "gatewaykit_reports_duplicate",
    "Reports that were stored already",
    registry=registry,
)
quarantine_dropped = Counter(
    "gatewaykit_quarantine_dropped",
    "Quarantined reports dropped because the list was full",
    registry=registry,
)
frames_refused = Counter(
    "gatewaykit_frames_refused",
    "Frames and pieces that were not taken, by reason",
    ["reason"],
    registry=registry,
)
connections_refused = Counter(
    "gatewaykit_connections_refused",
    "Tracker connections that were not taken or were closed, by reason",
    ["reason"],
    registry=registry,
)
tracker_connections = Gauge(
    "gatewaykit_tracker_connections", "Open tracker connections", registry=registry
)
journal_pending = Gauge(
    "gatewaykit_journal_pending",
    "Reports handed over, not yet committed",
    registry=registry,
)
rpc_connections = Gauge(
    "gatewaykit_rpc_connections", "Open RPC connections", registry=registry
)
rpc_calls = Counter(
    "gatewaykit_rpc_calls",
    "RPC calls answered, by verb and outcome",
    ["verb", "outcome"],
    registry=registry,
)

commands_queued = Counter(
    "gatewaykit_commands_queued",
    "Commands for vehicles that were taken, by kind",
    ["kind"],
    registry=registry,
)
commands_finished = Counter(
    "gatewaykit_commands_finished",
    "Commands for vehicles by how they ended (confirmed, verified, failed)",
    ["outcome"],
    registry=registry,
)
commands_written = Counter(
    "gatewaykit_commands_written",
    "Commands written to vehicles, repetitions too",
    registry=registry,
)
positions_asked = Counter(
    "gatewaykit_positions_asked",
    "Positions that the gateway itself asked vehicles for",
    registry=registry,
)

modem_exchanges = Counter(
    "gatewaykit_modem_exchanges",
    "AT exchanges, by outcome (ok, error, timeout, lost)",
    ["outcome"],
    registry=registry,
)
modem_lines_refused = Counter(
    "gatewaykit_modem_lines_refused",
    "Lines of the modem that were not taken, by reason",
    ["reason"],
    registry=registry,
)
modem_recoveries = Counter(
    "gatewaykit_modem_recoveries",
    "Steps of the modem's recovery, by rung",
    ["rung"],
    registry=registry,
)
modem_available = Gauge(
    "gatewaykit_modem_available", "1 while the modem answers", registry=registry
)
mount_exchanges = Counter(
    "gatewaykit_mount_exchanges",
    "Exchanges with the mount, by outcome (ok, error, garbled, timeout, lost)",
    ["outcome"],
    registry=registry,
)
mount_recoveries = Counter(
    "gatewaykit_mount_recoveries",
    "Steps of the mount's recovery, by rung (resync, reopen)",
    ["rung"],
    registry=registry,
)
mount_stops = Counter(
    "gatewaykit_mount_stops", "Stops sent to the mount", registry=registry
)
mount_available = Gauge(
    "gatewaykit_mount_available", "1 while the mount answers", registry=registry
)
bridge_connections = Gauge(
    "gatewaykit_bridge_connections",
    "Open connections of other people's protocols, by bridge",
    ["bridge"],
    registry=registry,
)
bridge_dropped = Counter(
    "gatewaykit_bridge_dropped",
    "Connections of other people's protocols that were closed by us, by bridge and reason",
    ["bridge", "reason"],
    registry=registry,
)
modem_messages = Counter(
    "gatewaykit_modem_messages", "Short messages that came in", registry=registry
)
