"""``redis-state stats``."""

from __future__ import annotations

import argparse
from functools import partial

from redis_state.admin.stats import Stats
from redis_state.admin.store import Store
from redis_state.admin.walking import Walk, cursor_text, read_cursor
from redis_state.cli import exits
from redis_state.cli.context import overlapping
from redis_state.cli.messages import tell
from redis_state.cli.parsing import UsageError
from redis_state.cli.progress import Progress, progress
from redis_state.cli.stats_report import write

_TOP = 10


def run(given: argparse.Namespace) -> int:
    """Tell what fills the memory."""
    top = _TOP if given.top is None else given.top
    if top < 1:
        raise UsageError("--top is to be 1 or more.")
    start = None if given.cursor is None else read_cursor(given.cursor)
    stats = Stats(top, start)
    try:
        with progress("keys") as bar:
            overlapping(given, partial(_collect, stats, bar))
    except KeyboardInterrupt:
        write(given.output, stats, top)
        tell(f"stopped: this is not all; go on with --cursor {cursor_text(stats.cursor)}")
        return exits.INTERRUPTED
    write(given.output, stats, top)
    return exits.DONE


async def _collect(stats: Stats, bar: Progress, store: Store) -> None:
    walk = Walk(store.client, store.namespace, start=stats.cursor, measures=True)
    await stats.collect(walk, bar.show)
