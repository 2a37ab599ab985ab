"""A server with some state, and the command in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from uuid import uuid4

import pytest

from redis_state import AssetScope, RedisStateBackend, TaskScope
from redis_state.cli import main
from redis_state.testing import EmbeddedServer
from tests.support.commands import Ended
from tests.support.leaks import check_leaks
from tests.support.servers import raw_client, server
from tests.support.waiting import PATIENT

RUN = "scheduled__2026-11-29T00:00:00+00:00"
SUBMIT = TaskScope("etl", RUN, "submit")
ORDERS = AssetScope(asset_id=7)


class Call(Protocol):
    """Calls the command in this process."""

    def __call__(self, *arguments: str) -> Ended: ...


@pytest.fixture(scope="session")
def running() -> Iterator[EmbeddedServer]:
    with server("valkey91", "--appendonly", "yes") as running:
        yield running
        # It would take its time to save.
        running.kill()


@pytest.fixture
def state(running: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisStateBackend]:
    """Give a namespace of the test's own, which the command finds in the environment."""
    namespace = f"cli-{uuid4().hex[:12]}"
    monkeypatch.setenv("REDIS_STATE_URL", running.tcp_url)
    monkeypatch.setenv("REDIS_STATE_NAMESPACE", namespace)
    backend = RedisStateBackend(url=running.tcp_url, namespace=namespace, **PATIENT)
    yield backend
    backend.close()
    with raw_client(running) as raw:
        check_leaks(raw, namespace, field_form=True)


@pytest.fixture
def call(state: RedisStateBackend, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> Ended:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ended(code, *capsys.readouterr())

    return call
