"""``redis-state delete``."""

from __future__ import annotations

import argparse
from functools import partial

from redis_state.admin.store import Store
from redis_state.cli import exits
from redis_state.cli.context import overlapping
from redis_state.cli.messages import nothing_found, tell
from redis_state.cli.scopes import in_words, scope_of
from redis_state.cli.state import State


def run(given: argparse.Namespace) -> int:
    """Delete a value."""
    return overlapping(given, partial(_delete, given))


async def _delete(given: argparse.Namespace, store: Store) -> int:
    state = await State.find(store, scope_of(given))
    entry = await state.value(given.key)
    if entry is None:
        return nothing_found(f"{in_words(state.scope)} has no {given.key!r}")
    if given.dry_run:
        tell(f"would delete {given.key!r} of {in_words(state.scope)}")
    else:
        await state.delete(given.key)
    return exits.DONE
