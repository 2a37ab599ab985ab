"""Fixtures: an Airflow in the tests' own process, and one with its API server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import redis

from redis_state.testing import EmbeddedServer
from tests.support.servers import raw_client
from tests.support.waiting import wait_for
from tests.with_airflow.conftest import HAS_CORE

if TYPE_CHECKING or HAS_CORE:
    from airflow import settings, state
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    from redis_state.airflow import database_mark
    from redis_state.backends.server import RedisStateBackend
    from redis_state.plugin import activation, clearing, deletions, watch
    from tests.with_airflow.server.airflow_home import Home
    from tests.with_airflow.server.databases import empty_database
    from tests.with_airflow.server.metadata import Metadata
else:
    # The task SDK alone has no metadata.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with empty_database(tmp_path_factory) as url:
        yield url


@pytest.fixture(scope="session")
def home(
    tmp_path_factory: pytest.TempPathFactory, redis_server: EmbeddedServer, database: str
) -> Home:
    return Home(tmp_path_factory.mktemp("airflow-home"), redis_server.url, database)


@pytest.fixture(scope="session")
def metadata(home: Home) -> Iterator[Metadata]:
    database = Metadata(home.database)
    yield database
    database.close()


@pytest.fixture
def plain(redis_server: EmbeddedServer) -> Iterator[redis.Redis]:
    """Give an ordinary client of Redis, which is empty again after the test."""
    with raw_client(redis_server) as plain:
        yield plain
        plain.flushall()


@pytest.fixture
def watching(
    home: Home, metadata: Metadata, plain: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Any]]:
    """Give a function that makes this process one of Airflow's, with options; it is undone."""

    def begin(**options: str) -> Any:
        for name, value in (home.options | options).items():
            monkeypatch.setenv(name, value)
        watch.watch_sessions()
        return state.get_state_backend()

    monkeypatch.setattr(settings, "NonScopedSession", metadata.sessions)
    monkeypatch.setattr(database_mark, "_known", {})
    with forgotten(monkeypatch):
        yield begin
        wait_for(lambda: not clearers(), "the end of what is cleared behind")
        if isinstance(state._backend_instance, RedisStateBackend):
            state._backend_instance.close()


@pytest.fixture
def backend(watching: Callable[..., RedisStateBackend]) -> RedisStateBackend:
    """Give the backend of an Airflow in this process, whose sessions are watched."""
    return watching()


@contextmanager
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin as a new process does, and leave as one that never was Airflow's."""
    monkeypatch.setattr(state, "_backend_instance", None)
    activation.does_work.cache_clear()
    yield
    activation.does_work.cache_clear()
    clearing._cleared.clear()
    deletions._earlier.clear()
    for name, listener in watch._LISTENERS.items():
        if event.contains(Session, name, listener):
            event.remove(Session, name, listener)


def clearers() -> list[threading.Thread]:
    """Return the threads that clear something."""
    return [thread for thread in threading.enumerate() if thread.name == "redis-state-clearing"]
