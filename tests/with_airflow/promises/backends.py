"""Backends of users' own, which show when and where Airflow's deletions reach them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from airflow.state.metastore import MetastoreBackend

from redis_state import RedisStateBackend
from redis_state.scopes import StateScope


class Slow(RedisStateBackend):
    """Does not clear before it is told to, and tells how it was then."""

    # What to look at when a clear has begun, and what was seen.
    look: Callable[[], Any] = staticmethod(lambda: None)
    go_on = threading.Event()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seen: list[Any] = []

    def clear(
        self, scope: StateScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        self.seen.append(type(self).look())
        self.go_on.wait()
        super().clear(scope, all_map_indices=all_map_indices, session=session)


class Talkative(RedisStateBackend):
    """Fails, and says more than it should."""

    def clear(self, *_: Any, **__: Any) -> None:
        raise RuntimeError("cannot connect to postgresql://airflow:sesame@database")


class Others(MetastoreBackend):  # type: ignore[misc]  # Airflow's classes have no types here
    """Is none of ours."""
