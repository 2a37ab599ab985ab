"""The command `migrate`, when its metadata database goes away: a PostgreSQL that is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from threading import Event
from typing import Any

import pytest

from redis_state import AssetScope, RedisStateBackend
from redis_state.admin import patience
from redis_state.airflow import database_mark, metastore
from redis_state.cli import main
from redis_state.cli.exits import DONE, UNREACHABLE
from redis_state.errors import UnavailableError
from tests.matrix import FIELD_FORM
from tests.with_airflow.operations.tables import Tables
from tests.with_airflow.server.postgresql import PostgreSQL

pytestmark = [
    pytest.mark.parametrize("server_name", [FIELD_FORM]),
    pytest.mark.parametrize("way", ["there", "back"]),
]

THEN = datetime(2026, 3, 1, tzinfo=UTC)
MANY, BATCH = 100, 10
WAYS = {
    "there": ("--from", "metastore", "--to", "redis"),
    "back": ("--from", "redis", "--to", "metastore"),
}
# In the first hundred characters, which is what a list of tasks or a log shows at a glance.
TOLD = "The metadata database cannot be used: see whether it runs, and [database] sql_alchemy_conn"
BEGINNING = len("redis-state: ") + 100


class Outage:
    """Kills the database in one of the command's transactions, once its statements are done."""

    def __init__(self, postgresql: PostgreSQL, *, at: int, is_short: bool) -> None:
        self._postgresql = postgresql
        self._at = at
        self._is_short = is_short
        self._transaction = metastore.transaction
        # The transactions come from two threads.
        self._numbers, self._failures = count(), count()
        self._is_killed = Event()
        self.has_failed_again = False

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        try:
            with self._transaction() as session:
                yield session
                if next(self._numbers) == self._at:
                    self._postgresql.kill()
                    self._is_killed.set()
        except UnavailableError:
            # The first to fail was under way.
            if next(self._failures) == 1:
                self.has_failed_again = True
                if self._is_short:
                    self._is_killed.wait()
                    self._postgresql.start()
            raise


@pytest.fixture
def asset(
    way: str,
    tables: Tables,
    backend: RedisStateBackend,
    postgresql: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[AssetScope]:
    """Give an asset whose state is at the source."""
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__URL", backend.settings.url.get_secret_value())
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__NAMESPACE", backend.settings.namespace)
    asset = AssetScope(asset_id=tables.metadata.asset().id)
    values = {f"key {number:03}": f'"{number}"' for number in range(MANY)}
    if way == "there":
        tables.put_many(asset, values, THEN)
    else:
        backend.set_many(asset, values)
    yield asset
    # For others, if this test has failed.
    postgresql.start()


def migrate(way: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["migrate", *WAYS[way], "--batch-size", str(BATCH), "-o", "json"])
    return code, *capsys.readouterr()


def at_target(
    way: str, tables: Tables, backend: RedisStateBackend, asset: AssetScope
) -> dict[str, str]:
    if way == "there":
        return {key: entry.value for key, entry in backend.entries(asset).items()}
    return {key: value for _, key, value, *_ in tables.all()}


def test_a_short_absence_is_outlasted(
    way: str,
    asset: AssetScope,
    tables: Tables,
    backend: RedisStateBackend,
    postgresql: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    outage = Outage(postgresql, at=5, is_short=True)
    monkeypatch.setattr(metastore, "transaction", outage.transaction)
    code, out, err = migrate(way, capsys)
    assert (code, err) == (DONE, "")
    assert outage.has_failed_again
    assert json.loads(out)["compared"]["equal"] == MANY
    assert len(at_target(way, tables, backend, asset)) == MANY


def test_what_stays_away_is_told_and_the_same_command_goes_on(
    way: str,
    asset: AssetScope,
    tables: Tables,
    backend: RedisStateBackend,
    postgresql: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    outage = Outage(postgresql, at=5, is_short=False)
    with monkeypatch.context() as patched:
        patched.setattr(metastore, "transaction", outage.transaction)
        patched.setattr(patience, "PATIENCE", 0.0)
        code, out, err = migrate(way, capsys)
        assert (code, out) == (UNREACHABLE, "")
        assert TOLD in err[:BEGINNING]
        assert "run the same command again, and it goes on from there" in err
        # As another process, which does not know the mark of the database.
        patched.setattr(database_mark, "_known", {})
        again = migrate(way, capsys)
        assert again[0] == UNREACHABLE, "from the beginning"
        assert TOLD in again[2][:BEGINNING]
    postgresql.start()
    there = at_target(way, tables, backend, asset)
    # Batches are there or not, and none in part.
    assert 0 < len(there) < MANY
    assert len(there) % BATCH == 0
    code, out, err = migrate(way, capsys)
    report = json.loads(out)
    assert (code, err) == (DONE, "")
    assert report["compared"]["equal"] == report["verified"] == MANY
    assert report["copied"]["written"] == MANY - len(there)
    whole = {f"key {number:03}": f'"{number}"' for number in range(MANY)}
    assert at_target(way, tables, backend, asset) == whole
