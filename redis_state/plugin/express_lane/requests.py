"""What a request asks for: only what tasks send, spelled as their client spells it."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl
from uuid import UUID

from redis_state.plugin.express_lane import passing
from redis_state.plugin.express_lane.passing import Passes

Scope: TypeAlias = MutableMapping[str, Any]

# Where the most of all requests end.
MARK = "/execution/store/"
# A larger one would hold up the event loop, on which it is read.
LARGEST_BODY = 64 * 1024
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# A dot is no newline, in Airflow's routes as here.
_TASK = re.compile(f"{MARK}ti/({_UUID})(?:/(.+))?")
_ASSET = re.compile(f"{MARK}asset/by-(name|uri)/(value|clear)")
_METHODS = {
    ("task", True): ("GET", "PUT", "DELETE"),
    ("task", False): ("DELETE",),
    ("asset", True): ("GET", "PUT", "DELETE"),
    ("asset", False): ("DELETE",),
}
# Airflow reads the first of some, and the last of others.
_ONCE = {b"authorization", b"airflow-api-version", b"content-type", b"content-length"}
_NUMBER = re.compile(rb"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Target:
    """Whose state: that of a task instance, or of the asset of a name or an URI."""

    task: UUID | None
    by: str = ""
    asset: str = ""

    @property
    def kind(self) -> str:
        """Whether it is the state of a task or of an asset."""
        return "asset" if self.task is None else "task"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that the lane may answer, if all its checks say so."""

    method: str
    target: Target
    # None: all keys are to be cleared.
    key: str | None
    token: str
    version: bytes
    correlation_id: bytes | None

    @property
    def has_body(self) -> bool:
        """Whether a value is to be set, which the body holds."""
        return self.method == "PUT"


def read_request(scope: Scope, versions: tuple[bytes, ...]) -> Asked:
    """Read what is asked of one of the routes for state."""
    method = scope["method"]
    target, key = _read_target(scope)
    if method not in _METHODS[target.kind, key is not None]:
        raise Passes(passing.REQUEST)
    headers = _read_headers(scope["headers"])
    version = headers.get(b"airflow-api-version", b"")
    if version not in versions:
        raise Passes(passing.VERSION)
    if method == "PUT":
        _check_body(headers)
    token = _read_token(headers.get(b"authorization", b""))
    return Asked(method, target, key, token, version, headers.get(b"correlation-id"))


def _read_target(scope: Scope) -> tuple[Target, str | None]:
    path, query = _path_of(scope), scope["query_string"]
    if (task := _TASK.fullmatch(path)) is not None:
        if query:
            raise Passes(passing.REQUEST)
        return Target(UUID(task[1])), task[2]
    if (asset := _ASSET.fullmatch(path)) is not None:
        return _read_query(query, asset[1], has_key=asset[2] == "value")
    raise Passes(passing.KEY if "\n" in path or path.endswith("/") else passing.REQUEST)


def _path_of(scope: Scope) -> str:
    path: str = scope["path"]
    root = scope.get("root_path", "")
    # What Airflow mounts, as this API, it finds behind the path of [api] base_url alone.
    if not path.startswith(f"{root}/"):
        raise Passes(passing.REQUEST)
    return path.removeprefix(root)


def _read_query(query: bytes, by: str, *, has_key: bool) -> tuple[Target, str | None]:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    asked = dict(pairs)
    if len(pairs) != len(asked) or asked.keys() != ({by, "key"} if has_key else {by}):
        raise Passes(passing.REQUEST)
    name, key = asked[by], asked.get("key")
    # PostgreSQL has no NUL, and would fail for all that ask at the same time.
    if not name or "\0" in name or "\ufffd" in name:
        raise Passes(passing.REQUEST)
    if key is not None and (not key or "\n" in key):
        raise Passes(passing.KEY)
    return Target(None, by, name), key


def _read_headers(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        if name not in headers:
            headers[name] = value
        elif name in _ONCE:
            raise Passes(passing.REQUEST)
    return headers


def _check_body(headers: dict[bytes, bytes]) -> None:
    length = headers.get(b"content-length", b"")
    is_json = headers.get(b"content-type") == b"application/json"
    is_whole = b"transfer-encoding" not in headers and _NUMBER.fullmatch(length) is not None
    if not (is_json and is_whole and int(length) <= LARGEST_BODY):
        raise Passes(passing.BODY)


def _read_token(authorization: bytes) -> str:
    scheme, _, token = authorization.partition(b" ")
    if scheme != b"Bearer" or not token or b" " in token:
        raise Passes(passing.TOKEN)
    return token.decode("latin-1")
