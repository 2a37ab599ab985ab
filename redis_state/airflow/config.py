"""Airflow's configuration, as far as this process has it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from importlib import import_module
from typing import Any


def configuration() -> Any:
    """Return Airflow's ``conf``, or None without Airflow."""
    for home in ("airflow.configuration", "airflow.sdk.configuration"):
        # The task SDK alone cannot read its own configuration: it looks for a file of the core's.
        with contextlib.suppress(ImportError, FileNotFoundError):
            return import_module(home).conf
    return None


def option(section: str, name: str) -> str | None:
    """Return what an operator has set for an option, or None."""
    conf = configuration()
    if conf is None:
        return os.environ.get(f"AIRFLOW__{section}__{name}".upper())
    value = conf.get(section, name, fallback=None)
    # A default that our own provider information declares is nothing that anybody has set.
    if value is None or value == conf.get_default_value(section, name, fallback=None):
        return None
    return str(value)


def strangers(section: str, known: Iterable[str]) -> list[str]:
    """List the options of a section that nobody knows."""
    conf = configuration()
    if conf is None:
        start = f"AIRFLOW__{section}__".upper()
        variables = (name for name in os.environ if name.startswith(start))
        found = {name.removeprefix(start).lower() for name in variables}
    else:
        found = set(conf.getsection(section) or ())
    return sorted(found - set(known))


def is_true(section: str, name: str) -> bool:
    """Tell whether one of Airflow's own switches is on."""
    conf = configuration()
    return conf is not None and bool(conf.getboolean(section, name, fallback=False))


def fernet_keys() -> str:
    """Return Airflow's own Fernet keys, separated by commas; nothing where there are none."""
    conf = configuration()
    if conf is None:
        return os.environ.get("AIRFLOW__CORE__FERNET_KEY", "")
    return str(conf.get("core", "fernet_key", fallback=None) or "")


def default_retention_days() -> int | None:
    """Return how long Airflow keeps a value by default, 0 for ever; None where nobody says."""
    conf = configuration()
    if conf is None:
        return None
    days = conf.get("state_store", "default_retention_days", fallback=None)
    return None if days is None else int(days)
