"""``redis-state export``."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import anyio

from redis_state.admin.archive.exporting import Export
from redis_state.admin.archive.files import writing
from redis_state.admin.store import Store
from redis_state.admin.walking import Walk
from redis_state.cli import exits, filters, texts
from redis_state.cli.context import overlapping
from redis_state.cli.messages import nothing_found, tell
from redis_state.cli.progress import progress


def run(given: argparse.Namespace) -> int:
    """Write all state to a file."""
    return overlapping(given, partial(_export, given))


async def _export(given: argparse.Namespace, store: Store) -> int:
    wanted = filters.of(given)
    walk = Walk(
        store.client,
        store.namespace,
        prefix=wanted.prefix,
        wanted=wanted.is_of_page,
        with_values=True,
    )
    path = None if given.file is None else Path(given.file)
    try:
        with writing(path) as write, progress("Redis keys") as bar:
            export = Export(store, write, decrypts=bool(given.decrypt))
            await export.run(walk, wanted.is_of_scope, bar.show)
    except anyio.get_cancelled_exc_class():
        left = "no file was written" if path else "what was written is not complete"
        raise exits.Stopped(f"stopped; {left}") from None
    return _told(export)


def _told(export: Export) -> int:
    for problem in export.problems:
        tell(f"{problem.spot} {problem.why.rstrip('.')}")
    if export.unreadable:
        tell(f"exported {texts.values(export.written)}; {export.unreadable:,} cannot be read")
        return exits.FAILED
    if not export.written:
        return nothing_found("nothing that is asked for has state: the export is empty")
    tell(f"exported {texts.values(export.written)}")
    return exits.DONE
