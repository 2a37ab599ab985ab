"""References: how the server side names a value that a worker keeps in Redis.

A *worker value* goes to Redis; what the worker sends to the API server is a *document*,
``{"__airflow_state_ref__": "<reference>"}``. The reference spells out scope and key, escaped, and
so is the same whenever the same key is written:

    redis-state:task/<dag>/<run>/<task>/<map index>/<region or nothing>/<key>
    redis-state:asset/<name, uri or id>/<its text>/<key>

A value kept inline is JSON text in the reference's place, and no JSON text begins as a reference.
"""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

from redis_state.format.escapes import escape, unescape
from redis_state.format.layout import is_task
from redis_state.scopes import ZERO_REGION, AssetScope, StateScope, TaskScope

_PREFIX = "redis-state:"
# Python refuses to read numbers of thousands of digits.
_NUMBER = re.compile(r"-?[0-9]{1,100}", re.ASCII)
_INDEX = re.compile(r"-1|[0-9]{1,100}", re.ASCII)
_FIELD = "__airflow_state_ref__"
# What the document of any reference begins with, and those of ours, as Airflow's server writes it.
DOCUMENT = f'{{"{_FIELD}": "'
MARK = f"{DOCUMENT}{_PREFIX}"


def refer(scope: StateScope, key: str) -> str:
    """Return the reference of a key."""
    if is_task(scope):
        region = getattr(scope, "region_id", ZERO_REGION)
        map_index = getattr(scope, "map_index", -1)
        names = [escape(getattr(scope, part)) for part in ("dag_id", "run_id", "task_id")]
        parts = ["task", *names, str(map_index), "" if region == ZERO_REGION else region.hex]
    else:
        kind, text = _asset(scope)
        parts = ["asset", kind, escape(text)]
    return _PREFIX + "/".join([*parts, escape(key)])


def _asset(scope: Any) -> tuple[str, str]:
    if scope.asset_id is not None:
        return "id", str(scope.asset_id)
    return ("name", scope.name) if scope.name is not None else ("uri", scope.uri)


def is_reference(text: str) -> bool:
    """Tell a reference from the JSON text of an inline value."""
    return text.startswith(_PREFIX)


def resolve(reference: str) -> tuple[StateScope, str] | None:
    """Return scope and key that a reference spells out, or None if it is none of ours."""
    try:
        return _spelled_out(reference)
    except ValueError:
        # It has the form of one, and parts that nobody could have escaped.
        return None


def _spelled_out(reference: str) -> tuple[StateScope, str] | None:
    match reference.removeprefix(_PREFIX).split("/"):
        case ["task", dag_id, run_id, task_id, index, region, key] if _INDEX.fullmatch(index):
            names = (unescape(dag_id), unescape(run_id), unescape(task_id))
            region_id = UUID(hex=region) if region else ZERO_REGION
            return TaskScope(*names, int(index), region_id), unescape(key)
        case ["asset", "name", name, key]:
            return AssetScope(name=unescape(name)), unescape(key)
        case ["asset", "uri", uri, key]:
            return AssetScope(uri=unescape(uri)), unescape(key)
        case ["asset", "id", number, key] if _NUMBER.fullmatch(number):
            return AssetScope(asset_id=int(number)), unescape(key)
        case _:
            return None


def names_worker_value(document: bytes) -> bool:
    """Tell whether a document is nothing but a reference of ours."""
    return resolve_document(document.decode("utf-8", "surrogatepass")) is not None


def resolve_document(document: str) -> tuple[StateScope, str] | None:
    """Return scope and key of the worker value of a document, or None if it has none."""
    reference = referred(document)
    return resolve(reference) if reference is not None and is_reference(reference) else None


def referred(document: str) -> str | None:
    """Return what stands in the reference's place, or None for a value that is no document."""
    if not document.startswith(DOCUMENT):
        return None
    try:
        (name, reference), *more = json.loads(document).items()
    except (ValueError, RecursionError):
        return None
    return reference if name == _FIELD and not more and isinstance(reference, str) else None
