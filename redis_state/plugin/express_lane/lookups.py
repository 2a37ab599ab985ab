"""Whether a task instance or an asset is there now: asked afresh, by all that ask at the same time.

While one look into the metadata database is under way, requests gather for the next one. So at most
one connection is taken, and no answer is older than its question.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from airflow import settings
from airflow.state import AssetScope, TaskScope

from redis_state.airflow.run_identity import KnownRun
from redis_state.plugin.express_lane import passing
from redis_state.plugin.express_lane.counts import Counts
from redis_state.plugin.express_lane.passing import Passes
from redis_state.plugin.express_lane.requests import Target
from redis_state.plugin.express_lane.statements import Reader

# Seconds after which Airflow's own route may try.
_PATIENCE = 1.0
_LARGEST_BATCH = 256
# Seconds that a connection is kept without requests, and at most. The pool tests each one that it
# hands out, which takes longer than what is asked here.
_LINGERS = 1.0
_KEPT_FOR = 60.0


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
        # Done when somebody asks.
        self._idle: asyncio.Future[None] | None = None
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
        elif self._idle is not None:
            _wake_up(self._idle)
        return await question.answer

    async def _look_up(self) -> None:
        try:
            while self._waiting:
                try:
                    await self._use_a_connection()
                except Exception:  # noqa: BLE001 - whatever it is, Airflow's own route meets it
                    self._fail()
        finally:
            self._is_late = False
            self._looking = self._idle = None
            self._fail()

    async def _use_a_connection(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _KEPT_FOR
        with self._patience(loop):
            # One statement is a transaction of its own: it sees what was committed before it.
            engine = settings.async_engine.execution_options(isolation_level="AUTOCOMMIT")
            connection = await engine.connect()
        try:
            reader = await Reader.on(connection)
            while self._waiting and loop.time() < until:
                with self._patience(loop):
                    await self._answer(reader)
                if not self._waiting:
                    await self._linger(loop)
        except BaseException:
            # An answer may be under way on it.
            await connection.invalidate()
            raise
        finally:
            # Without a pool, the database has its part in it.
            with self._patience(loop):
                await connection.close()

    async def _answer(self, reader: Reader) -> None:
        self._asked = asked = self._waiting[:_LARGEST_BATCH]
        del self._waiting[:_LARGEST_BATCH]
        self._counts.has_looked_up(len(asked))
        tasks = {task for each in asked for task in (each.target.task, each.writer) if task}
        assets = {(each.target.by, each.target.asset) for each in asked if each.target.by}
        found = await reader.select(tasks, assets)
        for question in asked:
            if question.answer.done():
                # Whoever asked has gone.
                continue
            target, writer = question.target, question.writer
            state = found.get(target.task or (target.by, target.asset))
            if state is None or (writer is not None and writer not in found):
                question.answer.set_exception(Passes(passing.ABSENT))
            else:
                question.answer.set_result(Found(*state))

    async def _linger(self, loop: asyncio.AbstractEventLoop) -> None:
        self._idle = loop.create_future()
        timer = loop.call_later(_LINGERS, _wake_up, self._idle)
        await self._idle
        timer.cancel()
        self._idle = None

    @contextmanager
    def _patience(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        timer = loop.call_later(_PATIENCE, self._give_up)
        try:
            yield
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        # Until the connection is given back, nobody waits for it any more.
        self._is_late = True
        self._fail()
        if self._looking is not None:
            self._looking.cancel()

    def _fail(self) -> None:
        for question in self._asked + self._waiting:
            if not question.answer.done():
                question.answer.set_exception(Passes(passing.DATABASE))
        self._asked, self._waiting = [], []


def _wake_up(idle: asyncio.Future[None]) -> None:
    if not idle.done():
        idle.set_result(None)
