"""Hardware that is not there, for demos, tests and benchmarks."""
