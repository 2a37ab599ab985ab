"""What redis-state is for, on a real Airflow and an embedded server: `make demo`.

With `--keep`, both run on until Ctrl-C, for a look at the state in Airflow's UI.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import closing, suppress
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from examples.airflow_api import AirflowApi, AirflowError, Login
from examples.airflow_stack import AirflowStack
from examples.outside_world import LAST_PAGE, OutsideWorld
from examples.redis_view import Field, RedisView
from examples.telling import DAY, BrokenPromiseError, describe, promise, say, show, step, title
from redis_state.testing import EmbeddedServer

DAGS = Path(__file__).parent / "dags"
TABLES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="run on until Ctrl-C")
    login = Login("demo") if parser.parse_args().keep else None
    # However it ends, the servers end with it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("The demo was stopped."))
    begun = time.monotonic()
    with EmbeddedServer() as server, OutsideWorld() as world:
        say(f"An embedded Valkey runs. Airflow {version('apache-airflow')} starts, with")
        say("\n  [state_store]\n  backend = redis_state.RedisStateBackend\n  [redis_state]")
        say(f"  url = {server.url}\n")
        with (
            closing(RedisView(server.socket_path)) as view,
            AirflowStack(
                [DAGS], server.url, login=login, environment=world.connections, say=step
            ) as airflow,
        ):
            demo = Demo(airflow, world, view)
            demo.run()
            took = time.monotonic() - begun
            say(f"\nAll as promised, in {took:.0f} s.")
            if login:
                demo.keep(login)
    say("Airflow and the server are gone, nothing is left.")
    say(f"The DAGs are yours to copy: {DAGS}")
    if not login:
        say("To look at the state in Airflow's UI: make demo KEEP=1")


class Demo:
    """Runs the example DAGs, shows what happened, and makes sure that it did."""

    def __init__(self, airflow: AirflowStack, world: OutsideWorld, view: RedisView) -> None:
        self.airflow = airflow
        self.api: AirflowApi = airflow.api
        self.world = world
        self.view = view
        self.runs: dict[str, str] = {}

    def run(self) -> None:
        self.world.sales = 3
        self.world.at_first(
            "GET /jobs/report-1", lambda: self.airflow.kill_worker("resume_job", "run_job")
        )
        self.world.at_first(
            "GET /orders?page=4", lambda: self.airflow.kill_worker("resume_pages", "ingest")
        )
        for dag_id in ("resume_job", "resume_pages", "asset_watermark", "mapped_tables"):
            self.start(dag_id)
        step("four DAGs are running; Airflow misses a killed worker after 10 s")
        self.a_job_survives_its_worker()
        self.an_ingest_goes_on_where_it_died()
        self.mapped_instances_have_their_own_state()
        self.an_asset_remembers()
        self.a_value_expires()
        self.airflow_shows_it()

    def keep(self, login: Login) -> None:
        """Let all run on until Ctrl-C, and say where the state is to be seen."""
        say("\nAirflow's UI shows the state, and changes it:\n")
        say(f"  {self.api.task_page('resume_job', self.runs['resume_job'], 'run_job')}")
        say(f"  {self.api.task_page('resume_pages', self.runs['resume_pages'], 'ingest')}")
        say(f"  {self.api.asset_page('sales')}\n")
        say(f"  user      {login.user}\n  password  {login.password}\n")
        say("Press Ctrl-C to end it.")
        # A shell lets what it starts in the background ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            signal.pause()
        say("")

    def a_job_survives_its_worker(self) -> None:
        title("1", "A task submits a job, its worker is killed, the retry resumes the job")
        self.wait("resume_job")
        first, second = self.world.before_and_after("GET /jobs/report-1", r"GET /jobs/(.+)")
        submitted = self.world.submissions("report")
        say(f"  try 1   submitted {first[0]}; {self.death('resume_job')}")
        say(f"  try 2   found {second[0]} in its state, waited for it, succeeded")
        say(f"  The job service counts {submitted} submitted job.")
        promise(set(first + second) == {"report-1"}, "both tries ask for the same job")
        promise(submitted == 1, "the job is submitted once")
        result = self.api.result("resume_job", self.runs["resume_job"], "run_job")
        promise(result == "report-1", "the task returns the job")
        self.promise_two_tries("resume_job", "run_job")
        fields = self.show_page("resume_job", "run_job")
        promise(fields["job_id"].value == "report-1", "Redis holds the job id")

    def an_ingest_goes_on_where_it_died(self) -> None:
        title("2", "A task reads an API page by page and dies at page 4, the retry goes on there")
        self.wait("resume_pages")
        pages = self.world.before_and_after("GET /orders?page=4", r"GET /orders\?page=(.+)")
        first, second = ([int(page) for page in asked] for asked in pages)
        say(f"  try 1   asked for pages {first}; {self.death('resume_pages')}")
        say(f"  try 2   asked for pages {second}")
        promise(first == [1, 2, 3, 4], "the first try ends at page 4")
        promise(second == list(range(4, LAST_PAGE + 1)), "the second try goes on at page 4")
        self.promise_two_tries("resume_pages", "ingest")
        fields = self.show_page("resume_pages", "ingest")
        promise(fields["next_page"].value == LAST_PAGE + 1, "Redis holds the next page")

    def mapped_instances_have_their_own_state(self) -> None:
        title("3", f"A mapped task has {TABLES} instances, each with its own state")
        self.wait("mapped_tables")
        run_id = self.runs["mapped_tables"]
        states = self.api.states("mapped_tables", run_id, "load")
        say(f"  {list(states.values()).count('success')} instances succeeded")
        promise(states == dict.fromkeys(range(TABLES), "success"), "all instances succeed")
        found = [self.view.task_page("mapped_tables", run_id, "load", i) for i in range(TABLES)]
        say(f"  Redis   {found[0]} to :{TABLES - 1}")
        tables = []
        for index, page in enumerate(found):
            fields = self.view.fields(page)
            tables.append(fields[f"{index}:table"].value)
            promise(set(fields) == {f"{index}:table", f"{index}:chunks_done"}, f"{page} is its own")
        say(f"          0:table … {TABLES - 1}:table = {', '.join(tables[:2])} … {tables[-1]}")
        promise(tables == [f"table_{index:02}" for index in range(TABLES)], "no state is mixed up")

    def an_asset_remembers(self) -> None:
        title("4", "An asset keeps a watermark, so the second run reads only what is new")
        self.show_load(run=1, expected=[1, 2, 3])
        self.world.sales = 5
        self.start("asset_watermark")
        self.show_load(run=2, expected=[4, 5])
        (page,) = self.view.pages("airflow:a:*")
        show(page, self.view.fields(page))

    def show_load(self, *, run: int, expected: list[int]) -> None:
        self.wait("asset_watermark")
        loaded = self.api.result("asset_watermark", self.runs["asset_watermark"], "load")
        (page,) = self.view.pages("airflow:a:*")
        watermark = self.view.fields(page)["watermark"]
        say(f"  run {run}   loaded the sales {loaded}; the watermark is {watermark.value}")
        promise(loaded == expected, "a run loads what is new")
        promise(watermark == Field(expected[-1], None), "the watermark moves, and never expires")

    def a_value_expires(self) -> None:
        title("5", "A token is kept for 5 s and gone on time, what lies beside it stays")
        self.start("short_lived_token")
        page = self.page("short_lived_token", "export")
        told = describe(None)
        while self.api.is_running("short_lived_token", self.runs["short_lived_token"]):
            fields = self.view.fields(page)
            if told != (told := describe(fields.get("token"))):
                say(f"  token   {told}")
            time.sleep(0.1)
        self.wait("short_lived_token")
        asked = [each.at for each in self.world.requests if each.line == "POST /tokens"]
        gaps = [later - earlier for earlier, later in pairwise(asked)]
        say(f"  The shop was asked for {len(asked)} tokens, {min(gaps):.1f} s apart.")
        promise(min(gaps) >= 5, "a token is kept for its 5 s")
        tokens = [
            each.token for each in self.world.requests if each.line.startswith("PUT /exports")
        ]
        promise(tokens == sorted(tokens), "no token is used again after its time")
        promise(len(set(tokens)) == len(asked), "each token is used")
        self.view.wait_until_expired(page, "token")
        fields = self.show_page("short_lived_token", "export")
        promise(set(fields) == {"parts_done"}, "only the token is gone")
        promise((fields["parts_done"].seconds_left or 0) > 29 * DAY, "the rest has its 30 days")

    def airflow_shows_it(self) -> None:
        title("6", "Airflow's UI and REST API read the same state, from Redis")
        for dag_id, task_id, key in (
            ("resume_job", "run_job", "job_id"),
            ("resume_pages", "ingest", "next_page"),
        ):
            run_id = self.runs[dag_id]
            shown = self.api.task_state(dag_id, run_id, task_id).get(key, {})
            say(f"  GET     .../dags/{dag_id}/.../{task_id}/state-store")
            say(f"          {key} = {shown.get('value')!r}, until {shown.get('expires_at')}")
            field = self.view.fields(self.page(dag_id, task_id))[key]
            promise(shown.get("value") == field.value, f"the API shows what Redis holds as {key}")

    def start(self, dag_id: str) -> None:
        self.runs[dag_id] = self.api.trigger(dag_id)

    def wait(self, dag_id: str) -> None:
        self.api.wait(dag_id, self.runs[dag_id])

    def death(self, dag_id: str) -> str:
        promise(dag_id in self.airflow.killed, f"the worker of {dag_id} is killed")
        return f"kill -9 {self.airflow.killed[dag_id]}, its worker"

    def promise_two_tries(self, dag_id: str, task_id: str) -> None:
        tries = self.api.tries(dag_id, self.runs[dag_id], task_id)
        states = [(each.number, each.state) for each in tries]
        promise(states == [(1, "failed"), (2, "success")], f"the tries are {states}")

    def page(self, dag_id: str, task_id: str) -> str:
        return self.view.task_page(dag_id, self.runs[dag_id], task_id)

    def show_page(self, dag_id: str, task_id: str) -> dict[str, Field]:
        page = self.page(dag_id, task_id)
        fields = self.view.fields(page)
        show(page, fields)
        return fields


if __name__ == "__main__":
    try:
        main()
    except (AirflowError, BrokenPromiseError) as error:
        sys.exit(f"\nThis went wrong: {error}")
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
