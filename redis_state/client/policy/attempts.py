"""How an attempt may come to nothing, so that another one is made: no caller ever sees these."""

from __future__ import annotations

from redis_state.config.url import Server


class AttemptError(Exception):
    """The attempt came to nothing; a later one may succeed."""

    # What was known had gone stale, which says nothing of the server: there is no need to wait.
    stale = False


class BrokenError(AttemptError):
    """The connection failed, or the server behind it is no longer the one to ask."""


class RefusedError(BrokenError):
    """Nothing listens there."""

    def __init__(self, server: Server, why: str) -> None:
        super().__init__(why)
        self.server = server


class ReplicaError(BrokenError):
    """The server is a replica, which refuses writes.

    ``was_master``: this process has written there before, so that a failover explains it.
    """

    was_master = False


class SilenceError(BrokenError):
    """The server did not answer in time."""


class UnresolvedError(SilenceError):
    """The server's host was not looked up in time."""


class LateError(AttemptError):
    """The call's own time is over; the connection goes on without it."""


class UnsentError(AttemptError):
    """The call has only queued: none of it was sent, so it may go another way."""


class LoginError(BrokenError):
    """The server refused credentials that change by themselves: others may be there by now."""


class NotNowError(AttemptError):
    """The server answers, and cannot do what was asked for the time being."""


class RedirectedError(AttemptError):
    """Another node of the cluster has the slot, or is about to get it (``is_asking``)."""

    stale = True

    def __init__(self, text: str, slot: int, target: Server, *, is_asking: bool) -> None:
        super().__init__(text)
        self.slot = slot
        self.target = target
        self.is_asking = is_asking


class StrangerError(AttemptError):
    """Somebody named a server that is not allowed: another one may name a better one."""

    def __init__(self, server: Server, teller: object) -> None:
        super().__init__(
            f"[redis_state] allowed_hosts lacks {server.host}, where {teller} sends to: add it, or "
            f"see who answers there. Nothing was sent to {server}."
        )


class SplitError(AttemptError):
    """The slot is moving, and its pages lie on both nodes for a moment."""


class CrowdedError(Exception):
    """The call does not belong on the fast lane: it takes a connection of its own."""


class ExhaustedError(AttemptError):
    """All connections of the pool stayed busy."""


class FailedFastError(AttemptError):
    """The server has failed for a while, and another call is trying it; ``reason``: what it met."""

    def __init__(self, reason: AttemptError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class UnknownScriptError(Exception):
    """The server lacks a script: send its text."""
