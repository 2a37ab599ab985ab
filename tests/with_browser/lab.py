"""A running Airflow whose UI a browser is to open, and the server that its state lies in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page

from examples.airflow_api import AirflowApi, Login
from examples.airflow_stack import AirflowStack
from examples.redis_view import RedisView
from redis_state.testing import EmbeddedServer

DAGS = Path(__file__).parent / "dags"


@dataclass(frozen=True)
class Lab:
    api: AirflowApi
    view: RedisView
    login: Login

    def ended(self, dag_id: str) -> str:
        """Run a DAG to its end; return the run id."""
        run_id = self.api.trigger(dag_id)
        self.api.wait(dag_id, run_id)
        return run_id


@contextmanager
def open_lab() -> Iterator[Lab]:
    login = Login("admin")
    with (
        EmbeddedServer() as server,
        closing(RedisView(server.socket_path)) as view,
        AirflowStack([DAGS], server.url, login=login) as airflow,
    ):
        yield Lab(airflow.api, view, login)


def log_in(page: Page, login: Login) -> None:
    page.locator("input[name=username]").fill(login.user)
    page.locator("input[name=password]").fill(login.password)
    page.locator("button[type=submit]").click()


def row(page: Page, key: str) -> Locator:
    """Return the line of a table that begins with a key."""
    first = page.locator("td:first-child").filter(has_text=re.compile(f"^{re.escape(key)}$"))
    return page.get_by_role("row").filter(has=first)


def value(page: Page, key: str) -> Locator:
    return row(page, key).get_by_role("cell").nth(1)


def edit(page: Page, key: str, text: str) -> None:
    """Give a key another value, as JSON."""
    # By keyboard: a line's tooltip may cover the button of the next.
    row(page, key).get_by_role("button", name="Edit").press("Enter")
    dialog = page.get_by_role("dialog")
    # Which is Monaco.
    dialog.locator(".view-lines").click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type(text)
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="hidden")


def confirm(page: Page, name: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=name).click()
    dialog.wait_for(state="hidden")
