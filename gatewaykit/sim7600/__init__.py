"""The SIM7600 modem: the AT dialogue, what its answers mean, and the service that owns it."""
