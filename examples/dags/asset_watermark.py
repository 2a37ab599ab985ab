"""Load only what is new: the asset remembers, from run to run, how far it was loaded."""

from __future__ import annotations

from typing import Any

import httpx
from airflow.sdk import Asset, Connection, dag, task

SALES = Asset("sales")


@dag(schedule=None)
def asset_watermark() -> None:
    @task(outlets=[SALES])
    def load(**context: Any) -> list[int]:
        store = context["asset_state_store"][SALES]
        watermark = store.get("watermark", default=0)
        shop = Connection.get("shop").host
        answer = httpx.get(f"{shop}/sales", params={"after": watermark}).raise_for_status()
        sales = [sale["id"] for sale in answer.json()["sales"]]
        if sales:
            store.set("watermark", max(sales))
        return sales

    load()


asset_watermark()
