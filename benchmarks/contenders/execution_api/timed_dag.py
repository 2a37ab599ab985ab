"""A DAG of the benchmark: its task sets and gets its state whenever it is told to, and times it."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Any

from airflow.sdk import DAG, BaseOperator

_KEY, _VALUE = "checkpoint_0", {"cursor": "x" * 77}


class TimeCalls(BaseOperator):  # type: ignore[misc]  # untyped where the checker runs
    """Reads lines, a method and a number each, and answers with the seconds of as many calls."""

    def execute(self, context: Any) -> None:
        """Do so until there are no more lines."""
        store = context["task_state_store"]
        calls = {"set": lambda: store.set(_KEY, _VALUE), "get": lambda: store.get(_KEY)}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(os.environ["REDIS_STATE_BENCHMARK"])
            with connection.makefile("rw") as lines:
                for line in lines:
                    method, count = line.split()
                    times = [_seconds(calls[method]) for _ in range(int(count))]
                    lines.write(json.dumps(times) + "\n")
                    lines.flush()


def _seconds(call: Any) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


with DAG("timed", schedule=None):
    TimeCalls(task_id="time_calls")
