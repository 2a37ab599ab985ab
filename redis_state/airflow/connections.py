"""An Airflow connection, as the options that it stands for.

A connection is looked for without a question to Airflow's own supervisor: on the server side in the
environment, the secrets backend and the metadata database; in a task's process, which may not ask
the database, in the environment and the secrets backend only.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any
from urllib.parse import quote, urlencode

from redis_state.errors import MisconfiguredError

_ENVIRONMENT = "airflow.secrets.environment_variables.EnvironmentVariablesBackend"
_TLS_TYPES = ("rediss", "valkeys")
# Airflow writes "generic" for a type of a provider that is not installed.
_TYPES = ("redis", "valkey", "generic", *_TLS_TYPES)
# Extras of Airflow's Redis connections that mean the same as options of the URL.
_TLS_EXTRAS = (
    "ssl_ca_certs",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
)
# Those that a connection without TLS may have: the form of Airflow's provider always saves them.
_MEANINGLESS = {
    "ssl_cert_reqs": ("required", "optional", "none"),
    "ssl_check_hostname": (True, False, "true", "false"),
}
_PORT = 6379
_HAS_PORT = re.compile(r":[^\]:]*$")
_FLAGS = {"": False, "none": False, "false": False, "0": False, "true": True, "1": True}


def options_of(conn_id: str, *, worker: bool) -> dict[str, str]:
    """Return url, username and password of a connection."""
    connection = _find(conn_id, worker=worker)
    problem = f"The connection {conn_id!r} of [redis_state] redis_conn_id"
    if connection.conn_type not in _TYPES:
        raise MisconfiguredError(
            f"{problem} is of the type {connection.conn_type!r}: make one of the type 'redis'."
        )
    try:
        extra, password = dict(connection.extra_dejson), connection.password
    except Exception as error:  # noqa: BLE001 - whatever it says, it may tell a secret
        raise MisconfiguredError(
            f"{problem} cannot be decrypted ({type(error).__name__}): give this process the "
            "[core] fernet_key that it was written with, or set [redis_state] url instead."
        ) from None
    tls = _flag(extra, "ssl", problem) or connection.conn_type in _TLS_TYPES
    query = _tls_options(extra, tls=tls)
    url = f"{'rediss' if tls else 'redis'}{_where(connection, extra, problem)}"
    unread = [name for name, value in extra.items() if value is not None]
    if unread:
        raise MisconfiguredError(
            f"{problem} has extras that nothing would read: {', '.join(sorted(unread))}. "
            "Remove them, or set [redis_state] url instead."
        )
    found = {"url": f"{url}?{urlencode(query, quote_via=quote)}" if query else url}
    if connection.login:
        found["username"] = connection.login
    if password:
        found["password"] = password
    return found


def _where(connection: Any, extra: dict[str, Any], problem: str) -> str:
    """Take the extras about servers out, and return what stands in the URL between TLS and ?."""
    db = extra.pop("db", None)
    db = (connection.schema or 0) if db in (None, "") else db
    is_cluster, more = _flag(extra, "cluster", problem), extra.pop("startup_nodes", None) or ""
    if not isinstance(more, str):
        raise MisconfiguredError(
            f"{problem} has an extra startup_nodes that is no text: write host:port,host:port."
        )
    nodes = [quote(node.strip(), safe="[]:") for node in more.split(",")] if more.strip() else []
    if nodes and not is_cluster:
        raise MisconfiguredError(
            f"{problem} has an extra startup_nodes, and no cluster: true: add that, or remove them."
        )
    if connection.host or not nodes:
        host = connection.host or "localhost"
        host = f"[{host}]" if ":" in host else quote(host)
        nodes.insert(0, f"{host}:{connection.port or _PORT}")
    if not is_cluster:
        return f"://{nodes[0]}/{db}"
    named = dict.fromkeys(node if _HAS_PORT.search(node) else f"{node}:{_PORT}" for node in nodes)
    return f"+cluster://{','.join(named)}/{db}"


def _flag(extra: dict[str, Any], name: str, problem: str) -> bool:
    """Take an extra out that is true or false, or left empty."""
    value = _FLAGS.get(str(extra.pop(name, None)).strip().lower())
    if value is None:
        raise MisconfiguredError(
            f"{problem} has an extra {name} that is neither true nor false: correct it."
        )
    return value


def _tls_options(extra: dict[str, Any], *, tls: bool) -> dict[str, str]:
    """Take the extras about TLS out, as options of the URL."""
    options: dict[str, str] = {}
    for name in _TLS_EXTRAS:
        value = extra.pop(name, None)
        if value in (None, "") or (not tls and value in _MEANINGLESS.get(name, ())):
            continue
        options[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return options


def _find(conn_id: str, *, worker: bool) -> Any:
    failures = []
    for backend in _backends(worker=worker):
        try:
            connection = backend.get_connection(conn_id=conn_id)
        except Exception as error:  # noqa: BLE001 - a secrets backend may raise whatever it likes
            failures.append(f"{type(backend).__name__} ({type(error).__name__})")
            if type(error).__name__ == "AirflowSecretsBackendAccessDenied":
                # A refusal is final: no other backend is asked for what this one keeps.
                break
            continue
        if connection is not None:
            return connection
    where = (
        "A task's process finds it in its environment or in the secrets backend only, not in the "
        f"metadata database: set AIRFLOW_CONN_{conn_id.upper()} or [redis_state] url for workers."
        if worker
        else "Make it in Airflow, or set [redis_state] url instead."
    )
    failed = f" These could not be asked, or refused: {', '.join(failures)}." if failures else ""
    raise MisconfiguredError(
        f"[redis_state] redis_conn_id names the connection {conn_id!r}, which is not there. "
        f"{where}{failed}"
    )


def _backends(*, worker: bool) -> list[Any]:
    try:
        if worker:
            load = import_module("airflow.sdk.configuration").ensure_secrets_loaded
            found: list[Any] = load(default_backends=[_ENVIRONMENT])
        else:
            found = import_module("airflow.configuration").ensure_secrets_loaded()
    except (ImportError, FileNotFoundError) as error:
        raise MisconfiguredError(
            "[redis_state] redis_conn_id needs Airflow's own configuration, which is not here "
            f"({type(error).__name__}). Set [redis_state] url instead."
        ) from error
    return found
