"""DAGs run by a real Airflow: its API server, scheduler, workers and triggerer, on real state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import redis

from examples.airflow_api import AirflowApi
from examples.airflow_stack import AirflowStack
from examples.outside_world import LAST_PAGE, OutsideWorld
from examples.redis_view import Field, RedisView
from redis_state.testing import EmbeddedServer
from tests import matrix
from tests.support.leaks import check_leaks

ROOT = Path(__file__).parents[2]
OWN_DAGS = Path(__file__).parent / "dags"
EXAMPLES = ROOT / "examples" / "dags"
HOUR, DAY = 3_600, 86_400
TABLES = range(20)

QUICK_TO_MISS_A_TRIGGERER = {"TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "4"}


@dataclass(frozen=True)
class Configuration:
    """Options of Airflow, and whether these put the values into payloads of the worker side."""

    settings: Mapping[str, str]
    payloads: bool = False


WORKER_SIDE = {"WORKERS__STATE_STORE_BACKEND": "redis_state.RedisWorkerBackend"}
# `make test-slow` runs the second.
CONFIGURATIONS = {
    "server side": Configuration({}),
    "both sides": Configuration(WORKER_SIDE, payloads=True),
}


class Lab:
    """A running Airflow, what its tasks talk to, what they have stored, and a run of each DAG."""

    def __init__(self, configuration: Configuration) -> None:
        self.payloads = configuration.payloads
        with ExitStack() as stack:
            self.server = stack.enter_context(EmbeddedServer())
            self.world = stack.enter_context(OutsideWorld())
            self.view = RedisView(self.server.socket_path)
            stack.callback(self.view.close)
            self.airflow = stack.enter_context(
                AirflowStack(
                    [EXAMPLES, OWN_DAGS],
                    self.server.url,
                    triggerer=True,
                    settings={
                        **QUICK_TO_MISS_A_TRIGGERER,
                        **configuration.settings,
                        "REDIS_STATE__EXPRESS_LANE": str(matrix.EXPRESS_LANE),
                    },
                    environment=self.world.connections,
                )
            )
            self.close = stack.pop_all().close
        self.api: AirflowApi = self.airflow.api
        self.runs: dict[str, str] = {}

    def trigger(self, *dag_ids: str) -> None:
        self.runs |= {dag_id: self.api.trigger(dag_id) for dag_id in dag_ids}

    def wait(self, dag_id: str, *, state: str = "success") -> None:
        self.api.wait(dag_id, self.runs[dag_id], state=state)

    def result(self, dag_id: str, task_id: str, map_index: int = -1) -> Any:
        return self.api.result(dag_id, self.runs[dag_id], task_id, map_index)

    def tries(self, dag_id: str, task_id: str) -> list[tuple[int, str]]:
        found = self.api.tries(dag_id, self.runs[dag_id], task_id)
        return [(each.number, each.state) for each in found]

    def log(self, dag_id: str, task_id: str, **which: int) -> str:
        return self.api.task_log(dag_id, self.runs[dag_id], task_id, **which)

    def stored(self, dag_id: str, task_id: str, page: int = -1) -> dict[str, Field]:
        return self.view.fields(self.page(dag_id, task_id, page))

    def page(self, dag_id: str, task_id: str, number: int = -1) -> str:
        page = self.view.task_page(dag_id, self.runs[dag_id], task_id, number)
        return page.replace("airflow:t:", "airflow:tw:") if self.payloads else page

    def stored_for_asset(self, name: str) -> dict[str, Field]:
        in_payloads = f"airflow:aw:{{name:{name}}}"
        on_server = f"airflow:a:{{id:{self.asset_id(name)}}}"
        return self.view.fields(in_payloads if self.payloads else on_server)

    def events_of_asset(self, name: str) -> list[int]:
        # Airflow's REST API fails for an event whose run has not started yet.
        found = self.airflow.ask_database(
            "SELECT extra FROM asset_event WHERE asset_id = ?", self.asset_id(name)
        )
        return sorted(json.loads(extra)["payload"] for (extra,) in found)

    def asset_id(self, name: str) -> int:
        (asset,) = self.api.get("/assets", name_pattern=name)["assets"]
        return int(asset["id"])


@pytest.fixture(scope="module", params=[matrix.DAGS])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    lab = Lab(CONFIGURATIONS[request.param])
    try:
        kill = lab.airflow.kill_worker
        lab.world.at_first("GET /jobs/report-1", lambda: kill("resume_job", "run_job"))
        lab.world.at_first("GET /orders?page=4", lambda: kill("resume_pages", "ingest"))
        lab.world.sales = 3
        lab.world.news = 3
        lab.trigger("resume_job", "resume_pages", "short_lived_token", "submit_once")
        lab.trigger("every_method", "asset_watermark", "mapped_tables", "resume_copy")
        yield lab
    finally:
        lab.close()


def test_a_watcher_goes_on_at_its_cursor_in_a_new_triggerer(lab: Lab) -> None:
    def cursor_is(number: int) -> bool:
        return lab.stored_for_asset("feed") == {"cursor": Field(number, None)}

    def all_are_seen() -> bool:
        return cursor_is(lab.world.news) and len(lab.events_of_asset("feed")) >= lab.world.news

    lab.api.wait_until(all_are_seen, "the watcher to see all news")
    lab.airflow.restart("triggerer")
    lab.world.news += 2
    lab.api.wait_until(all_are_seen, "the new triggerer's watcher to see the rest")
    assert lab.events_of_asset("feed") == list(range(1, lab.world.news + 1))
    lab.api.wait_until(lambda: lab.api.runs("watched_feed") != [], "a run")
    run_id = lab.api.runs("watched_feed")[0]["dag_run_id"]
    lab.api.wait("watched_feed", run_id)
    assert 1 in lab.api.result("watched_feed", run_id, "consume")


def test_a_resumable_job_survives_its_worker(lab: Lab) -> None:
    lab.wait("resume_job")
    before, after = lab.world.before_and_after("GET /jobs/report-1", r"GET /jobs/(report-1)")
    assert "resume_job" in lab.airflow.killed
    assert before == ["report-1"]
    assert set(after) == {"report-1"}
    assert "Reconnecting to existing job" in lab.log("resume_job", "run_job", try_number=2)
    assert lab.result("resume_job", "run_job") == "report-1"
    assert lab.world.submissions("report") == 1
    assert lab.tries("resume_job", "run_job") == [(1, "failed"), (2, "success")]
    assert lab.stored("resume_job", "run_job")["job_id"].value == "report-1"


def test_a_task_that_dies_finds_the_job_it_submitted(lab: Lab) -> None:
    lab.wait("submit_once")
    job = {"id": "plain-1", "submitted in try": 1}
    assert lab.result("submit_once", "submit") == job
    assert lab.world.submissions("plain") == 1
    assert lab.tries("submit_once", "submit") == [(1, "failed"), (2, "success")]
    assert lab.stored("submit_once", "submit")["job"].value == job


def test_an_ingest_goes_on_at_the_page_where_it_died(lab: Lab) -> None:
    lab.wait("resume_pages")
    pages = lab.world.before_and_after("GET /orders?page=4", r"GET /orders\?page=(.+)")
    assert "resume_pages" in lab.airflow.killed
    assert pages == (["1", "2", "3", "4"], ["4", "5", "6", "7"])
    assert lab.result("resume_pages", "ingest") == [4, 5, 6, 7]
    assert lab.tries("resume_pages", "ingest") == [(1, "failed"), (2, "success")]
    assert lab.stored("resume_pages", "ingest")["next_page"].value == LAST_PAGE + 1


def test_a_retry_goes_on_at_the_file_where_the_first_try_failed(lab: Lab) -> None:
    lab.wait("resume_copy")
    assert lab.result("resume_copy", "copy_files") == ["c.csv", "d.csv"]
    assert lab.tries("resume_copy", "copy_files") == [(1, "failed"), (2, "success")]
    assert lab.stored("resume_copy", "copy_files")["files_done"].value == 4


def test_mapped_instances_keep_their_state_apart(lab: Lab) -> None:
    lab.wait("mapped_tables")
    states = lab.api.states("mapped_tables", lab.runs["mapped_tables"], "load")
    assert states == dict.fromkeys(TABLES, "success")
    for index in TABLES:
        log = lab.log("mapped_tables", "load", map_index=index)
        assert log.count(f"of table_{index:02}") == 3
        fields = lab.stored("mapped_tables", "load", page=index)
        values = {name: field.value for name, field in fields.items()}
        assert values == {f"{index}:table": f"table_{index:02}", f"{index}:chunks_done": 3}


def test_a_value_with_a_retention_is_gone_on_time(lab: Lab) -> None:
    lab.wait("short_lived_token")
    asked = [each.at for each in lab.world.requests if each.line == "POST /tokens"]
    assert all(later - earlier >= 5 for earlier, later in pairwise(asked))
    used = lab.result("short_lived_token", "export")
    assert used == sorted(used)
    assert len(set(used)) == len(asked) > 1
    lab.view.wait_until_expired(lab.page("short_lived_token", "export"), "token")
    fields = lab.stored("short_lived_token", "export")
    assert set(fields) == {"parts_done"}
    assert fields["parts_done"].value == 8


def test_every_method_of_a_task_does_what_it_says(lab: Lab) -> None:
    lab.wait("every_method")
    assert lab.result("every_method", "use") == {
        "absent": None,
        "default": [1],
        "cleared": None,
        "deleted": None,
        "nested": {"nested": [1, 2.5, True, None, "é"]},
        "long": 100_000,
        "overwritten": 2,
        "odd": "odd",
    }


def test_values_carry_the_retention_that_they_were_given(lab: Lab) -> None:
    lab.wait("every_method")
    fields = lab.stored("every_method", "use")
    odd_key = "a/b:{c} % é\t😀"
    assert set(fields) == {"for 30 days", "for good", "for an hour", odd_key}
    left = {name: field.seconds_left for name, field in fields.items()}
    assert left["for good"] is None
    assert left[odd_key] is None
    assert HOUR - 300 < (left["for an hour"] or 0) < HOUR
    assert 30 * DAY - 300 < (left["for 30 days"] or 0) < 30 * DAY


def test_an_asset_keeps_its_watermark_from_run_to_run(lab: Lab) -> None:
    lab.wait("asset_watermark")
    assert lab.result("asset_watermark", "load") == [1, 2, 3]
    assert lab.stored_for_asset("sales") == {"watermark": Field(3, None)}
    lab.world.sales = 5
    lab.trigger("asset_watermark")
    lab.wait("asset_watermark")
    assert lab.result("asset_watermark", "load") == [4, 5]
    assert lab.stored_for_asset("sales") == {"watermark": Field(5, None)}


def test_all_that_is_left_expires_as_it_should(lab: Lab) -> None:
    for dag_id in lab.runs:
        lab.wait(dag_id)
    with redis.Redis(unix_socket_path=str(lab.server.socket_path)) as client:
        assert client.dbsize() > 0
        check_leaks(client, "airflow", field_form=True)


# The last test, for it changes the options of the running Airflow.
def test_clear_on_success_leaves_nothing_of_what_succeeded(lab: Lab) -> None:
    clear = {"STATE_STORE__CLEAR_ON_SUCCESS": "True"}
    lab.airflow.restart("api-server", "scheduler", settings=clear)
    lab.trigger("success_and_failure")
    lab.wait("success_and_failure", state="failed")
    states = lab.api.states("success_and_failure", lab.runs["success_and_failure"], "load")
    assert states == {0: "success", 1: "failed", 2: "success"}
    left = [page for page in lab.view.pages() if "success_and_failure" in page]
    assert {page.rsplit(":", 1)[1] for page in left} == {"1"}
    fields = lab.stored("success_and_failure", "load", page=1)
    assert {name: field.value for name, field in fields.items()} == {
        "1:number": 1,
        "1:for good": 1,
    }
