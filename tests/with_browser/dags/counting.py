from __future__ import annotations

import time
from typing import Any

from airflow.sdk import dag, task


@dag(schedule=None)
def counting() -> None:
    @task
    def count(**context: Any) -> int:
        """Count until the limit is another, which only somebody else can set."""
        store = context["task_state_store"]
        store.set("limit", 0)
        counted = 0
        while not (limit := store.get("limit")):
            counted += 1
            store.set("counted", counted)
            time.sleep(0.2)
        return int(limit)

    count()


counting()
