"""What the parts of gatewaykit ask of each other.

The records that cross these interfaces are the design's: plain dictionaries with the same
names in SQLite, MongoDB, JSON and RPC. ``None`` is "not known"; it is never written as 0.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import attrs
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from gatewaykit.access import Principal
from gatewaykit.vehicles import Command, CommandChange, Registration, SettingChange

Record = dict[str, Any]


class JournalEntry(NamedTuple):
    """One report on its way into the journal: its identity, its keys and its raw frame.

    A tuple and not a class with behaviour: one is made for every report that arrives.
    """

    id: bytes
    """16 bytes, the same for a report and its repetition."""
    imei: str
    type: str
    send_time: int
    """``YYYYMMDDHHMMSS`` as a number, device-local; 0 where the frame has none."""
    time: int
    """GPS time of the first position as ``YYYYMMDDHHMMSS`` (UTC), else the time of
    receipt in that form: what `since` and `until` select by."""
    position_time: int | None
    """GPS time of the newest usable position; None if the report moves no latest position."""
    ignition: bool | None
    """Ignition as this report tells it, None if it does not."""
    outputs: int | None
    """Bit mask of the device's outputs as this report tells it, None if it does not."""
    received_at: int
    """Milliseconds since the epoch, UTC."""
    raw: bytes
    """The frame exactly as received, with its terminator."""


@attrs.frozen
class DeviceRow:
    """What the fleet has to know about a device when the gateway starts."""

    imei: str
    status: str
    since: int
    last_seen: int
    policy: str
    blocked: bool | None = None
    registration: Registration | None = None


@attrs.frozen
class DeviceChange:
    """A change of a device's status, with the event that caused it.

    Times are milliseconds since the epoch. `event` is None when only `last_seen` moved.
    """

    imei: str
    status: str
    since: int
    last_seen: int
    event: str | None = None
    details: Record = attrs.field(factory=dict)
    policy: str = "accepted"
    """For a device that the store has not met yet; a known one keeps its own."""
    at: int | None = None
    """When the event happened if not at `since`: a takeover changes no status."""
    blocked: bool | None = None
    """As the device's output shows it from now on; None if that has not changed."""


@attrs.frozen
class Page:
    """Some records and, unless they were the last, a cursor to go on from."""

    records: list[Record]
    cursor: str | None


class IJournal(Interface):
    """Where reports become durable. One writer; every append is all or nothing."""

    pending: int = Attribute("Reports handed over and not yet committed.")
    failure: str | None = Attribute(
        "Why nothing can be committed at present, None while all is well."
    )

    def append(entries: Sequence[JournalEntry]) -> Deferred[None]:
        """Commit reports; those already stored (same `id`) are counted as a success.

        :return: fires once all of them are on stable storage. Fails with
            `StoreUnavailable` when the commit failed: then none may be acknowledged.
        """

    def quarantine(entries: Sequence[JournalEntry]) -> Deferred[None]:
        """Commit reports of devices that nobody accepted yet to a bounded list.

        The oldest are dropped (and counted) when the list is full. `IStore.set_policy`
        moves a device's reports into the history once it is accepted.
        """

    def watch(listener: Callable[[str | None], None]) -> None:
        """Call `listener` in the reactor whenever `failure` changes, with its new value."""


class IStore(Interface):
    """Reads, and the small writes that are not reports. Every method may fail with
    `StoreUnavailable`; `since` and `until` are ``YYYYMMDDHHMMSS`` numbers in UTC,
    inclusive; a cursor is opaque text from the page before."""

    def history(
        imei: str,
        since: int | None = None,
        until: int | None = None,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
    ) -> Deferred[Page]:
        """A device's report records, oldest first by the time they are selected by.

        A page ends after `limit` records or before its JSON would pass `max_bytes`,
        with at least one record. Raises `MisuseError` for a cursor that is not ours.
        """

    def devices(
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
        policy: str | None = None,
    ) -> Deferred[Page]:
        """Device records by IMEI, with status, latest position, ignition, outputs and
        registration; only those of a policy, if one is given."""

    def device(imei: str) -> Deferred[Record | None]:
        """One device record, None if the IMEI was never heard of."""

    def latest_position(imei: str) -> Deferred[Record | None]:
        """The position with the newest GPS time, as the position fields of the report
        record plus `imei`, `type`, `report_id`, `received_at`; None without one."""

    def events(
        imei: str | None = None,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
    ) -> Deferred[Page]:
        """Device events, oldest first: `id`, `imei`, `event`, `at`, `details`."""

    def load_devices() -> Deferred[list[DeviceRow]]:
        """All devices, for the fleet to start from."""

    def record_changes(changes: Sequence[DeviceChange]) -> Deferred[None]:
        """Commit changes of device status and their events, in order."""

    def set_policy(imei: str, policy: str) -> Deferred[None]:
        """Accept, quarantine or refuse a device from now on; `accepted` also moves its
        quarantined reports into the history."""

    def register(
        imei: str, values: Record, policy: str | None = None
    ) -> Deferred[Registration]:
        """Set what is given of a device's registration, by the names of `Registration`;
        None takes a value away. The device need not be known.

        :param policy: to be set in the same transaction, as `set_policy` does.
        """

    def add_command(
        command: Command,
        audit: Record,
        superseded: Sequence[CommandChange] = (),
        settings: Sequence[SettingChange] = (),
    ) -> Deferred[list[bool]]:
        """Keep a new command, and end those that it takes the place of; all or nothing.

        :return: for each of `superseded` whether it was changed.
        """

    def change_command(change: CommandChange) -> Deferred[bool]:
        """Commit a change, its audit record and its event; False if the command's status
        was none of those expected: then nothing at all was written."""

    def load_commands(sent_since: int) -> Deferred[list[Command]]:
        """Whatever may still change, with its secrets, in the order it was asked for:
        pending and sent ones, and those sent since then (milliseconds) that are confirmed
        and not verified, or failed without an acknowledgement."""

    def command(id: str) -> Deferred[Record | None]:
        """One command record, None if there is none."""

    def commands(
        imei: str | None = None,
        status: str | None = None,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
    ) -> Deferred[Page]:
        """Command records, newest first, of a vehicle and of a status if they are given."""

    def append_audit(record: Record) -> Deferred[Record]:
        """Append to the audit trail. Adds `sequence`, `previous_hash` and `hash` (see
        `access`) and gives the record back as it was written."""

    def audit(cursor: str | None = None, limit: int = 1000) -> Deferred[Page]:
        """Audit records, oldest first."""

    def acknowledge_damage() -> Deferred[int]:
        """Take note of salvaged database files; gives how many were open."""


