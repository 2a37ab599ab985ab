"""Airflow's own base classes, where Airflow is installed.

The server asks for a subclass of the one in ``airflow.state``; the task SDK has a twin in
``airflow.sdk.state``, and an image may have either, both or none.
"""

from __future__ import annotations

from importlib import import_module

_HOMES = ("airflow.state", "airflow.sdk.state")
# Either will do: Airflow tells a plug-in by the name of its base class.
_PLUGIN_HOMES = ("airflow.plugins_manager", "airflow.sdk.plugins_manager")


def airflow_bases() -> tuple[type, ...]:
    """Return every base class of a state store that can be imported here."""
    found = (_base(home, "BaseStoreBackend") for home in _HOMES)
    return tuple(dict.fromkeys(base for base in found if base is not None))


def plugin_base() -> type:
    """Return the base class of a plug-in that can be imported here."""
    found = (_base(home, "AirflowPlugin") for home in _PLUGIN_HOMES)
    return next((base for base in found if base is not None), object)


def _base(home: str, name: str) -> type | None:
    try:
        base = getattr(import_module(home), name, None)
    except ImportError:
        return None
    return base if isinstance(base, type) else None
