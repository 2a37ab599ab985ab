# Made from redis_state/client/_async/cluster_routes.py by "make sync": change that, and run it.
"""Which node of a cluster an operation goes to: each slot has a master."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import Any

from redis_state.client._sync.exchange import first_exchange
from redis_state.client._sync.node import SyncNode
from redis_state.client.io.runtime_sync import BLOCKS, Permits, in_a_forked_child, open_link
from redis_state.client.policy import sentinels, slots
from redis_state.client.policy.attempts import (
    AttemptError,
    BrokenError,
    FailedFastError,
    NotNowError,
    RedirectedError,
    StrangerError,
)
from redis_state.client.policy.breaker import Observer, on_a_loop
from redis_state.client.policy.budget import Budget
from redis_state.client.policy.permits import Permit
from redis_state.client.policy.server_errors import check
from redis_state.client.policy.slots import SlotMap
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.operations.operation import Operation

_UNTOLD = NotNowError("no node tells who serves what")


class ClusterRoutes:
    """Each slot has a master; who meets another one than was known tells it here."""

    def __init__(self, settings: Settings, observer: Observer | None) -> None:
        self._settings = settings
        self._observer = observer
        self._nodes: dict[Server, SyncNode] = {}
        self._map: SlotMap | None = None
        self._news = slots.News(settings.breaker_after)
        self._start_afresh()
        in_a_forked_child(self, ClusterRoutes._start_afresh)

    def _start_afresh(self) -> None:
        self._asking = Permits(1)

    def known(self, operation: Operation[Any]) -> SyncNode | None:
        owner = self._owner(operation)
        return None if owner is None else self._at(owner)

    def group_of(self, operation: Operation[Any]) -> Hashable:
        return self._owner(operation) or operation.page

    def look(self) -> None:
        return None

    def find(
        self, operation: Operation[Any], budget: Budget, failure: AttemptError | None
    ) -> SyncNode:
        if isinstance(failure, RedirectedError) and self._map is not None:
            if not self._settings.allowed.admits(failure.target):
                raise budget.give_up(StrangerError(failure.target, f"a node ({failure})"))
            if failure.is_asking:
                return self._at(failure.target)
            self._map.move(failure.slot, failure.target)
        elif self._map is None or isinstance(failure, (BrokenError, NotNowError)):
            self._spare_loops(budget)
            self._learn(budget, self._owner(operation))
        node = self.known(operation)
        if node is None:
            raise NotNowError("no node of the cluster is known to serve the slot")
        return node

    def _at(self, server: Server) -> SyncNode:
        node = self._nodes.get(server)
        if node is None:
            made = SyncNode(self._settings, partial(stays, server), self._observer)
            node = self._nodes.setdefault(server, made)
        return node

    def servers(self, budget: Budget) -> list[Server]:
        self._learn(budget, None)
        return self._map.masters() if self._map is not None else []

    def close(self) -> None:
        for node in list(self._nodes.values()):
            node.close()

    def _owner(self, operation: Operation[Any]) -> Server | None:
        known = self._map
        return None if known is None else known.owner(slots.slot_of(operation.page))

    def _learn(self, budget: Budget, failed: Server | None) -> None:
        """Ask the cluster who serves what, unless that was just done or another call is at it."""
        held: list[Permit] = []
        try:
            if not self._asking.take_at_once(held):
                if self._map is None and self._news.are_overdue():
                    raise budget.give_up(FailedFastError(_UNTOLD))
                return
            if self._map is None or self._news.are_old():
                self._map = self._ask_around(budget, failed)
                self._let_go_of_strangers()
        finally:
            if held:
                held[0].give_back(held[0])

    def _spare_loops(self, budget: Budget) -> None:
        """End a call that holds up a loop, as the breaker of a node would do."""
        just_now = budget.attempts > 0 or self._news.were_missed_within(self._settings.budget)
        is_overdue = self._map is None and self._news.are_overdue(budget.begun) and just_now
        if BLOCKS and is_overdue and on_a_loop():
            raise budget.give_up(FailedFastError(_UNTOLD))

    def _ask_around(self, budget: Budget, failed: Server | None) -> SlotMap:
        known = self._map.masters() if self._map is not None else []
        failure: AttemptError = NotNowError("no node of the cluster is known")
        for server in self._news.ask_first([*known, *self._settings.deployment.servers], failed):
            try:
                found = self._ask(server, budget.locating_ends())
            except AttemptError as error:
                failure = error
            else:
                self._news.arrived()
                return found
        if isinstance(failure, StrangerError):
            raise budget.give_up(failure)
        self._news.missed()
        raise failure

    def _ask(self, server: Server, deadline: float) -> SlotMap:
        link = open_link(self._settings, server, deadline, silence=sentinels.SILENCE)
        try:
            replies = first_exchange(link, self._settings, [slots.QUESTION], deadline)
        finally:
            link.close()
        check(replies, server)
        return slots.read_slots(replies[0], server, self._settings.allowed)

    def _let_go_of_strangers(self) -> None:
        masters = self._map.masters() if self._map is not None else []
        for server in self._nodes.keys() - set(masters):
            node = self._nodes.pop(server)
            node.breaker.retire()
            node.close()


def stays(server: Server, _: float) -> Server:
    """Locate a server that is always the same."""
    return server
