"""Load many tables with one mapped task, each instance with a state of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task

TABLES = [f"table_{number:02}" for number in range(20)]
CHUNKS = 3


@dag(schedule=None)
def mapped_tables() -> None:
    @task(retries=2, retry_delay=timedelta(seconds=1))
    def load(table: str, **context: Any) -> int:
        store = context["task_state_store"]
        store.set("table", table)
        chunks_done = store.get("chunks_done", default=0)
        for chunk in range(chunks_done, CHUNKS):
            load_chunk(table, chunk)
            store.set("chunks_done", chunk + 1)
        return int(store.get("chunks_done"))

    load.expand(table=TABLES)


def load_chunk(table: str, chunk: int) -> None:
    print(f"Loading chunk {chunk} of {table}")


mapped_tables()
