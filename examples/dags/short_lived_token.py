"""Keep a token while it is valid: it expires by itself, and the rest of the state stays.

Airflow's own state store serves a value until it is cleaned up: there, keep the time beside it.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import httpx
from airflow.sdk import Connection, dag, task

PARTS = 8


@dag(schedule=None)
def short_lived_token() -> None:
    @task(retries=2, retry_delay=timedelta(seconds=1))
    def export(**context: Any) -> list[str]:
        store = context["task_state_store"]
        shop = Connection.get("shop").host
        tokens_used = []
        for part in range(store.get("parts_done", default=0), PARTS):
            token = store.get("token")
            if token is None:
                token = httpx.post(f"{shop}/tokens").raise_for_status().json()["token"]
                store.set("token", token, retention=timedelta(seconds=5))
            httpx.put(
                f"{shop}/exports/{part}", headers={"Authorization": f"Bearer {token}"}
            ).raise_for_status()
            tokens_used.append(token)
            store.set("parts_done", part + 1)
            time.sleep(1)
        return tokens_used

    export()


short_lived_token()
