"""The command `migrate`, between a metadata database and a server."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from redis_state import AssetScope, RedisStateBackend, TaskScope
from redis_state.cli import main
from redis_state.cli.exits import DONE, FAILED, WRONG_USE
from tests.matrix import FIELD_FORM, KILLS
from tests.support.waiting import wait_for
from tests.with_airflow.operations.tables import Tables
from tests.with_airflow.server.airflow_home import Home

THEN = datetime(2026, 3, 1, tzinfo=UTC)
MANY = 3_000


class Migrate:
    """Calls the command in this process, whose database has the tables."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = main(["migrate", *arguments])
        return code, *self._capsys.readouterr()

    def report(self, *arguments: str, code: int = DONE) -> dict[str, Any]:
        ended, out, err = self(*arguments, "-o", "json")
        assert ended == code, err
        found: dict[str, Any] = json.loads(out)
        return found


TO_REDIS, BACK = ("--from", "metastore", "--to", "redis"), ("--from", "redis", "--to", "metastore")


@pytest.fixture
def options(backend: RedisStateBackend, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give the options of the backend, as the environment has them."""
    options = {
        "AIRFLOW__REDIS_STATE__URL": backend.settings.url.get_secret_value(),
        "AIRFLOW__REDIS_STATE__NAMESPACE": backend.settings.namespace,
    }
    for name, value in options.items():
        monkeypatch.setenv(name, value)
    return options


@pytest.fixture
def migrate(tables: Tables, options: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Migrate:
    return Migrate(capsys)


@pytest.fixture
def task(tables: Tables) -> TaskScope:
    return tables.metadata.instance().scope


@pytest.fixture
def asset(tables: Tables) -> AssetScope:
    return AssetScope(asset_id=tables.metadata.asset().id)


def test_all_state_goes_to_redis_and_back(
    migrate: Migrate, tables: Tables, backend: RedisStateBackend, task: TaskScope, asset: AssetScope
) -> None:
    for scope in (task, asset):
        tables.put(scope, "key", '"value"', THEN)
    code, out, err = migrate(*TO_REDIS)
    assert code == DONE, err
    assert "2  written\n" in out
    assert "2  equal\n" in out
    assert out.endswith("Complete: all of the source is at the target.\n")
    assert backend.get(task, "key") == backend.get(asset, "key") == '"value"'
    before = tables.all()
    tables.empty()
    assert migrate.report(*BACK)["compared"]["equal"] == 2
    assert tables.all() == before


def test_differences_are_told_and_nothing_is_changed(
    migrate: Migrate, tables: Tables, backend: RedisStateBackend, task: TaskScope
) -> None:
    tables.put(task, "key", "1", THEN)
    would = migrate.report(*TO_REDIS, "--dry-run")
    assert (would["dry_run"], would["copied"]["written"]) == (True, 1)
    assert migrate.report(*TO_REDIS, "--diff", code=FAILED)["compared"]["only_source"] == 1
    assert backend.get(task, "key") is None
    did = migrate.report(*TO_REDIS)
    assert (did["dry_run"], did["equal"]) == (False, True)
    assert migrate.report(*TO_REDIS, "--verify-only")["equal"]
    # A task uses the target already: equal enough to go on, and still a difference.
    backend.set(task, "key", "2")
    assert migrate.report(*TO_REDIS)["compared"]["newer"] == 1
    assert migrate.report(*TO_REDIS, "--verify-only", code=FAILED)["compared"]["newer"] == 1


def test_what_is_to_be_deleted_is_asked_before(
    migrate: Migrate, tables: Tables, backend: RedisStateBackend, task: TaskScope
) -> None:
    for key, moment in (("deleted", THEN), ("kept", THEN + timedelta(hours=1))):
        tables.put(task, key, "1", moment)
    migrate(*TO_REDIS)
    tables.delete(task, "deleted")
    code, out, err = migrate(*TO_REDIS)
    assert code == FAILED
    assert "delete them with --delete-extra" in out
    code, _, err = migrate(*TO_REDIS, "--delete-extra")
    assert (code, "add --yes" in err) == (WRONG_USE, True)
    report = migrate.report(*TO_REDIS, "--delete-extra", "--delete-source", "--yes")
    assert (report["removed_at_target"], report["removed_at_source"]) == (1, 1)
    assert (list(backend.entries(task)), tables.all()) == (["kept"], set())


def test_a_namespace_of_another_airflow_is_refused(
    migrate: Migrate, backend: RedisStateBackend
) -> None:
    backend.claim("another")
    for arguments in ((*TO_REDIS, "--dry-run"), BACK, TO_REDIS, BACK):
        code, _, err = migrate(*arguments)
        assert code == WRONG_USE
        assert "belongs to another Airflow" in err


@pytest.mark.parametrize("moment", range(KILLS))
@pytest.mark.parametrize("server_name", [FIELD_FORM])
def test_what_was_killed_at_any_moment_is_taken_up(
    migrate: Migrate,
    tables: Tables,
    backend: RedisStateBackend,
    raw: redis.Redis,
    options: dict[str, str],
    home: Home,
    asset: AssetScope,
    moment: int,
) -> None:
    tables.put_many(asset, {f"key {number:05}": str(number) for number in range(MANY)}, THEN)
    page = f"{backend.settings.namespace}:a:{{id:{asset.asset_id}}}"
    log = home.folder / "log"
    process = home.start(
        *("redis_state", "migrate", *TO_REDIS, "--batch-size", "10"), log=log, **options
    )
    # Somewhere in the first three quarters of the copy.
    enough = 1 + random.Random(moment).randrange(MANY * 3 // 4)
    wait_for(lambda: raw.hlen(page) >= enough, "enough of a copy")
    process.kill()
    process.wait()
    there: Any = raw.hgetall(page)
    assert enough <= len(there)
    report = migrate.report(*TO_REDIS)
    assert report["compared"]["equal"] == report["verified"] == MANY
    assert report["copied"]["written"] == MANY - len(there)