class IFleet(Interface):
    """Who is connected now."""

    def live(imei: str) -> Record | None:
        """`status`, `since` and `last_seen` (ISO 8601, Z) as known in memory, else None."""

    def counts() -> dict[str, int]:
        """Number of devices by status: online, offline, unknown."""

    def policy_changed(imei: str, policy: str) -> None:
        """Follow a policy that the store has just recorded."""

    def registered(imei: str, registration: Registration) -> None:
        """Follow a registration that the store has just recorded."""


class ICommands(Interface):
    """Commands to vehicles: what is asked for, waits, is under way.

    Every method fails with `StoreUnavailable` when it could not be recorded; then nothing
    is under way that was not.
    """

    def queue(
        principal: Principal,
        imei: str,
        kind: str,
        parameters: Record,
        expires_in_s: float | None = None,
        override: str | None = None,
    ) -> Deferred[Record]:
        """Take a command on; its record.

        :param expires_in_s: seconds after which it is not written any more; None for the
            kind's own.
        :param override: why the interlock is not to hold it up.

        Fails with `MisuseError` for a parameter that cannot be used, `CommandRefused` for
        what this vehicle cannot be told or not now, `NotFound` for an unknown vehicle, and
        `AccessDenied` where the kind, a parameter or an override needs the role admin.
        """

    def cancel(principal: Principal, id: str) -> Deferred[Record]:
        """End a command that is still pending; its record. Fails with `NotFound`, and with
        `CommandRefused` for one that is not pending any more."""

    def trust(principal: Principal, imei: str) -> Deferred[None]:
        """Let commands go to a vehicle whose connection was taken over by one that nobody
        can tell from another's. Fails with `NotFound` where there is nothing to trust."""

    def kinds() -> list[Record]:
        """What can be asked for: `kind`, `role`, `summary`, `expires_in_s`, `parameters`
        (`name`, `allowed`, `required`, `role`)."""


class IModem(Interface):
    """The SIM7600 modem as everybody shares it.

    Reads come from a cache that is filled by one exchange whoever asks, and never take
    longer than about two seconds: then they give what is known, with its age. They fail
    with `DeviceUnavailable` only where nothing was ever known. The rest fails with
    `DeviceUnavailable`, `DeviceTimeout`, `DeviceRefused` or `MisuseError`.
    """

    def network_status() -> Deferred[Record]:
        """Registration, signal and cell; see docs of the verb `NetworkStatus`."""

    def location() -> Deferred[Record]:
        """The position by GNSS; see docs of the verb `GNSSLocation`."""

    def available() -> Deferred[Record]:
        """`available`, `state` and `reason` (None while available). Never fails."""

    def info() -> Deferred[Record]:
        """Identity, SIM state, ports, voltage and temperature; see `ModemInfo`."""

    def send_sms(number: str, text: str) -> Deferred[Record]:
        """Send a message, in parts if it is long: `references`, `parts`, `encoding`."""

    def list_sms() -> Deferred[list[Record]]:
        """The stored messages, oldest first, parts of one message put together."""

    def delete_sms(index: int | None) -> Deferred[int]:
        """Delete the message at `index` with all of its parts, or all messages (None).

        Gives how many storage places became free (for all messages: how many were used).
        Raises `NotFound` where there is none.
        """

    def command(text: str) -> Deferred[list[str]]:
        """Pass an AT command through that the settings allow; its information lines.

        Raises `MisuseError` for one that they don't.
        """

    def events(cursor: str | None, limit: int) -> Page:
        """What happened to the modem, oldest first: `sequence`, `at`, `event`, `details`.

        Only the newest are kept, in memory. Raises `MisuseError` for a cursor not ours.
        """

    def subscribe(
        listener: Callable[[str, Record], None], *kinds: str
    ) -> Callable[[], None]:
        """Call `listener(kind, record)` in the reactor for each of `kinds`, until the
        function that comes back is called.

        - ``location``: a location record, about once a second while the modem is there,
          whatever its fix, and at once when the modem goes.
        - ``nmea``: `line`, each valid sentence of the NMEA port, without line end.
        - ``event``: an event record.

        A subscription to ``location`` keeps the position polled. A listener that raises
        is logged and loses its subscription.
        """


