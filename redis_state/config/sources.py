"""Where options come from, as their users wrote them, and how a mistake in one is told."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from redis_state.airflow.config import option, strangers
from redis_state.airflow.connections import options_of
from redis_state.airflow.sides import WORKER
from redis_state.config.typos import SURELY, hint
from redis_state.errors import MisconfiguredError

SECTION = "redis_state"
_PREFIX = "REDIS_STATE_"
_log = logging.getLogger("redis_state.config.settings")


def gather(
    side: str, names: Collection[str], sensitive: Iterable[str], given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the options that are set, and how each was written."""
    found: dict[str, Any] = {}
    written = {name: f"{name}=" for name in given}
    known = set(names)
    for name in known - given.keys():
        for spelled, text in _sources(name):
            if text is not None and text.strip():
                found[name], written[name] = text.strip(), spelled
                break
    # Airflow asks a command or a secrets backend for what is sensitive.
    for way in ("cmd", "secret"):
        known |= {f"{name}_{way}" for name in sensitive}
    _warn_of_strangers(names, known)
    found |= given
    _add_connection(side, found, written)
    return found, written


def _warn_of_strangers(names: Collection[str], known: set[str]) -> None:
    # No error: a newer version, beside this one during an upgrade, may know the option.
    told = "%s is no option of redis-state and has no effect%s"
    for name in strangers(SECTION, known):
        asked = hint(name, names)
        _log.warning(told, f"[{SECTION}] {name}", f": {asked}" if asked else ".")
    variables = (name for name in os.environ if name.startswith(_PREFIX))
    for variable in sorted(variables):
        name = variable.removeprefix(_PREFIX).lower()
        if name not in names and (asked := hint(name, names, likeness=SURELY)):
            _log.warning(told, variable, f": {asked}")


def _sources(name: str) -> Iterator[tuple[str, str | None]]:
    yield f"[{SECTION}] {name}", option(SECTION, name)
    variable = f"{_PREFIX}{name.upper()}"
    yield variable, os.environ.get(variable)


def _add_connection(side: str, found: dict[str, Any], written: dict[str, str]) -> None:
    conn_id = found.get("redis_conn_id")
    if not conn_id:
        return
    if "url" in found:
        raise MisconfiguredError(
            f"{written['redis_conn_id']} and {written['url']} both say where the server is: "
            "set one of them."
        )
    for name, value in options_of(str(conn_id), worker=side == WORKER).items():
        found.setdefault(name, value)
        written.setdefault(name, f"The {name} of the connection {conn_id!r}")


def explain(
    error: ValidationError, written: Mapping[str, str], fields: Mapping[str, FieldInfo]
) -> str:
    """Name each option that is wrong as its user wrote it, with what it means."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(problem["loc"][0])
        if problem["type"] == "extra_forbidden":
            asked, names = hint(name, fields), ", ".join(fields)
            question = f": {asked} There" if asked else "; there"
            lines.append(f"{name}= is no option of redis-state{question} are: {names}.")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            meaning = fields[name].description
            lines.append(f"{written.get(name, name)} is wrong: {message}. {meaning}")
    return " ".join(lines)
