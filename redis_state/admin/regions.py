"""The regions of a task: Airflow 3.4 gives each mapped task that was expanded one of its own.

Who names an instance by dag, run, task and index does not know its region, and only the metadata
database does. So it is looked which pages are there.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from uuid import UUID

from redis_state.admin.patience import patiently
from redis_state.admin.store import Store
from redis_state.format import layout
from redis_state.operations.reencrypt import ScanPages
from redis_state.operations.survey import Walked, WalkPages
from redis_state.scopes import ZERO_REGION, TaskScope


async def with_regions(store: Store, scope: TaskScope) -> list[TaskScope]:
    """Return the scope as it is, or in the regions that have state of it."""
    place = layout.place(store.namespace, scope)
    walked: Walked = await patiently(partial(store.client.run, WalkPages([place.page])))
    if any(place.key(each.field) is not None for each in walked.seen):
        return [scope]
    page = layout.place("", replace(scope, region_id=UUID(int=1))).page
    index = page.rpartition(":")[2]
    found = await regions(store, scope)
    return [
        replace(scope, region_id=region)
        for region, indices in found.items()
        if index in indices and region != ZERO_REGION
    ] or [scope]


async def regions(store: Store, scope: TaskScope) -> dict[UUID, set[str]]:
    """Return the regions that have state of a task, and the last parts of their pages."""
    unmapped = layout.place(store.namespace, replace(scope, map_index=layout.UNMAPPED)).page
    stem = unmapped.removeprefix(f"{store.namespace}:").removesuffix(str(layout.UNMAPPED))
    found: dict[UUID, set[str]] = {}
    for server in await patiently(store.client.servers):
        cursor = b"0"
        while True:
            scan = ScanPages(store.namespace, cursor, stem)
            cursor, pages = await patiently(partial(store.client.run_at, server, scan))
            for page in pages:
                *_, region, index = f"{page.decode().removeprefix(store.namespace)}".split(":")
                is_region = len(region) == _HEX
                found.setdefault(UUID(region) if is_region else ZERO_REGION, set()).add(index)
            if cursor == b"0":
                break
    return found


_HEX = 32
