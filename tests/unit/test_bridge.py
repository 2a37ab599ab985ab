"""Which requests the bridge takes: those to Airflow's routes for state, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from redis_state.plugin.bridge import is_ours

TASK = "/api/v2/dags/d/dagRuns/r/taskInstances/t/state-store"
ASSET = "/api/v2/assets/7/state-store"


def request(method: str, path: str, root_path: str = "") -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "root_path": root_path}


@pytest.mark.parametrize("path", [TASK, f"{TASK}/key", f"{TASK}/a/b\n/c", f"{TASK}/", ASSET])
def test_it_takes_the_routes_for_state(path: str) -> None:
    assert is_ours(request("GET", path))


@pytest.mark.parametrize("root_path", ["/airflow", "/team/a"])
def test_a_proxy_may_leave_its_prefix_there_or_take_it_away(root_path: str) -> None:
    assert is_ours(request("GET", TASK, root_path))
    assert is_ours(request("GET", f"{root_path}{TASK}", root_path))
    assert not is_ours(request("GET", f"/other{TASK}", root_path))


@pytest.mark.parametrize(
    "path",
    [
        f"/api/v2{TASK}",
        TASK.removeprefix("/api/v2"),
        TASK.replace("/dagRuns/r", ""),
        TASK.replace("/t/", "/t/5/"),
        f"{TASK}s",
        "/api/v2/assets/state-store",
        "/api/v2/assets/7/8/state-store",
        "/state-store",
    ],
)
def test_others_pass(path: str) -> None:
    assert not is_ours(request("GET", path))


def test_a_method_that_a_route_does_not_have_passes() -> None:
    methods = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
    taken = {
        path: {method for method in methods if is_ours(request(method, path))}
        for path in (TASK, f"{TASK}/key", ASSET, f"{ASSET}/key")
    }
    assert taken == {
        TASK: {"GET", "DELETE"},
        f"{TASK}/key": {"GET", "PUT", "PATCH", "DELETE"},
        ASSET: {"GET", "DELETE"},
        f"{ASSET}/key": {"GET", "PUT", "DELETE"},
    }
