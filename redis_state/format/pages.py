"""Read back from the Redis key of a page, and from a field in it, whose they are: see `layout`."""

from __future__ import annotations

import re
from typing import NamedTuple
from uuid import UUID

from redis_state.format.escapes import unescape
from redis_state.format.layout import MOST_DIGITS, UNMAPPED, Place, place, read_key
from redis_state.scopes import ZERO_REGION, AssetScope, StateScope, TaskScope

_TASK = re.compile(
    r"t(w?):\{([^/{}]*)/([^/{}]*)/([^/{}]*)\}:(?:([0-9a-f]{32}):)?(-1|[0-9]+)", re.ASCII
)
_ASSET = re.compile(r"a(w?):\{(id(?=:-?[0-9]{1,100}\})|name|uri):([^/{}]*)\}")


class Page(NamedTuple):
    """A page; where a task is mapped, its scope has no map index, and its fields have one."""

    name: str
    scope: StateScope
    of_worker: bool
    is_mapped: bool = False

    def scope_of(self, field: bytes) -> StateScope | None:
        """Return the scope of a field; None where a map index is missing."""
        if not self.is_mapped or not isinstance(self.scope, TaskScope):
            return self.scope
        digits, colon, _ = field.partition(b":")
        if not (colon and digits.isdigit() and len(digits) <= MOST_DIGITS):
            return None
        of = self.scope
        return TaskScope(of.dag_id, of.run_id, of.task_id, int(digits), of.region_id)

    def parse(self, field: bytes) -> tuple[StateScope, str] | None:
        """Return the scope and the state key of a field; None for one that is not ours."""
        scope = self.scope_of(field)
        if scope is None:
            return None
        prefix = f"{getattr(scope, 'map_index', UNMAPPED)}:" if self.is_mapped else ""
        try:
            key = read_key(prefix, field)
        except UnicodeDecodeError:
            return None
        return None if key is None else (scope, key)


def read_page(namespace: str, name: bytes) -> Page | None:
    """Read the Redis key of a page; None for one that is not ours."""
    text = name.decode("ascii", "replace")
    rest = text.removeprefix(f"{namespace}:")
    if len(rest) == len(text):
        return None
    try:
        return _task_page(text, rest) or _asset_page(text, rest)
    except UnicodeDecodeError:
        return None


def parse(namespace: str, page: bytes, field: bytes) -> tuple[StateScope, str] | None:
    """Return the scope and the state key of a field of a page; None for one that is not ours."""
    found = read_page(namespace, page)
    return None if found is None else found.parse(field)


def locate(namespace: str, page: bytes, field: bytes) -> Place | None:
    """Return the place of a field of a page; None for one that nobody would look for there."""
    found = read_page(namespace, page)
    scope = None if found is None else found.scope_of(field)
    if found is None or scope is None:
        return None
    spot = place(namespace, scope, of_worker=found.of_worker)
    is_there = spot.page == found.name and field.startswith(spot.prefix.encode())
    return spot if is_there else None


def _task_page(name: str, rest: str) -> Page | None:
    task = _TASK.fullmatch(rest)
    if task is None:
        return None
    worker, dag_id, run_id, task_id, region, number = task.groups()
    scope = TaskScope(
        unescape(dag_id),
        unescape(run_id),
        unescape(task_id),
        region_id=UUID(hex=region) if region else ZERO_REGION,
    )
    return Page(name, scope, bool(worker), number != str(UNMAPPED))


def _asset_page(name: str, rest: str) -> Page | None:
    asset = _ASSET.fullmatch(rest)
    if asset is None:
        return None
    worker, kind, text = asset.groups()
    match kind:
        case "id":
            scope = AssetScope(asset_id=int(text))
        case "name":
            scope = AssetScope(name=unescape(text))
        case _:
            scope = AssetScope(uri=unescape(text))
    return Page(name, scope, bool(worker))
