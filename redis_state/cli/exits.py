"""What commands end with."""

from __future__ import annotations

DONE = 0
# A finding, or a failure.
FAILED = 1
WRONG_USE = 2
UNREACHABLE = 3
NOTHING_FOUND = 4
# As shells have them for Ctrl-C, and for a pipe that nobody reads any more.
INTERRUPTED = 130
CLOSED_PIPE = 141


class Stopped(Exception):  # noqa: N818 - it is no error
    """Somebody pressed Ctrl-C: what was done, and how to go on."""
