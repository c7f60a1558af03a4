"""GV50 vehicle trackers: the @Track protocol over TCP (facts/gv50.md)."""
