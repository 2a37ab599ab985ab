"""The page of an asset, and the list of assets that leads there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response, status

from redis_state.plugin.answers import backend
from redis_state.plugin.checked import SessionDep, requires_access_asset
from redis_state.plugin.known import give_back
from redis_state.plugin.page import looked_up
from redis_state.plugin.page.looked_up import KnownAsset
from redis_state.plugin.page.rendering import render
from redis_state.plugin.page.sample import take
from redis_state.plugin.page.values import values_of

asset_router = APIRouter(prefix="/assets", dependencies=[Depends(requires_access_asset("GET"))])


def _known_asset(asset_id: int, session: SessionDep) -> KnownAsset:
    found = give_back(session, lambda: looked_up.asset(session, asset_id))
    if found is None:
        raise HTTPException(
            status.HTTP_404_NOT_FOUND, f"The Asset with ID: `{asset_id}` was not found"
        )
    return found


def _newest_assets(session: SessionDep) -> list[KnownAsset]:
    return give_back(session, lambda: looked_up.newest_assets(session))


@asset_router.get("")
async def list_assets(
    request: Request, assets: Annotated[list[KnownAsset], Depends(_newest_assets)]
) -> Response:
    """Show what the newest assets keep."""
    sample = await take([(each, each.scope, each.session) for each in assets])
    return render(request, "assets.html", sample=sample, most=looked_up.MOST_ASSETS)


@asset_router.get("/{asset_id}")
async def show_asset(
    request: Request,
    asset: Annotated[KnownAsset, Depends(_known_asset)],
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Show an asset."""
    survey = await backend().asurvey(asset.scope, session=asset.session)
    values = await values_of(asset.scope, offset, session=asset.session)
    return render(
        request,
        "asset.html",
        asset=asset,
        survey=survey,
        values=values,
        left=asset.left,
        most_left=looked_up.MOST_LEFT,
    )
