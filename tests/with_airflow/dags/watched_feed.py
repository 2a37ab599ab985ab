from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
from airflow.sdk import Asset, AssetWatcher, Connection, dag, task
from airflow.triggers.base import BaseEventTrigger, TriggerEvent


class FeedTrigger(BaseEventTrigger):
    def __init__(self, conn_id: str) -> None:
        super().__init__()
        self.conn_id = conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "watched_feed.FeedTrigger", {"conn_id": self.conn_id}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        shop = (await Connection.async_get(self.conn_id)).host
        cursor = await self.asset_state_store.aget("cursor", default=0)
        async with httpx.AsyncClient() as client:
            while True:
                answer = await client.get(f"{shop}/news", params={"after": cursor})
                for number in answer.json()["news"]:
                    yield TriggerEvent(number)
                    cursor = number
                    await self.asset_state_store.aset("cursor", cursor)
                await asyncio.sleep(0.5)


FEED = Asset("feed", watchers=[AssetWatcher(name="feed", trigger=FeedTrigger("shop"))])


@dag(schedule=[FEED])
def watched_feed() -> None:
    @task(inlets=[FEED])
    def consume(**context: Any) -> list[int]:
        events = context["triggering_asset_events"][FEED]
        return [event.extra["payload"] for event in events]

    consume()


watched_feed()
