"""``redis-state clear``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial

from redis_state.admin.regions import regions
from redis_state.admin.store import Store
from redis_state.admin.survey import Tally
from redis_state.cli import exits, texts
from redis_state.cli.context import overlapping
from redis_state.cli.messages import confirm, nothing_found, tell
from redis_state.cli.parsing import UsageError
from redis_state.cli.scopes import in_words, scope_of
from redis_state.cli.state import State
from redis_state.scopes import StateScope, TaskScope


def run(given: argparse.Namespace) -> int:
    """Delete all values of a task or an asset."""
    return overlapping(given, partial(_clear, given))


async def _clear(given: argparse.Namespace, store: Store) -> int:
    scope = scope_of(given)
    whose = in_words(scope)
    if given.all_map_indices:
        states = [State(store, each) for each in await _everywhere(given, store, scope)]
        whose = f"all map indices of {whose}"
    else:
        states = [await State.find(store, scope)]
    tallies = [await _tally(state, all_map_indices=given.all_map_indices) for state in states]
    keys = sum(tally.keys for tally in tallies)
    if not keys:
        return nothing_found(f"{whose} has no state")
    what = f"{texts.values(keys)} ({texts.size(sum(tally.size for tally in tallies))}) of {whose}"
    if given.dry_run:
        tell(f"would delete {what}")
        return exits.DONE
    await confirm(given, f"Delete {what}?")
    for state in states:
        await state.clear(all_map_indices=given.all_map_indices)
    tell(f"deleted {what}")
    return exits.DONE


async def _everywhere(
    given: argparse.Namespace, store: Store, scope: StateScope
) -> list[StateScope]:
    if not isinstance(scope, TaskScope):
        raise UsageError("--all-map-indices is of a task, and an asset has none: leave it out.")
    if given.map_index is not None:
        raise UsageError("--map-index and --all-map-indices exclude each other: use one of them.")
    return [replace(scope, region_id=region) for region in await regions(store, scope)]


async def _tally(state: State, *, all_map_indices: bool) -> Tally:
    survey = await state.survey()
    if all_map_indices or not isinstance(state.scope, TaskScope):
        return survey.total
    return survey.instances.get(state.scope.map_index, Tally())
