"""Fakes for the tests of gatewaykit's users, and for our own.

They are strict: what the real ones reject, they reject.
"""

from gatewaykit.testing.commands import MemoryCommands
from gatewaykit.testing.journal import MemoryJournal
from gatewaykit.testing.modem import MemoryModem
from gatewaykit.testing.mount import MemoryMount
from gatewaykit.testing.records import (
    info_record,
    location_record,
    mount_record,
    network_record,
)
from gatewaykit.testing.store import MemoryStore

__all__ = (
    "MemoryCommands",
    "MemoryJournal",
    "MemoryModem",
    "MemoryMount",
    "MemoryStore",
    "info_record",
    "location_record",
    "mount_record",
    "network_record",
)
