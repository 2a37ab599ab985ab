"""Airflow's routes for the state of an asset."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Depends, status

from redis_state.plugin.answers import backend, in_order, not_found, read_json
from redis_state.plugin.checked import (
    AssetStateStoreBody,
    AssetStateStoreCollectionResponse,
    AssetStateStoreLastUpdatedBy,
    AssetStateStoreResponse,
    QueryLimit,
    QueryOffset,
    requires_access_asset,
)
from redis_state.plugin.known import KnownAsset
from redis_state.scopes import Entry

_WHAT = "Asset state store"
asset_router = APIRouter(prefix="/assets/{asset_id}/state-store")


def _allowed(method: str) -> list[Any]:
    return [Depends(requires_access_asset(method=method))]


@asset_router.get("", dependencies=_allowed("GET"))
async def list_asset_state(
    asset: KnownAsset, limit: QueryLimit, offset: QueryOffset
) -> AssetStateStoreCollectionResponse:
    """List the state of an asset, by key."""
    found = await backend().alisting(
        asset.scope, limit=limit.value, offset=offset.value, session=asset.session
    )
    entries = [_answer(key, entry) for key, entry in in_order(found)]
    return AssetStateStoreCollectionResponse(asset_state_store=entries, total_entries=found.total)


@asset_router.get("/{key:path}", dependencies=_allowed("GET"))
async def get_asset_state(asset: KnownAsset, key: str) -> AssetStateStoreResponse:
    """Read one value of an asset."""
    entry = await backend().aentry(asset.scope, key, session=asset.session)
    if entry is None:
        raise not_found(_WHAT, key)
    return _answer(key, entry)


@asset_router.put(
    "/{key:path}", dependencies=_allowed("PUT"), status_code=status.HTTP_204_NO_CONTENT
)
async def set_asset_state(asset: KnownAsset, key: str, body: AssetStateStoreBody) -> None:
    """Write one value of an asset."""
    value = json.dumps(body.value)
    await backend().aset_by_api(asset.scope, key, value, session=asset.session)


@asset_router.delete(
    "/{key:path}", dependencies=_allowed("DELETE"), status_code=status.HTTP_204_NO_CONTENT
)
async def delete_asset_state(asset: KnownAsset, key: str) -> None:
    """Remove one value of an asset, which need not be there."""
    await backend().adelete(asset.scope, key, session=asset.session)


@asset_router.delete("", dependencies=_allowed("DELETE"), status_code=status.HTTP_204_NO_CONTENT)
async def clear_asset_state(asset: KnownAsset) -> None:
    """Remove all values of an asset."""
    await backend().aclear(asset.scope, session=asset.session)


def _answer(key: str, entry: Entry) -> AssetStateStoreResponse:
    # Which task has set a value, Airflow tells its own store alone.
    by_api = AssetStateStoreLastUpdatedBy(kind="api") if entry.set_by_api else None
    return AssetStateStoreResponse(
        key=key,
        value=read_json(entry.value),
        updated_at=entry.updated_at,
        last_updated_by=by_api,
    )
