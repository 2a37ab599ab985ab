"""What can go wrong with a server, in the words of `redis_state.errors`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from ssl import SSLCertVerificationError
from typing import Any

from hiredis import HiredisError, ReplyError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from redis_state.client.policy.attempts import (
    AttemptError,
    BrokenError,
    LoginError,
    NotNowError,
    RedirectedError,
    RefusedError,
    ReplicaError,
    SilenceError,
    SplitError,
    UnknownScriptError,
)
from redis_state.client.policy.certificates import untrusted_certificate
from redis_state.client.policy.slots import read_redirection
from redis_state.config.url import Server
from redis_state.errors import (
    CorruptValueError,
    MisconfiguredError,
    StateStoreError,
    UnavailableError,
)
from redis_state.operations.operation import Capabilities, Replies, capabilities

# Replies that a later attempt may not meet: on a new connection, and on the same one.
_OF_REPLICAS = ("READONLY", "MASTERDOWN")
_ELSEWHERE = (*_OF_REPLICAS, "UNBLOCKED")
_LATER = ("LOADING", "CLUSTERDOWN", "BUSY", "NOREPLICAS")
# How a server before 7.0 begins the error of a command that a script called.
_IN_A_SCRIPT = "Error running script"
_REDIRECTIONS = ("MOVED", "ASK", "TRYAGAIN")
_REFUSED_LOGINS = ("WRONGPASS", "NOAUTH")
_REMEDIES = {
    "OOM": "Redis is at its maxmemory: raise it, or delete what is not needed",
    "MISCONF": "Redis cannot save to disk and refuses writes: see its log",
}
_UNKNOWN = "it lacks a command: use Redis 6.2 or Valkey 7.2 or later, and let the user run it"
_NO_RIGHT = "the ACL user lacks a right: grant it the command and the keys of the namespace"
# What a text says, wherever it says so.
_SIGNS: dict[str, tuple[type[StateStoreError], str]] = {
    "appendonly is disabled": (
        MisconfiguredError,
        "durability = aof needs an append-only file: switch appendonly on; the write was made",
    ),
    "WAITAOF": (
        MisconfiguredError,
        "durability = aof needs Redis 7.2 or Valkey 7.2, or later ones; the write was made",
    ),
    "cluster support disabled": (
        MisconfiguredError,
        "it is no node of a cluster: write redis:// in [redis_state] url, not redis+cluster://",
    ),
    "nknown command": (MisconfiguredError, _UNKNOWN),
    "nknown Redis command": (MisconfiguredError, _UNKNOWN),
    "NOAUTH": (
        MisconfiguredError,
        "Redis asks for a password: set [redis_state] password, or put it into the url",
    ),
    "WRONGPASS": (
        MisconfiguredError,
        "Redis refused the user or password: correct [redis_state] username and password",
    ),
    "NOPERM": (MisconfiguredError, _NO_RIGHT),
    "ACL failure in script": (MisconfiguredError, _NO_RIGHT),
    "executing the script can't run": (MisconfiguredError, _NO_RIGHT),
    "NOPROTO": (MisconfiguredError, "the server does not speak RESP2"),
    "DENIED": (
        MisconfiguredError,
        "Redis is in protected mode: set a password or bind it to other addresses",
    ),
    "without any password configured": (
        MisconfiguredError,
        "it asks for no password: take it out of [redis_state], or set one there",
    ),
    "DB index is out of range": (
        MisconfiguredError,
        "it has no database of that number: correct the one in the url",
    ),
}


# The second is a missing socket.
_NOBODY_LISTENS = (ConnectionRefusedError, FileNotFoundError)


def check(replies: Replies, server: Server, pages: Iterable[str] = ()) -> None:
    """Raise what the first error among the replies means; ``pages`` are those that it is about."""
    for reply in replies:
        if isinstance(reply, ReplyError):
            _raise_for(reply, server, pages)


def while_connecting(error: BaseException, server: Server, *, rotating: bool) -> None:
    """Raise what an error of connecting or logging in means, unless it is a stranger's.

    ``rotating``: the credentials change by themselves.
    """
    if isinstance(error, BrokenError):
        raise error
    mistake = _origin(error, MisconfiguredError)
    if mistake is not None:
        # A new one: the old one's context would lead back to itself.
        raise MisconfiguredError(str(mistake)) from error
    refusal = _origin(error, ResponseError)
    if refusal is not None:
        if rotating and str(refusal).startswith(_REFUSED_LOGINS):
            raise LoginError(str(refusal)) from error
        check([ReplyError(str(refusal))], server)
    untrusted = untrusted_of(error)
    if untrusted is not None:
        raise MisconfiguredError(untrusted_certificate(untrusted, server)) from error
    if isinstance(error, (TimeoutError, RedisTimeoutError)):
        raise SilenceError(str(error) or "no answer in time") from error
    refused = _origin(error, ConnectionRefusedError if server.path is None else OSError)
    if isinstance(refused, _NOBODY_LISTENS):
        raise RefusedError(server, os.strerror(refused.errno or 0)) from refused
    if isinstance(error, (RedisError, HiredisError, OSError)):
        raise BrokenError(str(error)) from error


def _origin(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error


def read_capabilities(replies: Replies, server: Server) -> Capabilities:
    """Read the reply to the probe; who may not ask is served in the form that all servers have."""
    if not isinstance(replies[0], ReplyError) or not _is_refusal(replies[0]):
        check(replies[:1], server)
    return capabilities(replies)


def check_role(reply: Any, server: Server) -> None:
    """Raise if a server is no master; who may not ask learns it when something is written."""
    if not isinstance(reply, ReplyError):
        if reply[0] != b"master":
            raise BrokenError(f"{server} is no master any more")
    elif not _is_refusal(reply):
        check([reply], server)


def _is_refusal(reply: ReplyError) -> bool:
    text = str(reply)
    return text.startswith("NOPERM") or "nknown command" in text


def _raise_for(reply: ReplyError, server: Server, pages: Iterable[str]) -> None:
    text = str(reply)
    if _IN_A_SCRIPT in text:
        text = text.partition(": -")[2] or text
    code = text.split(" ", 1)[0]
    if code == "NOSCRIPT":
        raise UnknownScriptError from reply
    if code in _ELSEWHERE or code in _LATER:
        broken = ReplicaError if code in _OF_REPLICAS else BrokenError
        raise (broken if code in _ELSEWHERE else NotNowError)(text) from reply
    if code in _REDIRECTIONS:
        raise _redirection(text, server) from reply
    if code in _REMEDIES:
        raise UnavailableError(f"{server}: {_REMEDIES[code]} ({text}).") from reply
    if "WRONGTYPE" in text:
        keys = " or ".join(map(repr, pages)) or "A Redis key"
        raise CorruptValueError(
            f"{keys} is not redis-state's: delete it, or give this Airflow a namespace of its own. "
            f"{server}: {text}."
        ) from reply
    for sign, (kind, meaning) in _SIGNS.items():
        if sign in text:
            raise kind(f"{server}: {meaning} ({text}).") from reply
    raise UnavailableError(f"{server} refused the operation: {text}.") from reply


def untrusted_of(error: BaseException) -> SSLCertVerificationError | None:
    """Return the refusal of a certificate, where an error comes from one."""
    found = _origin(error, SSLCertVerificationError)
    return found if isinstance(found, SSLCertVerificationError) else None


def _redirection(text: str, server: Server) -> AttemptError:
    if text.startswith("TRYAGAIN"):
        return SplitError(text)
    try:
        slot, target = read_redirection(text, server)
    except ValueError as error:
        return BrokenError(f"{server} redirects, and {error}: {text}")
    return RedirectedError(text, slot, target, is_asking=text.startswith("ASK"))
