"""The client for threads: each module is made from the one in `_async`, by `make sync`."""
