"""Which task or asset a command is about."""

from __future__ import annotations

import argparse

from redis_state.cli.parsing import UsageError
from redis_state.scopes import AssetScope, StateScope, TaskScope

_TASK, _ASSET = ("dag_id", "run_id", "task_id"), ("asset_id", "asset_name", "asset_uri")
_WHICH = "say which one by --dag-id, --run-id and --task-id, or by --asset-id"


def scope_of(given: argparse.Namespace) -> StateScope:
    """Return the scope that the options name."""
    task = [name for name in _TASK if getattr(given, name) is not None]
    asset = [name for name in _ASSET if getattr(given, name) is not None]
    if (task and asset) or len(asset) > 1:
        raise UsageError(f"{_flags([*task, *asset])} name more than one task or asset: {_WHICH}.")
    if asset:
        if given.map_index is not None:
            raise UsageError("--map-index is of a task, and an asset has none: leave it out.")
        return AssetScope(given.asset_id, given.asset_name, given.asset_uri)
    missing = [name for name in _TASK if name not in task]
    if missing:
        what = f"{_flags(missing)} missing" if task else "No task and no asset is named"
        raise UsageError(f"{what}: {_WHICH}.")
    map_index = -1 if given.map_index is None else given.map_index
    return TaskScope(given.dag_id, given.run_id, given.task_id, map_index)


def in_words(scope: StateScope) -> str:
    """Return a scope as people read it."""
    if isinstance(scope, TaskScope):
        mapped = "" if scope.map_index < 0 else f"[{scope.map_index}]"
        return f"the task {scope.dag_id}/{scope.run_id}/{scope.task_id}{mapped}"
    kinds = ((scope.asset_id, "id"), (scope.name, "name"), (scope.uri, "uri"))
    return next(f"the asset with the {kind} {value}" for value, kind in kinds if value is not None)


def _flags(names: list[str]) -> str:
    flags = [f"--{name.replace('_', '-')}" for name in names]
    return " and ".join(flags) + (" is" if len(flags) == 1 and names[0] in _TASK else "")
