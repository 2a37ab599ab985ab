"""Metrics as they leave Airflow's own stats, caught by a StatsD of the test's own."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest

from redis_state import (
    DurabilityError,
    RedisStateBackend,
    RedisWorkerBackend,
    StateStoreError,
    TaskScope,
    TooLargeError,
)
from redis_state.airflow.metrics import meter, size_of
from redis_state.testing import EmbeddedServer
from tests.support.budgets import few_attempts
from tests.support.freezing import frozen
from tests.support.peers import hang_up, listener
from tests.support.waiting import PATIENT, wait_for
from tests.with_airflow.conftest import HAS_CORE

SIDES: dict[str, tuple[Any, str]] = {
    "worker": (RedisWorkerBackend, "airflow.sdk.observability"),
    **({"server": (RedisStateBackend, "airflow.observability")} if HAS_CORE else {}),
}
TASK = TaskScope("dag", "run", "task")
Catch = Callable[[], list[str]]


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Catch]:
    """Give a function that returns what has arrived since it was last called."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(0.2)
        for name, value in {
            "ON": "True",
            "HOST": "127.0.0.1",
            "PORT": str(sink.getsockname()[1]),
            "PREFIX": "af",
        }.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__STATSD_{name}", value)

        def caught() -> list[str]:
            lines = []
            try:
                while True:
                    lines += sink.recv(65_536).decode().splitlines()
            except TimeoutError:
                return lines

        yield caught


@contextmanager
def switched_on(side: str) -> Iterator[None]:
    """Do as Airflow's processes do when they start, and undo it."""
    home = SIDES[side][1]
    stats = import_module(f"{home}.stats")
    logger = import_module(f"{home}.metrics.stats_utils").get_stats_factory()()
    stats.initialize(factory=lambda: logger, export_legacy_names=False)
    yield
    logger.statsd.close()
    base = f"{home.removesuffix('.observability')}._shared.observability.metrics.base_stats_logger"
    stats.initialize(factory=import_module(base).NoStatsLogger, export_legacy_names=False)


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest, statsd: Catch) -> Iterator[str]:
    with switched_on(request.param):
        yield str(request.param)


def test_the_express_lane_counts_what_it_answers_and_what_it_leaves_to_airflow(
    statsd: Catch,
) -> None:
    from redis_state.plugin.express_lane.counts import Counts  # noqa: PLC0415 - of the core

    with switched_on("server"):
        counts = Counts(meter=meter("server"))
        counts.has_answered()
        counts.has_passed("token")
        counts.has_passed("token")
        counts.has_looked_up(3)
        lines = statsd()
    lane = "af.redis_state.express_lane"
    assert counters(lines) == {f"{lane}.answered.server": 1, f"{lane}.passed.server.token": 2}
    assert f"{lane}.batch.server:3|g" in lines
    assert (counts.answered, counts.passed, counts.batches) == (1, {"token": 2}, {3: 1})


@pytest.fixture
def make(side: str, server: EmbeddedServer, namespace: str) -> Iterator[Callable[..., Any]]:
    made = []

    def build(**options: Any) -> Any:
        made.append(
            SIDES[side][0](**(PATIENT | {"url": server.url, "namespace": namespace} | options))
        )
        return made[-1]

    yield build
    for backend in made:
        backend.close()


