"""The client of an event loop, and the source of `_sync`: after a change here, run `make sync`."""
