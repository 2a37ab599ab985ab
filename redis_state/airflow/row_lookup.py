"""How rows are looked up by some hundred keys at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def among(session: Any, columns: Sequence[Any], keys: Sequence[tuple[Any, ...]]) -> Any:
    """Return whether the columns have one of the keys.

    PostgreSQL makes an OR of a list, and may compare each row of a table with all of it: there
    the keys are a table of their own, which it can join.
    """
    from sqlalchemy import func, literal, select, tuple_
    from sqlalchemy.dialects.postgresql import ARRAY

    if session.get_bind().dialect.name != "postgresql":
        return tuple_(*columns).in_(keys)
    arrays = [
        literal([key[number] for key in keys], ARRAY(column.type))
        for number, column in enumerate(columns)
    ]
    names = [column.name for column in columns]
    wanted = func.unnest(*arrays).table_valued(*names, name="wanted").render_derived()
    return tuple_(*columns).in_(select(*wanted.c))
