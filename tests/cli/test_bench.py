"""`redis-state bench`: how fast a server is from here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redis_state import RedisStateBackend
from redis_state.admin.bench import Results, Speed
from redis_state.cli.commands.bench import _verdict
from redis_state.cli.exits import DONE, NOTHING_FOUND, WRONG_USE
from redis_state.config.settings import load
from redis_state.testing import EmbeddedServer
from tests.cli.conftest import Call
from tests.support.servers import raw_client

CALLS = ["get", "redis-py HGET", "set", "redis-py HSET"]


@pytest.fixture(autouse=True)
def _in_short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redis_state.admin.bench._TURN", 0.02)
    monkeypatch.setattr("redis_state.cli.commands.bench._LEAST", 0.0)


def test_it_measures_beside_an_ordinary_client_and_leaves_nothing(
    call: Call, state: RedisStateBackend, running: EmbeddedServer
) -> None:
    told = json.loads(call("bench", "--seconds", "0.2", "-o", "json").out)
    assert [row["what"] for row in told["results"]] == [*CALLS, *CALLS]
    assert all(row["p99_ms"] >= row["median_ms"] > 0 for row in told["results"])
    assert "gets a second" in told["verdict"]
    with raw_client(running) as raw:
        assert not list(raw.scan_iter(match=f"{state.settings.namespace}:*"))
    assert call("ls").code == NOTHING_FOUND


def test_the_verdict_ends_the_table(call: Call) -> None:
    shown = call("bench", "--seconds", "0.2")
    assert shown.code == DONE
    # It is wrapped between words.
    assert " ".join(shown.out.split()).endswith("times redis-py's.")


def test_a_cluster_is_measured_at_the_master_of_the_field(
    servers: dict[str, Any], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = servers["valkey91-cluster"]
    monkeypatch.setenv("REDIS_STATE_URL", cluster.url)
    for _ in range(4):
        assert call("bench", "--seconds", "0.1").code == DONE


@pytest.mark.parametrize(
    ("median", "p99", "says"),
    [
        (0.000_1, 0.000_2, "Fast"),
        (0.002, 0.003, "within a region"),
        (0.02, 0.03, "Far away"),
        (0.9, 1.0, "Too slow"),
        (0.000_1, 0.05, "slow commands"),
    ],
)
def test_the_verdict_says_what_the_figures_mean(median: float, p99: float, says: str) -> None:
    speeds = dict.fromkeys(CALLS, Speed(median, p99, 1_000.0))
    verdict = " ".join(_verdict(Results(speeds, speeds), load()))
    assert says in verdict


def test_a_time_that_is_too_short_is_wrong_use(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redis_state.cli.commands.bench._LEAST", 2.0)
    assert call("bench", "--seconds", "1").code == WRONG_USE
