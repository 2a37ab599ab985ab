"""Airflow's REST routes for state: on Redis they answer as on Airflow's own store.

Each request goes to both, whose answers are compared whole: see `airflows.Both`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.matrix import METADATA
from tests.with_airflow.rest.airflows import PREFIX, RETENTION_DAYS, Both, State
from tests.with_airflow.server.tasks import MISSING
from tests.with_airflow.server.values import KEYS, VALUES

# By code point, where neither a word's order nor UTF-16's would sort them so.
UNICODE = [
    *("", "\t", " ", "%", "A", "Z", "a", "a/b", "ab", "e\u0301", "\u00e9", "ß"),
    *("\ufb01", "\uffff", "\U00010000", "🚀"),
]


def test_a_list_without_state_is_empty(state: State) -> None:
    assert state.listed() == {"entries": [], "total": 0}


def test_a_list_has_all_keys_with_their_values_and_times(state: State) -> None:
    state.put("job_id", "spark_001")
    state.put("checkpoint", {"step": 3})
    found = state.listed()
    assert found["total"] == 2
    assert {each["key"]: each["value"] for each in found["entries"]} == {
        "job_id": "spark_001",
        "checkpoint": {"step": 3},
    }
    more = "expires_at" if state.kind == "task" else "last_updated_by"
    assert all(each.keys() == {"key", "value", "updated_at", more} for each in found["entries"])
    for each in found["entries"]:
        assert abs(datetime.now(UTC) - datetime.fromisoformat(each["updated_at"])) < timedelta(1)


def test_keys_are_listed_by_code_point(state: State) -> None:
    for key in reversed(UNICODE):
        state.put(key, 1)
    assert state.keys() == sorted(UNICODE)


@pytest.mark.parametrize(
    ("params", "keys"),
    [
        ({"limit": 2}, ["a", "b"]),
        ({"limit": 2, "offset": 2}, ["c"]),
        ({"offset": 1}, ["b", "c"]),
        ({"offset": 3}, []),
        ({"offset": 10**15, "limit": 1}, []),
        ({"limit": 0}, []),
        ({"limit": 101}, ["a", "b", "c"]),
        ({"limit": 10**9}, ["a", "b", "c"]),
    ],
)
def test_a_page_of_a_list(state: State, params: dict[str, int], keys: list[str]) -> None:
    for key in "cab":
        state.put(key, 1)
    assert state.listed(**params)["total"] == 3
    assert state.keys(**params) == keys


@pytest.mark.parametrize(
    "params", [{"limit": -1}, {"offset": -1}, {"limit": "many"}, {"offset": 1.5}]
)
def test_a_page_that_is_none_is_refused(state: State, params: dict[str, Any]) -> None:
    assert state.request("GET", params=params).status_code == 422


def test_a_long_list_is_compressed_on_the_way(state: State) -> None:
    for number in range(60):
        state.put(f"key {number:03}", "x" * 100)
    answer = state.request("GET", params={"limit": 60}, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json()["total_entries"] == 60


def test_a_value_that_was_put_is_read_listed_and_found_by_tasks(both: Both, state: State) -> None:
    for key, value in VALUES.items():
        state.put(key, "older")
        state.put(key, value)
        assert json.dumps(state.get(key)["value"]) == json.dumps(value)
        found = both.got_by_task(state, key)
        assert [json.dumps(each) for each in found] == [json.dumps(value)] * 2
    listed = {each["key"]: each["value"] for each in state.listed(limit=100)["entries"]}
    assert listed == VALUES


def test_a_value_that_a_task_has_set_is_read_and_taken_away(both: Both, task: State) -> None:
    for key, value in VALUES.items():
        both.set_by_task(task, key, value)
        assert json.dumps(task.get(key)["value"]) == json.dumps(value)
        task.request("DELETE", key)
        assert both.got_by_task(task, key) == [MISSING, MISSING]


def test_any_key_can_be_put_read_listed_and_deleted(state: State) -> None:
    # PostgreSQL has no NUL in a text.
    keys = [key for key in KEYS.values() if METADATA == "sqlite" or "\0" not in key]
    for number, key in enumerate(keys):
        state.put(key, number)
    assert state.keys(limit=100) == sorted(keys)
    for number, key in enumerate(keys):
        assert state.get(key)["key"] == key
        assert state.get(key)["value"] == number
        assert state.request("DELETE", key).status_code == 204
        assert state.get(key) is None


def test_the_path_of_the_base_url_may_stand_in_front_or_not(state: State) -> None:
    body = {"value": 1, "expires_at": None} if state.kind == "task" else {"value": 1}
    path = f"{state.path}/key"
    # Behind a proxy that takes it away, and behind one that does not.
    assert state.both.request("PUT", path, json=body, prefix=PREFIX).status_code == 204
    assert state.value("key") == 1
    assert state.both.request("GET", state.path, prefix=PREFIX).json()["total_entries"] == 1
    assert state.both.request("DELETE", path, prefix=f"/x{PREFIX}").status_code == 405
    assert state.value("key") == 1


def test_slashes_need_no_escape(state: State) -> None:
    state.put("partition/2026/05", 1)
    answer = state.both.request("GET", f"{state.path}/partition/2026/05")
    assert answer.json()["key"] == "partition/2026/05"
    assert state.both.request("DELETE", f"{state.path}/partition/2026/05").status_code == 204
    assert state.get("partition/2026/05") is None


@pytest.mark.parametrize("suffix", ["/", "//", "/?limit=1", "?limit=1&limit=2", "/a?b=c#d", "/%01"])
def test_other_spellings_of_a_path(state: State, suffix: str) -> None:
    state.put("a", 1)
    for method in ("GET", "PUT", "DELETE"):
        body = {"json": {"value": 1}} if method == "PUT" else {}
        state.both.request(method, f"{state.path}{suffix}", **body)


@pytest.mark.parametrize(
    "body",
    [
        {"json": {}},
        {"json": None},
        {"json": []},
        {"json": {"value": None}},
        {"json": {"value": 1, "more": 2}},
        {"json": {"value": "x" * 65536}},
        {"content": b""},
        {"content": b"{"},
        {"content": b'{"value": NaN}'},
        {"content": b'{"value": {"a": [Infinity]}}'},
        {"content": b'{"value": [-Infinity]}'},
        {"content": b'{"value": 1e999}'},
        {"content": b'{"value": 1}', "headers": {"Content-Type": "text/plain"}},
        {"content": b"value=1", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        # Airflow has nothing to say of it, and ends the connection.
        {"content": b'{"value": "\xff"}', "headers": {"Connection": "close"}},
    ],
)
def test_a_body_that_is_no_value_is_refused_and_the_old_value_stays(
    state: State, body: dict[str, Any]
) -> None:
    state.put("key", "old")
    for method in ("PUT", "PATCH") if state.kind == "task" else ("PUT",):
        assert state.request(method, "key", **body).status_code in {400, 422, 500}
    assert state.get("key")["value"] == "old"


@pytest.mark.parametrize(
    "expires_at", ["soon", "2099-05-15T12:00:00", "2099-13-01T00:00:00Z", True, ["default"], ""]
)
def test_a_lifetime_that_is_none_is_refused(task: State, expires_at: Any) -> None:
    body = {"value": 1, "expires_at": expires_at}
    assert task.request("PUT", "key", json=body).status_code == 422
    assert task.get("key") is None


@pytest.mark.parametrize(
    ("expires_at", "told"),
    [
        (None, None),
        ("2099-05-15T12:00:00Z", "2099-05-15T12:00:00Z"),
        ("2099-05-15T12:00:00.123456Z", "2099-05-15T12:00:00.123456Z"),
        ("2099-05-15T12:00:00.000001+05:45", "2099-05-15T06:15:00.000001Z"),
        ("2099-05-15T12:00:00-09:30", "2099-05-15T21:30:00Z"),
        (4082443200, "2099-05-14T12:00:00Z"),
    ],
)
def test_a_value_is_told_to_end_when_it_was_said_to(
    task: State, expires_at: Any, told: str | None
) -> None:
    task.put("key", "older", expires_at="2098-01-01T00:00:00Z")
    task.put("key", 1, expires_at=expires_at)
    assert task.get("key")["expires_at"] == told
    assert task.listed()["entries"][0]["expires_at"] == told


def test_a_patch_changes_the_value_and_not_when_it_ends(both: Both, task: State) -> None:
    end = "2099-05-15T12:00:00.123456Z"
    task.put("key", "older", expires_at=end)
    task.put("permanent", "older")
    for key in ("key", "permanent"):
        answer = task.request("PATCH", key, json={"value": {"new": True}})
        assert answer.status_code == 200
        assert answer.json() is None
    assert [task.get(key)["expires_at"] for key in ("key", "permanent")] == [end, None]
    assert both.got_by_task(task, "key") == [{"new": True}] * 2


def test_a_patch_of_what_is_not_there_sets_nothing(task: State) -> None:
    assert task.request("PATCH", "key", json={"value": 1}).status_code == 404
    assert task.keys() == []


def test_a_deletion_takes_one_key_that_need_not_be_there(state: State) -> None:
    for key in ("a", "b"):
        state.put(key, key)
    assert [state.request("DELETE", key).status_code for key in ("a", "c")] == [204, 204]
    assert state.keys() == ["b"]


def test_a_clear_takes_all_of_a_scope_and_nothing_of_others(both: Both, state: State) -> None:
    other = both.task() if state.kind == "task" else both.asset()
    for key in ("a", "b/c", "ä"):
        state.put(key, key)
    other.put("a", "of the other")
    for _ in range(2):
        assert state.request("DELETE").status_code == 204
        assert state.keys() == []
    assert other.get("a")["value"] == "of the other"


def test_map_indices_are_apart_until_all_are_cleared(both: Both, plain: Any) -> None:
    indices = (-1, 0, 1, 128)
    task = both.task(*indices)
    for index in indices:
        params = {"map_index": index}
        body: dict[str, Any] = {"value": index, "expires_at": None}
        assert task.request("PUT", "key", params=params, json=body).status_code == 204
    assert [task.keys(map_index=index) for index in indices] == [["key"]] * 4
    assert task.request("GET", "key", params={"map_index": 128}).json()["value"] == 128
    body = {"value": "new"}
    task.request("PATCH", "key", params={"map_index": 1}, json=body)
    assert [entry["value"] for entry in task.listed(map_index=1)["entries"]] == ["new"]
    assert task.request("DELETE", params={"map_index": 0}).status_code == 204
    assert [task.keys(map_index=index) for index in indices] == [["key"], [], ["key"], ["key"]]
    assert task.request("DELETE", "key", params={"map_index": 1}).status_code == 204
    assert [task.keys(map_index=index) for index in indices] == [["key"], [], [], ["key"]]
    # Whatever map index is named besides.
    params = {"all_map_indices": True, "map_index": 7}
    assert task.request("DELETE", params=params).status_code == 204
    assert [task.keys(map_index=index) for index in indices] == [[]] * 4


def test_all_indices_of_a_task_that_was_expanded_are_cleared_without_naming_one(
    both: Both, plain: Any
) -> None:
    task = both.task(0, 1)
    assert task.request("DELETE").status_code == 404
    assert task.request("DELETE", params={"all_map_indices": True}).status_code == 204


@pytest.mark.parametrize("params", [{"map_index": -2}, {"map_index": "x"}, {"map_index": ""}])
def test_a_map_index_that_is_none_is_refused(task: State, params: dict[str, Any]) -> None:
    for method in ("GET", "DELETE"):
        assert task.request(method, params=params).status_code == 422


METHODS: dict[str, tuple[str, str, Any]] = {
    "list": ("GET", "", None),
    "read": ("GET", "/key", None),
    "set": ("PUT", "/key", {"value": "new"}),
    "patch": ("PATCH", "/key", {"value": "new"}),
    "delete": ("DELETE", "/key", None),
    "clear": ("DELETE", "", None),
}


def ask(state: State, name: str, path: str | None = None, **options: Any) -> int:
    method, suffix, body = METHODS[name]
    if (name, state.kind) == ("set", "task"):
        body = body | {"expires_at": None}
    answer = state.both.request(
        method, f"{state.path if path is None else path}{suffix}", json=body, **options
    )
    status: int = answer.status_code
    return status


@pytest.mark.parametrize("unknown", ["dag", "run", "task", "map index"])
def test_a_task_instance_that_airflow_does_not_know(task: State, unknown: str) -> None:
    path, params = task.path, dict[str, Any]()
    if unknown == "map index":
        params = {"map_index": 5}
    else:
        part = {"dag": 2, "run": 4, "task": 6}[unknown]
        parts = path.split("/")
        parts[part] = "unknown"
        path = "/".join(parts)
    for name in METHODS:
        assert ask(task, name, path, params=params) == (200 if name == "list" else 404)
    every = params | {"all_map_indices": True}
    assert ask(task, "clear", path, params=every) == (204 if unknown == "map index" else 404)


@pytest.mark.parametrize(("asset_id", "status"), [("99999", 404), ("x", 422), ("-1", 404)])
def test_an_asset_that_airflow_does_not_know(asset: State, asset_id: str, status: int) -> None:
    for name in verbs(asset):
        assert ask(asset, name, f"/assets/{asset_id}/state-store") == status


def test_what_the_routes_do_not_have_is_answered_by_airflow(state: State) -> None:
    for method in ("POST", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE"):
        assert state.request(method).status_code in {405, 422}
    for method in ("POST", "HEAD", "OPTIONS", "TRACE", *(("PATCH",) * (state.kind == "asset"))):
        assert state.request(method, "key").status_code == 405


ALLOWED = {
    "task": {"viewer": {"list", "read"}, "user": set(METHODS), "op": set(METHODS)},
    "asset": {"viewer": {"list", "read"}, "user": {"list", "read"}, "op": set(METHODS)},
}


def verbs(state: State) -> list[str]:
    return [name for name in METHODS if (state.kind, name) != ("asset", "patch")]


@pytest.mark.parametrize("user", ["viewer", "user", "op", "admin"])
def test_who_may_do_what(state: State, user: str) -> None:
    for name in verbs(state):
        state.put("key", "old")
        allowed = user == "admin" or name in ALLOWED[state.kind][user]
        assert (ask(state, name, user=user) < 300) is allowed
        changed = allowed and name not in {"list", "read"}
        assert ((state.value("key")) != "old") is changed


@pytest.mark.parametrize("user", ["viewer", "user", "op"])
def test_whoever_may_not_see_a_dag_may_not_touch_its_state(
    both: Both, plain: Any, user: str
) -> None:
    secret = both.task(dag_id=f"restricted-{user}")
    for name in METHODS:
        secret.put("key", "old")
        assert ask(secret, name, user=user) == 403
        assert secret.value("key") == "old"
        assert ask(secret, name) < 300


@pytest.mark.parametrize(
    ("authorization", "status"),
    [(None, 401), ("Bearer nonsense", 403), ("Basic YWRtaW46YWRtaW4=", 401)],
)
def test_nobody_gets_past_without_a_token(
    state: State, authorization: str | None, status: int
) -> None:
    state.put("key", "old")
    headers = {"Authorization": authorization} if authorization else {}
    for name in verbs(state):
        assert ask(state, name, user="nobody", headers=headers) == status
    assert state.value("key") == "old"


def test_the_cookie_of_the_ui_is_as_good_as_a_token(state: State) -> None:
    state.put("key", 1)
    for user, status in (("viewer", 403), ("admin", 204)):
        for each in (state.both.ours, state.both.own):
            token = each.users[user]["Authorization"].removeprefix("Bearer ")
            headers = {"Cookie": f"_token={token}"}
            path = f"{state.path}/key"
            assert each.request("GET", path, user="nobody", headers=headers).status_code == 200
            answer = each.request("DELETE", path, user="nobody", headers=headers)
            assert answer.status_code == status


def test_a_token_that_was_revoked_is_refused(state: State) -> None:
    for each in (state.both.ours, state.both.own):
        each.users["gone"] = each.log_in("viewer")
        assert each.request("GET", state.path, user="gone").status_code == 200
        token = each.users["gone"]["Authorization"].removeprefix("Bearer ")
        each.http.get(
            f"{each.server.root}/api/v2/auth/logout", headers={"Cookie": f"_token={token}"}
        )
    assert state.request("GET", user="gone").status_code == 403


def test_a_value_of_an_asset_says_that_it_came_through_rest(asset: State) -> None:
    asset.put("watermark", 1)
    by_api = {"kind": "api", "dag_id": None, "run_id": None, "task_id": None, "map_index": None}
    for told in (asset.get("watermark"), asset.listed()["entries"][0]):
        assert told["last_updated_by"] is not None
        assert by_api.items() <= told["last_updated_by"].items()


def test_the_state_of_a_run_that_was_deleted_is_neither_shown_nor_found_again(
    both: Both, task: State
) -> None:
    task.put("job_id", "of the dead run")
    dag_id = task.owners[0][0].scope.dag_id
    for each in (both.ours, both.own):
        each.metadata.delete_run(dag_id)
    assert task.listed() == {"entries": [], "total": 0}
    assert task.get("job_id") is None
    for each in (both.ours, both.own):
        each.metadata.run(dag_id)
        each.metadata.instances(dag_id)
    assert task.listed() == {"entries": [], "total": 0}
    assert task.get("job_id") is None
    assert task.request("PATCH", "job_id", json={"value": 1}).status_code == 404
    task.put("job_id", "of the new run")
    assert task.get("job_id")["value"] == "of the new run"


def test_the_default_is_what_airflow_is_set_to(both: Both, task: State) -> None:
    """Each counts from its own now: compared by what it has to be."""
    for body in ({"value": 1}, {"value": 1, "expires_at": "default"}):
        for each in (both.ours, both.own):
            before = datetime.now(UTC) + timedelta(days=RETENTION_DAYS)
            assert each.request("PUT", f"{task.path}/key", json=body).status_code == 204
            told = each.request("GET", f"{task.path}/key").json()["expires_at"]
            after = datetime.now(UTC) + timedelta(days=RETENTION_DAYS)
            assert before <= datetime.fromisoformat(told) <= after
