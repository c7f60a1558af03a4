"""Other people's protocols for other people's clients."""
