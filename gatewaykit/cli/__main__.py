"""``python -m gatewaykit.cli``."""

from __future__ import annotations

from gatewaykit.cli.main import main

main(prog_name="gatewayctl")
