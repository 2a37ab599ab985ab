"""How calls are tried, counted and given up: no I/O, nothing waits."""
