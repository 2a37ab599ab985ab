"""A dict of this process: the floor, below which there is nothing but Python itself."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from redis_state import TaskScope


class InMemory:
    """Keeps values with their expiry behind a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pages: dict[TaskScope, dict[str, tuple[str, datetime | None]]] = {}

    def get(self, scope: TaskScope, key: str) -> str | None:
        """Return a value that has not expired."""
        with self._lock:
            value, expires_at = self._pages.get(scope, {}).get(key, (None, None))
        return value if expires_at is None or expires_at > datetime.now(UTC) else None

    def set(
        self, scope: TaskScope, key: str, value: str, *, expires_at: datetime | None = None
    ) -> None:
        """Keep a value."""
        with self._lock:
            self._pages.setdefault(scope, {})[key] = (value, expires_at)

    def delete(self, scope: TaskScope, key: str) -> None:
        """Forget a value."""
        with self._lock:
            self._pages.get(scope, {}).pop(key, None)

    def clear(self, scope: TaskScope) -> None:
        """Forget the values of an instance."""
        with self._lock:
            self._pages.pop(scope, None)
