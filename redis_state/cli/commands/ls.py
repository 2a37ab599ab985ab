"""``redis-state ls``."""

from __future__ import annotations

import argparse
from contextlib import aclosing
from functools import partial
from typing import Any

from redis_state.admin.contents import contents
from redis_state.admin.store import Store
from redis_state.admin.walking import Walk
from redis_state.cli import exits, filters, output
from redis_state.cli.context import overlapping
from redis_state.cli.kept import FIELDS, columns, order, row_of
from redis_state.cli.messages import nothing_found

# So many are sorted; if there are more, all come as they are met.
_SORTED = 1_000


def run(given: argparse.Namespace) -> int:
    """List what keeps state."""
    return overlapping(given, partial(_list, given))


async def _list(given: argparse.Namespace, store: Store) -> int:
    wanted = filters.of(given)
    walk = Walk(store.client, store.namespace, prefix=wanted.prefix, wanted=wanted.is_of_page)
    out = output.output(given.output, FIELDS, columns(wanted.kinds))
    first: list[dict[str, Any]] | None = []
    count = 0
    async with aclosing(contents(walk, wanted.is_of_scope)) as found:
        async for kept in found:
            if not wanted.admits(kept):
                continue
            if given.limit is not None and count >= given.limit:
                break
            count += 1
            if first is None:
                out.add(row_of(kept))
                continue
            first.append(row_of(kept))
            if len(first) > _SORTED:
                for row in first:
                    out.add(row)
                first = None
    for row in sorted(first or (), key=order):
        out.add(row)
    out.end()
    return exits.DONE if count else nothing_found("nothing that is asked for has state")
