"""gatewaykit: one daemon that owns the field hardware of a site and shares it."""

__version__ = "0.1.0"
