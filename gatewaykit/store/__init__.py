"""Durable storage: the SQLite journal and embedded store."""
