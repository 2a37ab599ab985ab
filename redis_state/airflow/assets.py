"""Whether two scopes mean one asset, as Airflow's metadata knows it by id, name and uri."""

from __future__ import annotations

import sys
from typing import Any

_PARTS = ("asset_id", "name", "uri")


def is_same(session: Any, scope: Any, other: Any) -> bool | None:
    """Tell whether both scopes mean the same asset; None where nobody here knows."""
    (part, value), (other_part, other_value) = _known_by(scope), _known_by(other)
    if part == other_part:
        return bool(value == other_value)
    if part != "asset_id":
        return None
    names = _names_of(session, value)
    return None if names is None else bool(names[other_part] == other_value)


def _known_by(scope: Any) -> tuple[str, Any]:
    # As keys do: by the first one that is there.
    part = next(part for part in _PARTS if getattr(scope, part, None) is not None)
    return part, getattr(scope, part)


def _names_of(session: Any, asset_id: int) -> dict[str, str] | None:
    models = sys.modules.get("airflow.models.asset")
    if session is None or models is None:
        return None
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    if not isinstance(session, Session):
        return None
    model = models.AssetModel
    row = session.execute(select(model.name, model.uri).where(model.id == asset_id)).first()
    # Of an asset that is not there, nothing is known.
    return {"name": row[0], "uri": row[1]} if row is not None else None
