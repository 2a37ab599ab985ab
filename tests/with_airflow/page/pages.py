"""The pages as a reader meets them: well-formed HTML, with tables, links and nothing that runs."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import httpx

from redis_state import TaskScope
from tests.with_airflow.rest.airflows import Airflow

PATH = "/company/airflow"
_VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """A page that was parsed: it fails where an element is not closed, or could run anything."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer = answer
        self.status = answer.status_code
        self.text = answer.text
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.by_id: dict[str, str] = {}
        self._open: list[tuple[str, str | None]] = []
        self.feed(answer.text)
        self.close()
        assert not self._open
        scripts = [attrs.get("src") for tag, attrs in self.tags if tag == "script"]
        assert scripts == [f"{PATH}/redis-state/static/page.js"]
        assert not any(name.startswith("on") for _, attrs in self.tags for name in attrs)
        assert not any("style" in attrs for _, attrs in self.tags)
        ids = [attrs["id"] for _, attrs in self.tags if "id" in attrs]
        assert len(ids) == len(set(ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag in _VOID:
            return
        self._open.append((tag, found.get("id")))
        if tag == "table":
            self.tables[found.get("id") or f"table {len(self.tables)}"] = []
        elif self.tables and tag == "tr":
            self._rows.append([])
        elif self.tables and tag in {"th", "td"}:
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for tag, name in self._open:
            if tag in {"th", "td"}:
                self._rows[-1][-1] += data
            if name is not None:
                self.by_id[name] = self.by_id.get(name, "") + data

    @property
    def _rows(self) -> list[list[str]]:
        return self.tables[next(reversed(self.tables))]

    def links(self) -> list[str]:
        return [attrs["href"] or "" for tag, attrs in self.tags if tag == "a"]

    def rows(self, table: str) -> list[list[str]]:
        """Return the rows of a table, without its head."""
        return [[cell.strip() for cell in row] for row in self.tables.get(table, [])[1:]]


class Pages:
    """What users see of the page."""

    def __init__(self, airflow: Airflow) -> None:
        self._airflow = airflow

    def get(self, path: str, *, user: str = "admin", **params: Any) -> Page:
        url = path if path.startswith(PATH) else f"{PATH}/redis-state{path}"
        headers = self._airflow.users[user]
        root = self._airflow.server.root.removesuffix(PATH)
        # What is in the path stays there.
        given = {"params": params} if params else {}
        return Page(httpx.get(f"{root}{url}", headers=headers, timeout=60, **given))

    def task(self, scope: TaskScope, *, user: str = "admin", **params: Any) -> Page:
        """Get the page of a task as Airflow's UI does."""
        names = {"dag_id": scope.dag_id, "dag_run_id": scope.run_id, "task_id": scope.task_id}
        return self.get("/task", user=user, **(names | params))
