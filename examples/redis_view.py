"""What lies in Redis, seen with a plain client: pages, their fields, and when these expire."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

_HEADER = 19


@dataclass(frozen=True)
class Field:
    """A value in a page, and the seconds that it has left; None if it stays for good."""

    value: Any
    seconds_left: float | None


class RedisView:
    """A reader of the documented format, without the library that wrote it."""

    def __init__(self, socket_path: Path) -> None:
        self._client = redis.Redis(unix_socket_path=str(socket_path), protocol=2)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def task_page(self, dag_id: str, run_id: str, task_id: str, page: int = -1) -> str:
        """Return the key of a task's page; the names need no escapes here."""
        return f"airflow:t:{{{dag_id}/{run_id}/{task_id}}}:{page}"

    def pages(self, pattern: str = "*") -> list[str]:
        """Return the keys that there are."""
        return sorted(key.decode() for key in self._client.scan_iter(match=pattern))

    def fields(self, page: str) -> dict[str, Field]:
        """Return what a page holds."""
        found: dict[str, Field] = {}
        raw: Any = self._client.hgetall(page)
        for name, envelope in sorted(raw.items()):
            (left,) = self._client.execute_command("HPTTL", page, "FIELDS", 1, name)
            # -2: gone since it was listed.
            if left != -2:
                seconds = None if left == -1 else left / 1000
                found[name.decode()] = Field(json.loads(envelope[_HEADER:]), seconds)
        return found

    def wait_until_expired(self, page: str, name: str) -> None:
        """Sleep until the server's deadline for a field has passed; none if it has no field."""
        (left,) = self._client.execute_command("HPTTL", page, "FIELDS", 1, name)
        time.sleep(max(left, 0) / 1000 + 0.01)
