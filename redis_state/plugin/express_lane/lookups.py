"""Whether a task instance or an asset is there now: asked afresh, by all that ask at the same time.

While one look into the metadata database is under way, requests gather for the next one. So at most
one connection is taken, and no answer is older than its question.
"""

from __future__ import annotations

import asyncio
import contextvars
from dataclasses import dataclass
from itertools import repeat
from typing import Any
from uuid import UUID

from airflow import settings
from airflow.state import AssetScope, TaskScope

from redis_state.airflow.run_identity import KnownRun
from redis_state.plugin.express_lane import passing
from redis_state.plugin.express_lane.counts import Counts
from redis_state.plugin.express_lane.passing import Passes
from redis_state.plugin.express_lane.requests import Target
from redis_state.plugin.express_lane.statements import ASSETS, TASKS, asset_of, task_of

# Seconds after which Airflow's own route may try.
_PATIENCE = 1.0
_LARGEST_BATCH = 256


@dataclass(frozen=True, slots=True)
class Found:
    """Whose state it is, and what is known of the run."""

    scope: TaskScope | AssetScope
    session: KnownRun


@dataclass(frozen=True, slots=True)
class _Question:
    target: Target
    # A task instance that has to be there as well.
    writer: UUID | None
    answer: asyncio.Future[Found]


class Lookups:
    """Asks the metadata database, once for all who ask at the same time."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._waiting: list[_Question] = []
        self._asked: list[_Question] = []
        self._looking: asyncio.Task[None] | None = None
        self._is_late = False

    async def find(self, target: Target, writer: UUID | None = None) -> Found:
        """Return whose state that is, if it is there, and so is the task instance that writes."""
        if self._is_late:
            raise Passes(passing.DATABASE)
        loop = asyncio.get_running_loop()
        question = _Question(target, writer, loop.create_future())
        self._waiting.append(question)
        if self._looking is None:
            # Not in the context of the request that happens to be first.
            context = contextvars.Context()
            self._looking = loop.create_task(self._look_up(), context=context)
        return await question.answer

    async def _look_up(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                self._asked = self._waiting[:_LARGEST_BATCH]
                del self._waiting[:_LARGEST_BATCH]
                timer = loop.call_later(_PATIENCE, self._give_up)
                try:
                    await self._answer(self._asked)
                except Exception:  # noqa: BLE001 - whatever it is, Airflow's own route meets it
                    _fail(self._asked)
                finally:
                    timer.cancel()
        finally:
            self._is_late = False
            self._looking = None
            _fail(self._asked + self._waiting)
            self._waiting.clear()

    def _give_up(self) -> None:
        # Until the connection is given back, nobody waits for it any more.
        self._is_late = True
        _fail(self._asked + self._waiting)
        self._waiting.clear()
        if self._looking is not None:
            self._looking.cancel()

    async def _answer(self, asked: list[_Question]) -> None:
        self._counts.has_looked_up(len(asked))
        found = await _select(asked)
        for question in asked:
            if question.answer.done():
                # Whoever asked has gone.
                continue
            state = found.get(question.target.task or (question.target.by, question.target.asset))
            if state is None or (question.writer is not None and question.writer not in found):
                question.answer.set_exception(Passes(passing.ABSENT))
            else:
                question.answer.set_result(Found(*state))


def _fail(questions: list[_Question]) -> None:
    for question in questions:
        if not question.answer.done():
            question.answer.set_exception(Passes(passing.DATABASE))


async def _select(asked: list[_Question]) -> dict[Any, tuple[Any, KnownRun]]:
    tasks = {task for each in asked for task in (each.target.task, each.writer) if task}
    found: dict[Any, tuple[Any, KnownRun]] = {}
    async with settings.async_engine.connect() as connection:
        # One statement is a transaction of its own: it sees what was committed before it.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        if tasks:
            rows = await connection.execute(TASKS, {"asked": _padded(list(tasks))})
            found |= map(task_of, rows)
        for by, statement in ASSETS.items():
            names = {each.target.asset for each in asked if each.target.by == by}
            if names:
                rows = await connection.execute(statement, {"asked": _padded(list(names))})
                found |= {(by, name): state for name, state in map(asset_of, rows)}
    return found


def _padded(values: list[Any]) -> list[Any]:
    """Make the number of values a power of two, so that there are few different statements."""
    missing = (1 << (len(values) - 1).bit_length()) - len(values)
    return [*values, *repeat(values[-1], missing)]
