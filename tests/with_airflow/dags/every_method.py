from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.execution_time.context import NEVER_EXPIRE

ODD_KEY = "a/b:{c} % é\t😀"


@dag(schedule=None)
def every_method() -> None:
    @task
    def use(**context: Any) -> dict[str, Any]:
        store = context["task_state_store"]
        seen = {"absent": store.get("absent"), "default": store.get("absent", default=[1])}
        store.set("gone", 1)
        store.clear()
        seen["cleared"] = store.get("gone")
        store.set("deleted", 1)
        store.delete("deleted")
        store.delete("deleted")
        seen["deleted"] = store.get("deleted")
        store.set("for 30 days", {"nested": [1, 2.5, True, None, "é"]})
        seen["nested"] = store.get("for 30 days")
        store.set("for good", "x" * 100_000, retention=NEVER_EXPIRE)
        seen["long"] = len(store.get("for good"))
        store.set("for an hour", 1, retention=timedelta(hours=1))
        store.set("for an hour", 2, retention=timedelta(hours=1))
        seen["overwritten"] = store.get("for an hour")
        store.set(ODD_KEY, "odd", retention=NEVER_EXPIRE)
        seen["odd"] = store.get(ODD_KEY)
        return seen

    use()


every_method()
