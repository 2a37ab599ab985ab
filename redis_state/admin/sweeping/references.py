"""Worker values without a reference: no document of the server side names them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import partial
from typing import TypeAlias

import anyio.to_thread

from redis_state.admin.patience import patiently
from redis_state.admin.store import Store
from redis_state.admin.tasks import for_each
from redis_state.admin.walking import Found
from redis_state.airflow.owners import Database, Run
from redis_state.format import layout
from redis_state.operations.asset_refs import parts_of
from redis_state.operations.sweeping import Referring
from redis_state.scopes import AssetScope

# The fields of a page that one step looks at.
_FIELDS = 100
# Where a document lies: its page and its field.
Spot: TypeAlias = tuple[str, bytes]


class References:
    """Looks for the references of worker values.

    While a deployment moves to Redis, some may still be in the metadata database: what has rows
    there is left alone.
    """

    def __init__(self, store: Store, database: Database) -> None:
        self._store = store
        self._database = database

    async def missing_of_tasks(self, by_run: Mapping[Run, list[Found]]) -> list[Found]:
        """Return those of some worker values of tasks that have no reference."""
        spots = {
            (self._page(found), found.field): (run, found)
            for run, values in by_run.items()
            for found in values
        }
        referring = await self._referring(spots)
        missing = [each for spot, each in spots.items() if spot not in referring]
        runs = {run for run, _ in missing}
        elsewhere = await anyio.to_thread.run_sync(self._database.runs_with_rows, runs)
        return [found for run, found in missing if run not in elsewhere]

    async def missing_of_assets(self, with_ids: list[tuple[Found, list[int]]]) -> list[Found]:
        """Return the same of assets, each of which may be the one or the other id."""
        ids = {asset_id for _, each in with_ids for asset_id in each}
        elsewhere = await anyio.to_thread.run_sync(self._database.assets_with_rows, ids)
        pages = {
            asset_id: layout.place(self._store.namespace, AssetScope(asset_id=asset_id)).page
            for asset_id in ids
        }
        referring = await self._referring(
            {(pages[asset_id], found.field) for found, each in with_ids for asset_id in each}
        )
        return [
            found
            for found, each in with_ids
            if elsewhere.isdisjoint(each)
            and referring.isdisjoint((pages[asset_id], found.field) for asset_id in each)
        ]

    def _page(self, found: Found) -> str:
        return layout.place(self._store.namespace, found.scope).page

    async def _referring(self, spots: Collection[Spot]) -> set[Spot]:
        by_page: dict[str, list[bytes]] = defaultdict(list)
        for page, field in spots:
            by_page[page].append(field)
        found: set[Spot] = set()

        async def look(step: tuple[str, list[bytes]]) -> None:
            operation = Referring(*step)
            fields = await patiently(partial(self._store.client.run, operation))
            found.update((step[0], field) for field in fields)

        steps = [
            (page, part) for page, fields in by_page.items() for part in parts_of(fields, _FIELDS)
        ]
        await for_each(steps, look)
        return found
