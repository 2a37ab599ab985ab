"""The client for threads: a fast lane, and a pool of links behind it; safe under fork.

What an operation meets on the lane that is no result, the pool meets again with all patience: there
it is tried until its budget ends.
"""

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
    CrowdedError,
    ExhaustedError,
    UnknownScriptError,
    check,
    read_capabilities,
)
from redis_state.client.sync_lane import SyncLane
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
        self._attempt = min(settings.timeout, settings.budget)
        self._start_afresh()
        _clients.add(self)

    def _start_afresh(self) -> None:
        self._idle: list[Link] = []
        self._free = threading.Semaphore(self._settings.pool_size)
        self._lane: SyncLane | None = None
        self._opening = threading.Lock()

    def run(self, operation: Operation[T]) -> T:
        """Run an operation to its result, or to one typed error when the budget is used up."""
        begun, lane = time.monotonic(), self._lane
        failure: BrokenError | None = None
        try:
            if lane is not None or (lane := self._open_lane(begun)) is not None:
                return self._drive(lane, operation, begun + self._attempt)
        except CrowdedError:
            pass
        except BrokenError as error:
            self._drop_lane(lane)
            failure = error
        return self._run_in_pool(operation, Budget(self._settings, begun), failure)

    def _run_in_pool(
        self, operation: Operation[T], budget: Budget, failure: BrokenError | None
    ) -> T:
        fresh = False
        while True:
            if failure is not None:
                self._drop_idle()
                pause = budget.pause(failure, at_once=not fresh)
                if self._on_retry is not None:
                    self._on_retry()
                time.sleep(pause)
            self._reserve(budget)
            link, fresh = None, True
            try:
                link, fresh = self._link(budget)
                result = self._drive(link, operation, budget.attempt_ends())
            except BrokenError as error:
                failure = error
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

    def close(self) -> None:
        """Close the connections that nobody uses; a later call opens new ones."""
        self._drop_lane(self._lane)
        self._drop_idle()

    def after_fork_in_child(self) -> None:
        """Leave the parent's connections to the parent."""
        for connection in (*self._idle, self._lane):
            if connection is not None:
                connection.abandon()
        self._start_afresh()

    def _open_lane(self, begun: float) -> SyncLane | None:
        """Open the lane, unless it is off or another thread is about to, which nobody waits for."""
        if not self._settings.fast_lane or not self._opening.acquire(blocking=False):
            return None
        try:
            if self._lane is None:
                budget = Budget(self._settings, begun)
                link = open_link(self._settings, budget.connecting_ends())
                try:
                    self._lane = SyncLane(link, self._ask(link, budget.attempt_ends()))
                except BaseException:
                    close_link(link)
                    raise
            return self._lane
        finally:
            self._opening.release()

    def _drop_lane(self, lane: SyncLane | None) -> None:
        if lane is not None:
            if self._lane is lane:
                self._lane = None
            lane.retire()

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

    def _drive(self, way: Link | SyncLane, operation: Operation[T], deadline: float) -> T:
        if way.capabilities is None:
            assert not isinstance(way, SyncLane)
            way.capabilities = self._ask(way, deadline)
        while True:
            batch = operation.begin(way.capabilities)
            replies: Replies = []
            if batch:
                replies = way.exchange(wire.pack(batch), len(batch), deadline)
                if wire.has_error(replies):
                    replies = self._explain(way, batch, replies, deadline)
            result = operation.end(replies)
            if not isinstance(result, Operation):
                return result
            operation = result

    def _ask(self, link: Link, deadline: float) -> Capabilities:
        # Of each connection anew: the server behind it may be another since the last.
        replies = link.exchange(wire.pack(PROBE), len(PROBE), deadline)
        return read_capabilities(replies, self._settings.server)

    def _explain(
        self, way: Link | SyncLane, batch: Batch, replies: Replies, deadline: float
    ) -> Replies:
        """Raise what an error among the replies means, or send scripts that the server lacks."""
        try:
            check(replies, self._settings.server)
        except UnknownScriptError:
            replies = way.exchange(wire.pack(batch, with_texts=True), len(batch), deadline)
            check(replies, self._settings.server)
        return replies


_clients: weakref.WeakSet[SyncClient] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for client in list(_clients):
        client.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
