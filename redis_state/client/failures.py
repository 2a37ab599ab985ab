"""What can go wrong with a server, in the words of `redis_state.errors`."""

from __future__ import annotations

import ssl

from hiredis import HiredisError, ReplyError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from redis_state.errors import (
    CorruptValueError,
    MisconfiguredError,
    OperationTimeoutError,
    StateStoreError,
    UnavailableError,
)
from redis_state.operations import Capabilities, Replies, capabilities
from redis_state.url import Server


class BrokenError(Exception):
    """The connection failed or the server is not ready; a later attempt may succeed."""


class SilenceError(BrokenError):
    """The server did not answer in time."""


class CrowdedError(Exception):
    """The call does not belong on the fast lane: it takes a connection of its own."""


class ExhaustedError(BrokenError):
    """All connections of the pool stayed busy."""


class UnknownScriptError(Exception):
    """The server lacks a script: send its text."""


# Replies that a later attempt, on a new connection, may not meet.
_PASSING = (
    "LOADING",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "BUSY",
    "NOREPLICAS",
    "UNBLOCKED",
)
# How a server before 7.0 begins the error of a command that a script called.
_IN_A_SCRIPT = "Error running script"
_REMEDIES = {
    "OOM": "Redis is at its maxmemory: raise it, or delete what is not needed",
    "MISCONF": "Redis cannot save to disk and refuses writes: see its log",
}
_MISTAKES = {
    "NOAUTH": "Redis asks for a password: set [redis_state] password, or put it into the url",
    "WRONGPASS": "Redis refused the user or password: correct [redis_state] username and password",
    "NOPERM": "the ACL user lacks a right: grant it the command and the keys of the namespace",
    "MOVED": "the server is a node of a Redis Cluster, which this version does not follow",
    "NOPROTO": "the server does not speak RESP2",
    "DENIED": "Redis is in protected mode: set a password or bind it to other addresses",
}


def check(replies: Replies, server: Server) -> None:
    """Raise what the first error among the replies means."""
    for reply in replies:
        if isinstance(reply, ReplyError):
            _raise_for(reply, server)


def while_connecting(error: BaseException, server: Server) -> None:
    """Raise what an error of connecting or logging in means, unless it is a stranger's."""
    refusal = _origin(error, ResponseError)
    if refusal is not None:
        check([ReplyError(str(refusal))], server)
    if _origin(error, ssl.SSLCertVerificationError) is not None:
        raise MisconfiguredError(
            f"{server} showed a certificate that is not trusted ({error}). Name its authority with "
            "?ssl_ca_certs=/path/to/ca.pem in the url, and its host as the certificate does."
        ) from error
    if isinstance(error, (TimeoutError, RedisTimeoutError)):
        raise SilenceError(str(error)) from error
    if isinstance(error, (RedisError, HiredisError, OSError)):
        raise BrokenError(str(error)) from error


def _origin(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error


def read_capabilities(replies: Replies, server: Server) -> Capabilities:
    """Read the reply to the probe; who may not ask is served in the form that all servers have."""
    if not isinstance(replies[0], ReplyError) or not _is_refusal(replies[0]):
        check(replies, server)
    return capabilities(replies)


def _is_refusal(reply: ReplyError) -> bool:
    text = str(reply)
    return text.startswith("NOPERM") or "nknown command" in text


def _raise_for(reply: ReplyError, server: Server) -> None:
    text = str(reply)
    if _IN_A_SCRIPT in text:
        text = text.partition(": -")[2] or text
    code = text.split(" ", 1)[0]
    if code == "NOSCRIPT":
        raise UnknownScriptError from reply
    if code in _PASSING:
        raise BrokenError(text) from reply
    if "nknown command" in text or "nknown Redis command" in text:
        raise MisconfiguredError(
            f"{server} lacks a command that is needed ({text}). "
            "Use Redis 6.2 or Valkey 7.2 or later, and let the user run it."
        ) from reply
    if code in _REMEDIES:
        raise UnavailableError(f"{server}: {_REMEDIES[code]} ({text}).") from reply
    if code in _MISTAKES:
        raise MisconfiguredError(f"{server}: {_MISTAKES[code]} ({text}).") from reply
    if "without any password configured" in text:
        raise MisconfiguredError(
            f"{server} asks for no password: take it out of [redis_state], or set one there."
        ) from reply
    if "DB index is out of range" in text:
        raise MisconfiguredError(
            f"{server}: it has no database of that number: correct the one in the url ({text})."
        ) from reply
    if "WRONGTYPE" in text:
        raise CorruptValueError(
            f"{server}: a key of the namespace holds no hash, so redis-state did not write it. "
            "Give this Airflow a namespace of its own."
        ) from reply
    raise UnavailableError(f"{server} refused the operation: {text}.") from reply


def give_up(failure: Exception, server: Server, budget: float) -> StateStoreError:
    """Return the error for a call that has used up its budget."""
    if isinstance(failure, ExhaustedError):
        return UnavailableError(
            f"All connections to {server} stayed busy for the budget of {budget:g} s. "
            "Raise [redis_state] pool_size, or see why Redis is slow."
        )
    if isinstance(failure, SilenceError):
        return OperationTimeoutError(
            f"{server} did not answer within the budget of {budget:g} s. "
            "See whether Redis is stopped, overloaded, or behind a silent firewall."
        )
    return UnavailableError(
        f"{server} could not be used within the budget of {budget:g} s ({failure}). "
        "See whether Redis runs there and the network leads to it."
    )
