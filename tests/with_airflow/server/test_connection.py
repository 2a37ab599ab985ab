"""A connection that is kept in the metadata database, as seen from either side."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.models import crypto
from airflow.models.connection import Connection
from cryptography.fernet import Fernet

from tests.with_airflow.server.airflow_home import Home
from tests.with_airflow.server.metadata import Metadata

KEY = "AIRFLOW__CORE__FERNET_KEY"


def keep(metadata: Metadata, conn_id: str, **parts: Any) -> None:
    connection = Connection(conn_id=conn_id, conn_type="redis", host="from-database", **parts)
    with metadata.sessions.begin() as session:
        session.add(connection)


@pytest.fixture(scope="module")
def conn_id(metadata: Metadata) -> str:
    keep(metadata, "kept", port=7001, schema="3")
    return "kept"


def settings_of(home: Home, conn_id: str, backend: str) -> str:
    code = f"import redis_state; print('It is at', redis_state.{backend}().settings.deployment)"
    environment = os.environ | {"AIRFLOW_HOME": str(home.folder)} | home.options
    del environment["AIRFLOW__REDIS_STATE__URL"]
    environment |= {"AIRFLOW__REDIS_STATE__REDIS_CONN_ID": conn_id, KEY: ""}
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    return shown.stdout + shown.stderr


def test_the_server_side_finds_it(home: Home, conn_id: str) -> None:
    assert "It is at from-database:7001/3" in settings_of(home, conn_id, "RedisStateBackend")


def test_the_worker_side_says_where_it_would_look(home: Home, conn_id: str) -> None:
    shown = settings_of(home, conn_id, "RedisWorkerBackend")
    assert "names the connection 'kept', which is not there" in shown
    assert "set AIRFLOW_CONN_KEPT or [redis_state] url for workers" in shown


@pytest.fixture
def _sealing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(KEY, Fernet.generate_key().decode())
    crypto.get_fernet.cache_clear()
    yield
    crypto.get_fernet.cache_clear()


@pytest.mark.usefixtures("_sealing")
def test_one_that_cannot_be_decrypted_is_told_without_a_secret(
    home: Home, metadata: Metadata
) -> None:
    # The process that reads it has no key.
    keep(metadata, "sealed", extra='{"a": "secret"}')
    keep(metadata, "locked", password="secret")
    sealed, locked = (settings_of(home, name, "RedisStateBackend") for name in ("sealed", "locked"))
    assert "The connection 'sealed' of [redis_state] redis_conn_id cannot be decrypted" in sealed
    assert "These could not be asked, or refused: MetastoreBackend" in locked
    assert "secret" not in sealed + locked.replace("secrets", "")


def test_one_that_is_nowhere_is_told(home: Home, metadata: Metadata) -> None:
    shown = settings_of(home, "nowhere", "RedisStateBackend")
    assert "names the connection 'nowhere', which is not there. Make it in Airflow" in shown
