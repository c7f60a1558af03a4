"""Tells twistd of `twistd gatewaykit`.

Read at every start of any twistd, so it imports nothing of ours. There is no
``__init__.py`` here or one level up: Twisted finds plugins in directories without one.
"""

from __future__ import annotations

from twisted.application.service import ServiceMaker

gatewaykit = ServiceMaker(
    "gatewaykit",
    "gatewaykit.tap",
    "Own the field hardware of a site and serve it to many clients.",
    "gatewaykit",
)
