"""The Python APIs of the programs that gatewaykit replaces, under their old module names."""
