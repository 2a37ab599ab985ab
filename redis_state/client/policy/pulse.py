"""When a server was last heard: one that answers others is not silent, though a call may wait."""

from __future__ import annotations


class Pulse:
    """The last time at which bytes came from a server, whichever connection they came by."""

    __slots__ = ("heard_at",)

    def __init__(self) -> None:
        self.heard_at = 0.0
