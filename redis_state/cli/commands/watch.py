"""``redis-state watch``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterator
from functools import partial

import anyio
import anyio.to_thread

from redis_state.admin.patience import patiently
from redis_state.admin.store import Store
from redis_state.admin.tasks import task_group
from redis_state.airflow.runs import ENDED, instance_state
from redis_state.cli import exits, output
from redis_state.cli.changes import changes, row_of
from redis_state.cli.context import overlapping
from redis_state.cli.parsing import UsageError
from redis_state.cli.scopes import scope_of
from redis_state.cli.state import Shown, State
from redis_state.scopes import StateScope, TaskScope

_INTERVAL = 1.0
# The metadata database is asked less often: it has other work.
_SECONDS_TO_ASK = 2.0
_LOOKS_TO_FIND = 10


def run(given: argparse.Namespace) -> int:
    """Show the state of a task as it changes."""
    interval = _INTERVAL if given.interval is None else given.interval
    if not interval > 0:
        raise UsageError("--interval is to be more than 0 seconds.")
    if given.output not in (None, "table", "jsonl"):
        raise UsageError("watch writes a table or, with -o jsonl, a line for each change.")
    is_live = given.output != "jsonl" and sys.stdout.isatty()
    show = _show_live if is_live else _write_lines
    return overlapping(given, partial(show, scope_of(given), interval))


class _Watch:
    """Looks at a scope again and again, until its task has ended."""

    def __init__(self, store: Store, scope: StateScope, interval: float) -> None:
        self._store = store
        self._scope = scope
        self._interval = interval
        self._state: State | None = None
        self._empty_looks = 0
        self.task_state: str | None = None

    async def looks(self) -> AsyncIterator[dict[str, Shown]]:
        """Yield what the scope keeps, at each look."""
        while True:
            # What was there when the task ended is shown, too.
            is_last = self.task_state in ENDED
            yield await patiently(self._look)
            if is_last:
                return
            await anyio.sleep(self._interval)

    async def follow_task(self) -> None:
        """Ask Airflow about the task, where it can be asked."""
        while isinstance(self._scope, TaskScope):
            ask = partial(anyio.to_thread.run_sync, instance_state, self._scope)
            self.task_state = await ask(abandon_on_cancel=True)
            await anyio.sleep(_SECONDS_TO_ASK)

    async def _look(self) -> dict[str, Shown]:
        if self._state is None or self._empty_looks % _LOOKS_TO_FIND == _LOOKS_TO_FIND - 1:
            # A task that has kept nothing yet may turn out to have a region of its own.
            self._state = await State.find(self._store, self._scope)
        found = {shown.key: shown async for shown in self._state.values()}
        self._empty_looks = 0 if found else self._empty_looks + 1
        return found


async def _write_lines(scope: StateScope, interval: float, store: Store) -> int:
    watch = _Watch(store, scope, interval)
    before: dict[str, Shown] = {}
    async with task_group() as tasks:
        tasks.start_soon(watch.follow_task)
        async for now in watch.looks():
            for change in changes(before, now):
                sys.stdout.write(output.as_json(row_of(change)) + "\n")
            sys.stdout.flush()
            before = now
        tasks.cancel_scope.cancel()
    sys.stdout.write(output.as_json({"change": "ended", "state": watch.task_state}) + "\n")
    return exits.DONE


async def _show_live(scope: StateScope, interval: float, store: Store) -> int:
    from redis_state.cli.live import Live  # noqa: PLC0415 - not for programs

    watch = _Watch(store, scope, interval)
    async with task_group() as tasks:
        tasks.start_soon(watch.follow_task)
        with Live(scope) as live:
            async for now in watch.looks():
                live.show(now, watch.task_state)
        tasks.cancel_scope.cancel()
    return exits.DONE