class IMount(Interface):
    """The TTS-160 mount as everybody shares it.

    Angles are degrees, right ascension hours; longitude counts east. What moves or changes
    something fails with `DeviceUnavailable`, `DeviceTimeout`, `DeviceGarbled`,
    `DeviceRefused` (by the mount, or by its state: parked, below the horizon, slewing) or
    `MisuseError`; what moves also with `MotionStopped`. Nothing that moves is repeated.
    """

    stops: int = Attribute(
        "How many stops of everything there were, whoever asked for them. What somebody"
        " outside has held back since before the last one must not be asked for any more."
    )

    def status() -> Deferred[Record]:
        """Position and state, from a snapshot that all share; see `MountStatus`. Never
        fails, and never takes longer than about two seconds."""

    def watch() -> Callable[[], None]:
        """Keep the snapshot fresh until the function that comes back is called."""

    def variables(wanted: Sequence[str]) -> Deferred[Record]:
        """Values by names (``RA``) or ids (``T17``), under the words they were asked by.

        A matrix is a list of 9, a quaternion one of 4 (w, x, y, z); angles are radians, as
        in the mount. What several ask for at a time goes over the line once. Fails with
        `DeviceRefused` where the firmware has no variables.
        """

    def case(number: int) -> Deferred[tuple[str, list[Any]]]:
        """Format string and values of a legacy CASE block, 0 to 8."""

    def command(text: str, reply: str, holder: Hashable) -> Deferred[Record]:
        """Pass a command on; see the verb `MountCommand` for `reply` and the record.

        What moves the mount is checked as the methods below do, and an axis that it moves
        has a lease. :param holder: whose lease.
        """

    def slew(
        *,
        right_ascension_h: float | None = None,
        declination_deg: float | None = None,
        altitude_deg: float | None = None,
        azimuth_deg: float | None = None,
    ) -> Deferred[None]:
        """Begin to slew to either pair of coordinates; fires when the mount has begun."""

    def stop(by: str) -> Deferred[None]:
        """Stop everything, at once; fires when the mount has been told.

        What waits or moves fails with `MotionStopped`, whoever asked for it.
        """

    def sync(right_ascension_h: float, declination_deg: float) -> Deferred[str]:
        """Tell the mount where it points; the text that it answers."""

    def park() -> Deferred[None]:
        """Begin to park."""

    def unpark() -> Deferred[None]:
        """End parking; `DeviceRefused` where the firmware cannot."""

    def tracking(*, on: bool | None = None, rate: str | None = None) -> Deferred[None]:
        """Switch tracking, or choose ``sidereal``, ``lunar`` or ``solar``, or both."""

    def guide(direction: str, duration_ms: int) -> Deferred[None]:
        """One pulse to ``north``, ``south``, ``east`` or ``west``; fires when it is sent.

        North is up in altitude, and west up in azimuth (facts/tts160.md 2.2).
        """

    def move_axis(
        direction: str, rate_deg_s: float | None, holder: Hashable
    ) -> Deferred[float]:
        """Move to a direction until stopped, at a rate or (None) at the rate chosen last.

        Gives the time in seconds within which the lease must be renewed (`renew_axis`, or
        this again): else the axis stops. A rate of 0 stops the axis. :param holder: who
        has the lease.
        """

    def renew_axis(direction: str, holder: Hashable) -> float:
        """Let the axis that `holder` moves to that direction go on; the lease in seconds.

        Raises `MotionStopped` where it does not move so any more: what was stopped, by
        whomever, must not begin again because its client has not heard of it.
        """

    def stop_axis(direction: str) -> Deferred[None]:
        """Stop the axis of that direction, before all that waits."""

    def release(holder: Hashable) -> None:
        """Stop the axes that `holder` moves: it is gone."""

    def set_site(
        *,
        latitude_deg: float | None = None,
        longitude_deg: float | None = None,
        utc_offset_h: float | None = None,
        at_ms: int | None = None,
    ) -> Deferred[None]:
        """Set the place (both coordinates), the offset of local time from UTC (east of
        Greenwich positive) and the time (milliseconds since the epoch), what is given."""

    def clear_buffers() -> Deferred[None]:
        """Drop what came in unasked and make sure that the line is in step."""


class IHealth(Interface):
    """Something that can say how it is."""

    name: str = Attribute("The subsystem's name, as `Health` shows it.")

    def health() -> Record:
        """`status` (ok, degraded or failed), `reason` (None while ok), and figures."""
