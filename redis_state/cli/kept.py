"""Scopes and what they keep, as rows of a result."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from redis_state.admin.contents import Kept
from redis_state.cli import output
from redis_state.cli.output import Column, Row
from redis_state.scopes import ZERO_REGION, StateScope, TaskScope

WHOSE = (
    *("kind", "dag_id", "run_id", "task_id", "map_index", "region_id"),
    *("asset_id", "asset_name", "asset_uri"),
)
FIELDS = (*WHOSE, "side", "keys", "bytes", "permanent", "next_expiry", "updated_at")
TASKS, ASSETS = "task", "asset"


def whose(scope: StateScope) -> dict[str, Any]:
    """Return the fields that tell whose it is; those that do not apply are None."""
    fields: dict[str, Any] = dict.fromkeys(WHOSE)
    if isinstance(scope, TaskScope):
        region = None if scope.region_id == ZERO_REGION else str(scope.region_id)
        return fields | {
            "kind": TASKS,
            "dag_id": scope.dag_id,
            "run_id": scope.run_id,
            "task_id": scope.task_id,
            "map_index": scope.map_index,
            "region_id": region,
        }
    return fields | {
        "kind": ASSETS,
        "asset_id": scope.asset_id,
        "asset_name": scope.name,
        "asset_uri": scope.uri,
    }


def row_of(kept: Kept) -> dict[str, Any]:
    """Return the row of a scope."""
    return {
        **whose(kept.scope),
        "side": "worker" if kept.of_worker else "server",
        "keys": kept.keys,
        "bytes": kept.size,
        "permanent": kept.permanent,
        "next_expiry": kept.next_expiry,
        "updated_at": kept.updated_at,
    }


def order(row: Row) -> tuple[tuple[bool, Any], ...]:
    """Return what rows are sorted by."""
    return tuple((row[name] is not None, row[name]) for name in (*WHOSE, "side"))


def columns(kinds: Collection[str]) -> Sequence[Column]:
    """Return the columns of a table of tasks, of assets, or of both."""
    return (
        *whose_columns(kinds),
        output.number("keys"),
        output.size("bytes"),
        output.number("permanent"),
        output.expiry("next_expiry", "next expiry"),
    )


def whose_columns(kinds: Collection[str]) -> Sequence[Column]:
    """Return the columns that tell whose it is."""
    if kinds == {TASKS}:
        return (
            output.text("dag_id", "dag"),
            output.text("run_id", "run"),
            Column("task", lambda row: row["task_id"] + _mapped(row) + _side(row)),
        )
    return (Column("asset" if kinds == {ASSETS} else "task or asset", in_words),)


def in_words(row: Row) -> str:
    """Return whose a row is, in one text."""
    if row["kind"] == TASKS:
        names = "/".join(row[name] for name in ("dag_id", "run_id", "task_id"))
        return names + _mapped(row) + _side(row)
    for name in ("asset_id", "asset_name", "asset_uri"):
        if row[name] is not None:
            return f"{name.replace('_', ' ')} {row[name]}{_side(row)}"
    raise AssertionError


def _mapped(row: Row) -> str:
    return f"[{row['map_index']}]" if row["map_index"] >= 0 else ""


def _side(row: Row) -> str:
    return " (worker)" if row.get("side") == "worker" else ""
