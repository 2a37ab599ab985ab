"""Copy files one by one: the first try fails half-way, and its retry goes on from there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task

FILES = ["a.csv", "b.csv", "c.csv", "d.csv"]


@dag(schedule=None)
def resume_copy() -> None:
    @task(retries=1, retry_delay=timedelta(seconds=1))
    def copy_files(**context: Any) -> list[str]:
        store = context["task_state_store"]
        done = store.get("files_done", default=0)
        copied = []
        for number, name in enumerate(FILES[done:], start=done + 1):
            if name == "c.csv" and context["ti"].try_number == 1:
                raise ConnectionError("The network is gone.")
            print(f"Copying {name}")
            copied.append(name)
            store.set("files_done", number)
        return copied

    copy_files()


resume_copy()
