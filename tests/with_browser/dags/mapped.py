from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task

ODD_KEY = "a/b?c=%2F é#😀"


@dag(schedule=None)
def mapped() -> None:
    @task
    def load(number: int, **context: Any) -> None:
        store = context["task_state_store"]
        store.set("number", number)
        store.set(ODD_KEY, "odd")

    load.expand(number=[10, 11, 12])


mapped()
