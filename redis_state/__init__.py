"""A Redis and Valkey state store for Apache Airflow.

Names are imported when first used: a pytest plug-in of this package loads in every test run of its
users, and must not import Airflow before they have configured it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis_state.admin.health import Finding, Health
    from redis_state.admin.rotation import RotationProgress, RotationReport
    from redis_state.admin.survey import Noted, Survey, Tally
    from redis_state.backends.interface import BaseStateBackend
    from redis_state.backends.server import RedisStateBackend
    from redis_state.backends.worker import RedisWorkerBackend
    from redis_state.config.settings import Settings
    from redis_state.errors import (
        ConflictError,
        CorruptValueError,
        DurabilityError,
        InvalidInputError,
        InvalidKeyError,
        InvalidScopeError,
        InvalidValueError,
        MisconfiguredError,
        OperationTimeoutError,
        StateStoreError,
        TooLargeError,
        UnavailableError,
    )
    from redis_state.scopes import AssetScope, Entry, Listing, StateScope, TaskScope

__version__ = "0.1.0"

_HOMES = {
    "AssetScope": "scopes",
    "BaseStateBackend": "backends.interface",
    "ConflictError": "errors",
    "CorruptValueError": "errors",
    "DurabilityError": "errors",
    "Entry": "scopes",
    "Finding": "admin.health",
    "Health": "admin.health",
    "InvalidInputError": "errors",
    "InvalidKeyError": "errors",
    "InvalidScopeError": "errors",
    "InvalidValueError": "errors",
    "Listing": "scopes",
    "MisconfiguredError": "errors",
    "Noted": "admin.survey",
    "OperationTimeoutError": "errors",
    "RedisStateBackend": "backends.server",
    "RedisWorkerBackend": "backends.worker",
    "RotationProgress": "admin.rotation",
    "RotationReport": "admin.rotation",
    "Settings": "config.settings",
    "StateScope": "scopes",
    "StateStoreError": "errors",
    "Survey": "admin.survey",
    "Tally": "admin.survey",
    "TaskScope": "scopes",
    "TooLargeError": "errors",
    "UnavailableError": "errors",
}

__all__ = [
    "AssetScope",
    "BaseStateBackend",
    "ConflictError",
    "CorruptValueError",
    "DurabilityError",
    "Entry",
    "Finding",
    "Health",
    "InvalidInputError",
    "InvalidKeyError",
    "InvalidScopeError",
    "InvalidValueError",
    "Listing",
    "MisconfiguredError",
    "Noted",
    "OperationTimeoutError",
    "RedisStateBackend",
    "RedisWorkerBackend",
    "RotationProgress",
    "RotationReport",
    "Settings",
    "StateScope",
    "StateStoreError",
    "Survey",
    "Tally",
    "TaskScope",
    "TooLargeError",
    "UnavailableError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'redis_state' has no attribute {name!r}")
    return getattr(import_module(f"redis_state.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
