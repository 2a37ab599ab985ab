"""What Airflow's discovery of providers learns of this distribution: its section and options."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from redis_state import __version__
from redis_state.config.settings import SECTION, SENSITIVE, Settings

_DESCRIPTION = "A Redis and Valkey state store, with native expiry."
_EXAMPLES = {
    "url": "rediss://redis.example:6380/0",
    "redis_conn_id": "redis_default",
    "username": "airflow-state",
    "credential_provider": "my_company.redis.TokenProvider",
    "allowed_hosts": "10.1.0.0/16, *.redis.example",
    "default_retention": "P30D",
}


def get_provider_info() -> dict[str, Any]:
    """Return what the entry point ``apache_airflow_provider`` asks for."""
    return {
        "package-name": "redis-state",
        "name": "redis-state",
        "description": _DESCRIPTION,
        "versions": [__version__],
        "cli": ["redis_state.cli.in_airflow.get_commands"],
        "config": {
            SECTION: {
                "description": f"{_DESCRIPTION} Switched on by [state_store] backend.",
                "options": {
                    name: _option(name, field) for name, field in Settings.model_fields.items()
                },
            }
        },
    }


def _option(name: str, field: FieldInfo) -> dict[str, Any]:
    default = field.default
    return {
        "description": field.description,
        "version_added": "0.1.0",
        "type": _type(default),
        "example": _EXAMPLES.get(name),
        "default": _text(default),
        "sensitive": name in SENSITIVE,
    }


def _type(default: object) -> str:
    return {bool: "boolean", int: "integer", float: "float"}.get(type(default), "string")


def _text(default: object) -> str:
    if default is None:
        return ""
    return default.get_secret_value() if isinstance(default, SecretStr) else str(default)
