"""``redis-state update``."""

from __future__ import annotations

import argparse
from functools import partial

from redis_state.admin.store import Store
from redis_state.cli import exits
from redis_state.cli.context import overlapping
from redis_state.cli.messages import nothing_found
from redis_state.cli.scopes import in_words, scope_of
from redis_state.cli.state import State
from redis_state.cli.values import value_of
from redis_state.scopes import StateScope


def run(given: argparse.Namespace) -> int:
    """Write another value, which expires when the present one does."""
    return overlapping(given, partial(_update, given, scope_of(given), value_of(given)))


async def _update(given: argparse.Namespace, scope: StateScope, value: str, store: Store) -> int:
    state = await State.find(store, scope)
    if await state.update(given.key, value):
        return exits.DONE
    return nothing_found(f"{in_words(state.scope)} has no {given.key!r}: write it with set")
