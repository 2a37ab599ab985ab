# Made from redis_state/client/_async/exchange.py by "make sync": change that, and run it.
"""What travels over a connection: one step of an operation, questions, a new login."""

from __future__ import annotations

from typing import Any, TypeVar

from hiredis import ReplyError

from redis_state.client.io.handshake import Renewal, read_answers
from redis_state.client.io.runtime_sync import Way, check_mismatch
from redis_state.client.policy import packing
from redis_state.client.policy.abandoned import Abandoned, closing
from redis_state.client.policy.attempts import BrokenError, UnknownScriptError
from redis_state.client.policy.server_errors import check
from redis_state.config.settings import Settings
from redis_state.errors import StateStoreError
from redis_state.operations.operation import Batch, Capabilities, Operation, Replies, ScriptCall

T = TypeVar("T")


def first_exchange(way: Way, settings: Settings, batch: Batch, deadline: float) -> Replies:
    """Exchange what comes first on a connection: a server that wants TLS closes it now."""
    try:
        return way.exchange(packing.pack(batch), len(batch), deadline)
    except BrokenError as failure:
        if settings.deployment.tls is None:
            check_mismatch(settings, way.server, failure, deadline)
        raise


def ask(
    way: Way, settings: Settings, questions: Batch, abandoned: Abandoned, deadline: float
) -> Capabilities:
    """Ask what the server can do; of each connection again, for it may be another since the last.

    It is told first to close what was given up: nothing may arrive there later.
    """
    given_up = abandoned.at(way.server)
    batch = [*closing(given_up), *questions]
    replies = first_exchange(way, settings, batch, deadline)
    abandoned.gone(given_up)
    can, way.identity = read_answers(replies[len(given_up) :], way.server)
    return can


def exchange(
    way: Way,
    operation: Operation[T],
    server: Capabilities,
    deadline: float,
    *,
    is_asking: bool = False,
) -> T | Operation[T]:
    """Do one step of an operation; ``is_asking``: at a node that is about to get the slot."""
    batch = operation.begin(server)
    if not batch:
        return operation.end([])
    # Scripts whole where it waits: a server that asked for one would have waited in vain.
    whole = operation.lingers > 0
    if is_asking:
        replies = _send(way, batch, deadline, is_asking=True, with_texts=whole)
    else:
        replies = way.exchange(_packed(batch, with_texts=whole), len(batch), deadline)
    if has_error(replies) and not operation.reads_errors:
        try:
            check(replies, way.server, _pages(operation, batch))
        except UnknownScriptError:
            replies = _send(way, batch, deadline, is_asking=is_asking, with_texts=True)
            check(replies, way.server, _pages(operation, batch))
    return operation.end(replies)


def renew_login(way: Way, renewal: Renewal, deadline: float) -> None:
    """Log in again on a connection that stands."""
    way.logged_in_at = renewal.begins()
    try:
        batch = renewal.batch(renewal.provider.get_credentials())
    except StateStoreError as error:
        way.logged_in_at = renewal.put_off(error)
        return
    if has_error(way.exchange(packing.pack(batch), len(batch), deadline)):
        raise BrokenError("the server refused to renew the login")


def _send(
    way: Way,
    batch: Batch,
    deadline: float,
    *,
    is_asking: bool,
    with_texts: bool,
) -> Replies:
    if is_asking:
        packed = packing.pack_asking(batch, with_texts=with_texts)
        replies = way.exchange(packed, 2 * len(batch), deadline)
        return replies[1::2]
    return way.exchange(_packed(batch, with_texts=with_texts), len(batch), deadline)


def _packed(batch: Batch, *, with_texts: bool) -> bytes:
    try:
        return b"".join(batch)  # type: ignore[arg-type]  # the frequent commands are packed already
    except TypeError:
        return packing.pack(batch, with_texts=with_texts)


def _pages(operation: Operation[Any], batch: Batch) -> list[str]:
    """List the Redis keys that a step has touched."""
    scripts = [call.pages for call in batch if isinstance(call, ScriptCall)]
    return list(dict.fromkeys(page for pages in scripts for page in pages)) or [operation.page]


def has_error(replies: Replies) -> bool:
    """Tell whether the server refused something."""
    return ReplyError in map(type, replies)