def counters(lines: list[str]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for line in lines:
        name, _, rest = line.partition(":")
        value, _, kind = rest.partition("|")
        if kind == "c":
            counted[name] = counted.get(name, 0) + int(value)
    return counted


async def test_operations_are_counted_by_method_and_outcome(
    side: str, make: Callable[..., Any], statsd: Catch
) -> None:
    backend = make(max_value_bytes=100)
    backend.set(TASK, "key", '"12345678"')
    backend.get(TASK, "key")
    backend.get(TASK, "missing")
    await backend.aget(TASK, "key")
    with pytest.raises(TooLargeError):
        backend.set(TASK, "key", "x" * 101)
    backend.set_many(TASK, {"a": "12", "b": "34"})
    backend.get_many(TASK, ["a", "b"])
    backend.entries(TASK)
    backend.delete(TASK, "key")
    backend.clear(TASK)
    await backend.aclose()
    lines = statsd()
    operations = f"af.redis_state.operations.{side}"
    size = f"af.redis_state.bytes.{side}"
    assert counters(lines) == {
        f"{operations}.set.ok": 1,
        f"{operations}.set.invalid": 1,
        f"{operations}.set_many.ok": 1,
        f"{operations}.get.ok": 2,
        f"{operations}.get.absent": 1,
        f"{operations}.get_many.ok": 1,
        f"{operations}.entries.ok": 1,
        f"{operations}.delete.ok": 1,
        f"{operations}.clear.ok": 1,
        f"{size}.set": 10,
        f"{size}.get": 20,
        f"{size}.set_many": 4,
        f"{size}.get_many": 4,
        f"{size}.entries": 14,
    }
    durations = [line.partition(":")[0] for line in lines if line.endswith("|ms")]
    assert durations.count(f"af.redis_state.duration.{side}.get") == 3
    assert len(durations) == 10


def test_tags_go_with_the_name_where_airflow_sends_them(
    monkeypatch: pytest.MonkeyPatch, statsd: Catch, side: str, make: Callable[..., Any]
) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED", "True")
    with switched_on(side):
        make().get(TASK, "missing")
        assert counters(statsd()) == {
            f"af.redis_state.operations,side={side},method=get,outcome=absent": 1
        }


async def test_attempts_that_are_made_again_are_counted(
    side: str, make: Callable[..., Any], statsd: Catch
) -> None:
    with listener(hang_up) as port:
        backend = make(url=f"redis://127.0.0.1:{port}/0")
        with few_attempts(), pytest.raises(StateStoreError):
            backend.get(TASK, "key")
        with few_attempts(), pytest.raises(StateStoreError):
            await backend.aget(TASK, "key")
    counted = counters(statsd())
    assert counted[f"af.redis_state.operations.{side}.get.unavailable"] == 2
    assert counted[f"af.redis_state.retries.{side}"] >= 2


@pytest.mark.parametrize("side_off", SIDES)
def test_without_metrics_there_is_no_meter(side_off: str) -> None:
    assert SIDES[side_off][0]()._watch is None


def test_only_values_have_a_size() -> None:
    assert size_of(None) == 0
    assert size_of({"key": "12"}) == 2


def gauges(lines: list[str]) -> list[str]:
    return [line.removesuffix("|g") for line in lines if line.endswith("|g")]


def test_calls_that_fail_fast_are_counted_and_the_breaker_tells_its_state(
    side: str, make: Callable[..., Any], statsd: Catch
) -> None:
    def read() -> bool:
        try:
            backend.get(TASK, "key")
        except StateStoreError:
            return False
        return True

    with EmbeddedServer() as hanging:
        backend = make(url=hanging.url, breaker_after=0.5, timeout=1.0)
        backend.get(TASK, "key")
        assert gauges(statsd()) == []
        with ThreadPoolExecutor(10) as threads:
            with frozen(hanging):
                calls = [threads.submit(read) for _ in range(10)]
                wait_for(lambda: sum(call.done() for call in calls) == 6, "all but a few end")
            assert sum(call.result() for call in calls) == 4
        lines = statsd()
    breaker = f"af.redis_state.breaker_open.{side}"
    told = gauges(lines)
    # A busy machine may be late again with one of the answers.
    assert told[:2] == [f"{breaker}:1", f"{breaker}:0"]
    assert told[-1] == f"{breaker}:0"
    counted = counters(lines)
    assert counted[f"af.redis_state.failed_fast.{side}"] == 6
    assert counted[f"af.redis_state.operations.{side}.get.unavailable"] == 6
    assert f"af.redis_state.operations.{side}.get.timeout" not in counted


def test_a_write_that_is_not_as_safe_as_asked_is_counted_as_such(
    side: str, make: Callable[..., Any], statsd: Catch
) -> None:
    backend = make(durability="replicas:1", durability_timeout=0.05)
    with pytest.raises(DurabilityError):
        backend.set(TASK, "key", "1")
    assert counters(statsd()) == {f"af.redis_state.operations.{side}.set.not_durable": 1}
