from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, dag, task

ORDERS = Asset("orders")


@dag(schedule=None)
def orders() -> None:
    @task(outlets=[ORDERS])
    def load(**context: Any) -> int:
        store = context["asset_state_store"][ORDERS]
        watermark = store.get("watermark", default=0)
        store.set("watermark", watermark + 1)
        return int(watermark)

    load()


orders()
