"""Read an API page by page: when the task dies on the way, its retry goes on at that page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
from airflow.sdk import Connection, dag, task


@dag(schedule=None)
def resume_pages() -> None:
    @task(retries=2, retry_delay=timedelta(seconds=1))
    def ingest(**context: Any) -> list[int]:
        store = context["task_state_store"]
        shop = Connection.get("shop").host
        pages_read = []
        page = store.get("next_page", default=1)
        last_page = page
        while page <= last_page:
            answer = httpx.get(f"{shop}/orders", params={"page": page}).raise_for_status().json()
            save(answer["orders"])
            pages_read.append(page)
            last_page = answer["last_page"]
            page += 1
            store.set("next_page", page)
        return pages_read

    ingest()


def save(orders: list[dict[str, Any]]) -> None:
    print(f"Saving {len(orders)} orders")


resume_pages()
