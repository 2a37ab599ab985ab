"""The page: instances at a glance, values, what is left of before, the overview, who sees what.

They are in one file, since they share an API server.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import redis
from airflow.models.asset_state_store import AssetStateStoreModel
from airflow.models.task_state_store import TaskStateStoreModel
from fastapi import Request

from redis_state import AssetScope, RedisStateBackend
from redis_state.format.owner import Owner
from redis_state.plugin import owner
from redis_state.plugin.page.mount import PREFIX
from redis_state.plugin.page.rendering import render, seconds_left, size, span
from redis_state.testing import EmbeddedServer
from tests.support.freezing import frozen
from tests.with_airflow.page.pages import PATH, Page, Pages
from tests.with_airflow.page.who import RESTRICTED, RESTRICTED_ASSET
from tests.with_airflow.rest.airflows import Airflow
from tests.with_airflow.server.airflow_home import NAMESPACE
from tests.with_airflow.server.metadata import Metadata

HOUR = timedelta(hours=1)
HOSTILE = "</code></pre><script>alert(1)</script><img src=x onerror='alert(2)'>\"'&amp;{{ 7 * 7 }}"


def test_all_instances_of_a_mapped_task_are_in_one_table(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend
) -> None:
    dag_id = metadata.dag()
    metadata.run(dag_id)
    instances = metadata.instances(dag_id, *range(200))
    soon = datetime.now(UTC) + 5 * HOUR
    backend.set(instances[3].scope, "cursor", '"page-1"', expires_at=soon)
    backend.set(instances[131].scope, "cursor", '"page-2"')
    backend.set(instances[131].scope, "report", f'"{"x" * 5000}"')
    page = pages.task(instances[0].scope)
    rows = page.rows("table-1")
    assert [row[0] for row in rows] == [str(index) for index in range(200)]
    assert rows[0] == ["0", "0", "0 B", "0", "none", "running"]
    assert rows[3][:4] == ["3", "1", "8 B", "0"]
    assert rows[3][4] in {"4 h 59 min", "5 h 0 min"}
    assert rows[131] == ["131", "2", "5.0 kB", "2", "none", "running"]
    assert page.rows("biggest-1")[0] == ["131", "report", "5.0 kB", "permanent"]
    assert {tuple(row[:2]) for row in page.rows("permanent-1")} == {
        ("131", "cursor"),
        ("131", "report"),
    }


def test_a_remaining_lifetime_can_be_counted_down(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend
) -> None:
    scope = metadata.instance().scope
    backend.set(scope, "lease", "1", expires_at=datetime.now(UTC) + HOUR)
    times = [attrs for tag, attrs in pages.task(scope).tags if tag == "time"]
    assert times
    assert all(3500 < int(attrs["data-left"] or 0) <= 3600 for attrs in times)


@pytest.mark.parametrize("map_index", ["5", "{MAP_INDEX}", "-1", "", "5; drop"])
def test_the_values_of_the_instance_of_the_address_are_shown(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend, map_index: str
) -> None:
    dag_id = metadata.dag()
    metadata.run(dag_id)
    for instance in metadata.instances(dag_id, 4, 5):
        backend.set(instance.scope, "index", str(instance.scope.map_index))
    page = pages.task(instance.scope, map_index=map_index)
    shown = [row[:2] for row in page.rows("values")]
    assert shown == ([["index", "5"]] if map_index == "5" else [])


@pytest.mark.parametrize("map_index", ["{MAP_INDEX}", "-1"])
def test_of_a_task_that_is_not_mapped_its_values_are_shown(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend, map_index: str
) -> None:
    scope = metadata.instance().scope
    backend.set(scope, "job_id", '"job-1"')
    page = pages.task(scope, map_index=map_index)
    assert [row[:2] for row in page.rows("values")] == [["job_id", '"job-1"']]


def test_many_values_come_in_pages_that_lead_to_each_other(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend
) -> None:
    scope = metadata.instance().scope
    backend.set_many(scope, {f"key-{number:02}": str(number) for number in range(45)})
    keys, page = [], pages.task(scope)
    for _ in range(3):
        keys += [row[0] for row in page.rows("values")]
        after = [link for link in page.links() if "offset=" in link][-1]
        page = pages.get(after)
    assert keys == [f"key-{number:02}" for number in range(45)]


def test_what_a_task_writes_is_text_and_nothing_else(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend
) -> None:
    instance = metadata.instance()
    # What Airflow's own checks of names would not let pass, either.
    metadata.update(instance, task_id=HOSTILE)
    scope = replace(instance.scope, task_id=HOSTILE)
    backend.set(scope, HOSTILE, HOSTILE)
    page = pages.task(scope)
    assert [row[:2] for row in page.rows("values")] == [[HOSTILE, HOSTILE]]
    assert [row[0] for row in page.rows("biggest-1")] == [HOSTILE]
    newest = pages.get("/dags/~/newest")
    (link,) = {link for link in newest.links() if "task?" in link and "alert" in link}
    assert pages.get(link).rows("values") == page.rows("values")


@pytest.mark.parametrize("key", ["\ud800", "\0", "line\r\nfeed"])
def test_a_key_that_is_hard_to_show_hides_no_others(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend, key: str
) -> None:
    scope = metadata.instance().scope
    backend.set_many(scope, {key: "1", "other": "2"})
    assert len(pages.task(scope).rows("values")) == 2


def test_a_value_that_cannot_be_read_says_so_beside_the_others(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend, plain: redis.Redis
) -> None:
    scope = metadata.instance().scope
    backend.set(scope, "whole", "1")
    (name,) = plain.keys(f"{NAMESPACE}:t:*")
    plain.hset(name, "damaged", b"\0" * 30)
    page = pages.task(scope)
    plain.hdel(name, "damaged")
    whole, damaged = page.rows("values")
    assert whole[:2] == ["whole", "1"]
    assert damaged[0] == "damaged"
    assert "cannot be read" in damaged[1]
    assert "damaged" in page.text.partition('id="values-heading"')[0]


def test_a_large_value_is_shown_in_part(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend
) -> None:
    scope = metadata.instance().scope
    backend.set(scope, "report", f'"{"x" * 100_000}"')
    page = pages.task(scope)
    assert "the first 2000 of 100002 characters" in page.rows("values")[0][1]
    assert len(page.text) < 20_000


def test_rows_from_before_the_switch_are_apart_from_what_is_in_redis(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend
) -> None:
    dag_id = metadata.dag()
    run = metadata.run(dag_id)
    (instance,) = metadata.instances(dag_id)
    backend.set(instance.scope, "job_id", '"live"')
    with metadata.session() as session:
        session.add(
            TaskStateStoreModel(
                dag_run_id=run,
                dag_id=dag_id,
                run_id="run",
                task_id="task",
                key="job_id",
                value=f'"old {HOSTILE}"',
            )
        )
    page = pages.task(instance.scope)
    assert [row[:2] for row in page.rows("values")] == [["job_id", '"live"']]
    assert [[*row[:2], row[3]] for row in page.rows("left")] == [
        ["job_id", f'"old {HOSTILE}"', "never"]
    ]
    assert "tasks do not read these" in page.text
    assert page.text.count("old") == 1
    assert pages.get("/").by_id["left-of-tasks"] == "1 row"


def test_a_task_that_is_not_there_is_not_found(pages: Pages, metadata: Metadata) -> None:
    scope = metadata.instance().scope
    for names in ({"task_id": "another"}, {"dag_run_id": "another"}, {"dag_id": "~"}):
        assert pages.task(scope, **names).status == 404


def test_what_another_run_of_the_same_id_has_left_is_not_shown(
    pages: Pages, airflow: Airflow, metadata: Metadata
) -> None:
    dag_id = metadata.dag()
    metadata.run(dag_id)
    (instance,) = metadata.instances(dag_id)
    with airflow.task(instance) as task:
        task.set("job_id", "old")
    assert pages.task(instance.scope).rows("values")
    metadata.delete_run(dag_id)
    metadata.run(dag_id)
    metadata.instances(dag_id)
    page = pages.task(instance.scope)
    assert not page.rows("values")
    assert not page.rows("biggest-1")


def test_airflow_names_the_page_where_its_ui_looks_for_it(
    airflow: Airflow, metadata: Metadata
) -> None:
    found = airflow.request("GET", "/plugins").json()["plugins"]
    (ours,) = [each for each in found if each["name"] == "redis_state"]
    views = {view["destination"]: view["href"] for view in ours["external_views"]}
    assert {"nav", "task_instance"} <= views.keys()
    # They count from the address that the UI has as its base.
    assert all(href.startswith("redis-state/") for href in views.values())
    scope, asset = metadata.instance().scope, metadata.asset()
    known = {"DAG_ID": scope.dag_id, "RUN_ID": scope.run_id, "TASK_ID": scope.task_id}
    # It leaves what it does not know.
    known |= {"ASSET_ID": str(asset.id), "MAP_INDEX": "{MAP_INDEX}"}
    for href in views.values():
        url = f"{airflow.server.root}/{href.format_map(known)}"
        assert httpx.get(url, headers=airflow.users["admin"], timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7380, "2 h 3 min"), (90_000, "1 d 1 h")],
)
def test_times_are_told_in_two_units(seconds: int, words: str) -> None:
    assert span(seconds) == words


def test_no_time_is_left_of_what_is_over() -> None:
    assert seconds_left(datetime.now(UTC) - HOUR) == 0


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (5 * 10**18, "5000000.0 TB")]
)
def test_sizes_are_told_in_units(count: int, words: str) -> None:
    assert size(count) == words


OVERVIEW, NEWEST, ASSETS = "/", "/dags/~/newest", "/assets"
TASK = "/task?dag_id=dag&dag_run_id=run&task_id=task"
STYLE, SCRIPT = "/static/page.css", "/static/page.js"
ASSET = f"/assets/{RESTRICTED_ASSET}"


def ask(airflow: Airflow, path: str, user: str) -> httpx.Response:
    url = f"{airflow.server.root}/redis-state{path}"
    return httpx.get(url, headers=airflow.users[user], timeout=60)


@pytest.mark.parametrize("path", [OVERVIEW, NEWEST, ASSETS, ASSET, TASK, STYLE, SCRIPT])
def test_nobody_sees_anything_without_a_login(airflow: Airflow, path: str) -> None:
    assert ask(airflow, path, "nobody").status_code == 401


@pytest.mark.parametrize(
    ("user", "path", "status"),
    [
        ("viewer", NEWEST, 200),
        ("viewer", ASSETS, 200),
        ("viewer", TASK, 404),
        # Who may see no plug-ins sees no page in the navigation.
        ("viewer", OVERVIEW, 403),
        ("user", OVERVIEW, 200),
        ("user", ASSETS, 403),
        ("user", ASSET, 403),
        ("admin", ASSET, 404),
    ],
)
def test_airflow_decides_who_sees_what(airflow: Airflow, user: str, path: str, status: int) -> None:
    assert ask(airflow, path, user).status_code == status


def test_the_state_of_a_dag_is_shown_to_those_who_may_read_it(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend
) -> None:
    dag_id = metadata.dag(f"{RESTRICTED}by-page")
    metadata.run(dag_id)
    (instance,) = metadata.instances(dag_id)
    backend.set(instance.scope, "secret key", '"secret value"')
    for user, sees in {"admin": True, "viewer": False, "op": False}.items():
        page = pages.task(instance.scope, user=user)
        assert page.status == (200 if sees else 403)
        assert ("secret" in page.text) is sees
        newest = pages.get(NEWEST, user=user)
        assert newest.status == 200
        assert (dag_id in newest.text) is sees
        assert ("secret" in newest.text) is sees


def test_no_other_dag_opens_one_that_is_restricted(
    airflow: Airflow, pages: Pages, metadata: Metadata
) -> None:
    other = metadata.instance().scope
    dag_id = metadata.dag(f"{RESTRICTED}twice")
    metadata.run(dag_id)
    metadata.instances(dag_id)
    twice = f"/task?dag_id={other.dag_id}&dag_run_id=run&task_id=task&dag_id={dag_id}"
    assert ask(airflow, twice, "viewer").status_code == 403
    assert ask(airflow, f"/dags/{other.dag_id}/newest", "viewer").status_code == 422


@pytest.mark.parametrize("user", ["admin", "nobody"])
@pytest.mark.parametrize("path", [OVERVIEW, TASK, STYLE, "/nothing"])
def test_every_answer_forbids_what_the_page_does_not_need(
    airflow: Airflow, path: str, user: str
) -> None:
    headers = ask(airflow, path, user).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_the_overview_says_which_redis_it_is_and_how_it_is(
    pages: Pages, backend: RedisStateBackend
) -> None:
    page = pages.get(OVERVIEW)
    assert page.by_id["namespace"].strip() == NAMESPACE
    assert page.by_id["deployment"].strip() == str(backend.settings.deployment)
    findings = {finding.name: finding for finding in backend.health().findings}
    shown = {row[0]: row for table in page.tables.values() for row in table[1:]}
    assert shown.keys() >= findings.keys()
    # The tests' server writes nothing to a disk.
    assert shown["persistence"][1] == "warning"
    assert findings["persistence"].remedy in shown["persistence"][2]
    assert "Warning:" in page.by_id["banner"]


def test_the_newest_runs_show_what_their_tasks_keep(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend
) -> None:
    dag_id = metadata.dag()
    metadata.run(dag_id)
    instances = metadata.instances(dag_id, 0, 1, task_id="mapped")
    metadata.instances(dag_id, task_id="keeps-nothing")
    for instance in instances:
        backend.set(instance.scope, "report", f'"{"x" * 2000}"')
    page = pages.get(NEWEST)
    (row,) = [row for row in page.rows("tasks") if dag_id in row[0]]
    assert row[1:] == ["2", "2", "4.0 kB", "2", "none"]
    assert "This is a sample" in page.text
    assert "keeps-nothing" not in page.text
    assert [row[2] for row in page.rows("biggest")[:2]] == ["report", "report"]
    assert "report" in page.rows("permanent")[0]


def test_an_asset_is_shown_with_its_values_and_what_is_left_of_before(
    pages: Pages, metadata: Metadata, backend: RedisStateBackend
) -> None:
    asset = metadata.asset()
    backend.set(AssetScope(asset_id=asset.id), "watermark", "4")
    with metadata.session() as session:
        session.add(AssetStateStoreModel(asset_id=asset.id, key="watermark", value="2"))
    (link,) = [link for link in pages.get(ASSETS).links() if link.endswith(f"/{asset.id}")]
    page = pages.get(link)
    assert asset.uri in page.text
    assert [row[:2] for row in page.rows("values")] == [["watermark", "4"]]
    assert [row[:2] for row in page.rows("left")] == [["watermark", "2"]]
    assert pages.get(OVERVIEW).by_id["left-of-assets"] == "1 row"


def test_an_asset_that_is_not_there_is_not_found(pages: Pages) -> None:
    assert pages.get("/assets/987654").status == 404


def test_every_page_warns_of_a_namespace_that_is_another_airflows(
    monkeypatch: pytest.MonkeyPatch, backend: RedisStateBackend
) -> None:
    watch = owner.Watch(backend)
    mark = Owner("database", "2026-11-28")
    watch.warned = owner.Warned("It is another's", "Choose <another> namespace.", mark)
    monkeypatch.setattr(owner, "_watches", [watch])
    request = Request({"type": "http", "root_path": f"{PATH}/redis-state"})
    answer = render(request, "error.html", phrase="Not Found", detail="nothing")
    page = Page(httpx.Response(404, content=answer.body))
    assert page.by_id["another-owner"] == "It is another's. Choose <another> namespace."


def test_while_redis_is_away_the_page_says_so(
    pages: Pages, metadata: Metadata, redis_server: EmbeddedServer
) -> None:
    scope = metadata.instance().scope
    with frozen(redis_server):
        page = pages.task(scope)
    assert page.status == 503
    assert "Service Unavailable" in page.text


def test_where_the_bridge_is_off_there_is_no_page(airflow: Airflow) -> None:
    # What is printed of a plug-in has no room for its address, where it is narrow.
    off = {"AIRFLOW__REDIS_STATE__UI_BRIDGE": "False", "COLUMNS": "1000"}
    status, told = airflow.home.run("airflow", "plugins", "--output", "json", **off)
    assert status == 0
    assert "redis_state" in told
    assert PREFIX not in told
