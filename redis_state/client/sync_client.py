"""The client for threads: a pool of links, safe under fork, that keeps operations to a budget."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import TypeVar

from redis_state.client import wire
from redis_state.client.budget import Budget
from redis_state.client.failures import (
    BrokenError,
    ExhaustedError,
    UnknownScriptError,
    check,
    read_capabilities,
)
from redis_state.client.sync_link import Link, close_link, open_link
from redis_state.errors import StateStoreError
from redis_state.operations import PROBE, Batch, Capabilities, Operation, Replies
from redis_state.settings import Settings

T = TypeVar("T")


class SyncClient:
    """Runs operations for any number of threads; connects when first used."""

    def __init__(self, settings: Settings, on_retry: Callable[[], None] | None = None) -> None:
        self._settings = settings
        self._on_retry = on_retry
        self._start_afresh()
        _clients.add(self)

    def _start_afresh(self) -> None:
        self._idle: list[Link] = []
        self._free = threading.Semaphore(self._settings.pool_size)

    def run(self, operation: Operation[T]) -> T:
        """Run an operation to its result, or to one typed error when the budget is used up."""
        budget = Budget(self._settings)
        while True:
            self._reserve(budget)
            link, fresh = None, True
            try:
                link, fresh = self._link(budget)
                result = self._drive(link, operation, budget.attempt_ends())
            except BrokenError as failure:
                self._drop_idle()
                pause = budget.pause(failure, at_once=not fresh)
            except StateStoreError:
                # The replies were read to the end: the link is sound, whatever they say.
                if link is not None:
                    self._idle.append(link)
                    link = None
                raise
            else:
                self._idle.append(link)
                link = None
                return result
            finally:
                # What is left of a link here may still have a reply under way.
                if link is not None:
                    close_link(link)
                self._free.release()
            if self._on_retry is not None:
                self._on_retry()
            time.sleep(pause)

    def close(self) -> None:
        """Close the idle connections; a later call opens new ones."""
        self._drop_idle()

    def after_fork_in_child(self) -> None:
        """Leave the parent's connections to the parent."""
        for link in self._idle:
            link.abandon()
        self._start_afresh()

    def _reserve(self, budget: Budget) -> None:
        if not self._free.acquire(timeout=max(0.0, budget.deadline - time.monotonic())):
            raise budget.give_up(ExhaustedError())

    def _link(self, budget: Budget) -> tuple[Link, bool]:
        try:
            return self._idle.pop(), False
        except IndexError:
            return open_link(self._settings, budget.connecting_ends()), True

    def _drop_idle(self) -> None:
        while self._idle:
            try:
                close_link(self._idle.pop())
            except IndexError:
                return

    def _drive(self, link: Link, operation: Operation[T], deadline: float) -> T:
        if link.capabilities is None:
            link.capabilities = self._ask(link, deadline)
        steps = operation(link.capabilities)
        try:
            batch = next(steps)
            while True:
                batch = steps.send(self._exchange(link, batch, deadline))
        except StopIteration as end:
            result: T = end.value
            return result

    def _ask(self, link: Link, deadline: float) -> Capabilities:
        # Of each connection anew: the server behind it may be another since the last.
        replies = link.exchange(wire.pack(PROBE), len(PROBE), deadline)
        return read_capabilities(replies, self._settings.server)

    def _exchange(self, link: Link, batch: Batch, deadline: float) -> Replies:
        replies = link.exchange(wire.pack(batch), len(batch), deadline)
        try:
            check(replies, self._settings.server)
        except UnknownScriptError:
            packed = wire.pack(batch, with_texts=True)
            replies = link.exchange(packed, len(batch), deadline)
            check(replies, self._settings.server)
        return replies


_clients: weakref.WeakSet[SyncClient] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for client in list(_clients):
        client.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
