from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.execution_time.context import NEVER_EXPIRE


@dag(schedule=None)
def success_and_failure() -> None:
    @task
    def load(number: int, **context: Any) -> None:
        store = context["task_state_store"]
        store.set("number", number)
        store.set("for good", number, retention=NEVER_EXPIRE)
        if number == 1:
            raise ValueError(number)

    load.expand(number=[0, 1, 2])


success_and_failure()
