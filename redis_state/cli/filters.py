"""Which tasks and assets a listing has: those that the options ask for."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis_state.admin.contents import Kept
from redis_state.cli import texts
from redis_state.cli.kept import ASSETS, TASKS
from redis_state.format.pages import Page
from redis_state.scopes import StateScope, TaskScope

_OF_TASKS = {"dag_id": "dag_id", "run_id": "run_id", "task_id": "task_id", "map_index": "map_index"}
_OF_ASSETS = {"asset_id": "asset_id", "asset_name": "name", "asset_uri": "uri"}


@dataclass(frozen=True)
class Filter:
    """What is asked for."""

    # What the pages of all of it begin with.
    prefix: str
    is_of_scope: Callable[[StateScope], bool]
    # The same of a page, whichever map indices it has.
    is_of_page: Callable[[Page], bool]
    admits: Callable[[Kept], bool]
    kinds: frozenset[str]


def of(given: argparse.Namespace) -> Filter:
    """Return the filter that the options ask for."""
    tasks, assets = _asked(given, _OF_TASKS), _asked(given, _OF_ASSETS)
    kinds = (
        {TASKS} if tasks and not assets else {ASSETS} if assets and not tasks else {TASKS, ASSETS}
    )

    def is_of_scope(scope: StateScope, *, but: str = "") -> bool:
        is_task = isinstance(scope, TaskScope)
        if (TASKS if is_task else ASSETS) not in kinds:
            return False
        asked = tasks if is_task else assets
        return all(name == but or is_it(getattr(scope, name)) for name, is_it in asked.items())

    def is_of_page(page: Page) -> bool:
        return is_of_scope(page.scope, but="map_index" if page.is_mapped else "")

    return Filter(_prefix(kinds), is_of_scope, is_of_page, _by_contents(given), frozenset(kinds))


def _asked(given: argparse.Namespace, names: dict[str, str]) -> dict[str, Callable[[Any], bool]]:
    options = ((attribute, getattr(given, name)) for name, attribute in names.items())
    return {name: _matching(option) for name, option in options if option is not None}


def _matching(wanted: Any) -> Callable[[Any], bool]:
    if isinstance(wanted, int):
        return lambda value: value == wanted
    escaped = re.escape(wanted).replace(r"\*", ".*").replace(r"\?", ".")
    pattern = re.compile(escaped, re.DOTALL)
    return lambda value: value is not None and bool(pattern.fullmatch(value))


def _prefix(kinds: set[str]) -> str:
    # The server looks through fewer Redis keys for us; worker values have pages of their own.
    if kinds == {ASSETS}:
        return "a"
    if kinds == {TASKS}:
        return "t"
    return ""


def _by_contents(given: argparse.Namespace) -> Callable[[Kept], bool]:
    # Not every command has these.
    larger, expiring = getattr(given, "larger", None), getattr(given, "expiring", None)
    permanent = getattr(given, "permanent", None)
    more_than = None if larger is None else texts.read_size(larger)
    ends = None if expiring is None else datetime.now(UTC) + texts.read_duration(expiring)

    def admits(kept: Kept) -> bool:
        if more_than is not None and kept.size <= more_than:
            return False
        if permanent and not kept.permanent:
            return False
        return ends is None or (kept.next_expiry is not None and kept.next_expiry <= ends)

    return admits
