"""An older version of the library, to run beside today's: the first whose format was frozen.

Its scripts are in older_scripts.json, as that version sent them. All else is written from
docs/format.md and docs/expiry.md as they were, and uses nothing of the library. It knows no flags:
compressed and encrypted values are an error to it, as they were to that version.
"""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

_SCRIPTS = {
    name: "\n".join(lines) + "\n"
    for name, lines in json.loads(
        Path(__file__).with_name("older_scripts.json").read_text(encoding="ascii")
    ).items()
}
_PLAIN = " !\"#$&'()*+,-.:;<=>?@[\\]^_`|~"
_HEADER = struct.Struct(">BHIQI")
_SUMMARY = b"\0"
NEVER = 0


class UnreadableError(Exception):
    """What the older version raises for bytes that it cannot read."""


class OlderVersion:
    """Reads and writes state through an ordinary client, in one of the two forms of expiry."""

    def __init__(self, client: Any, namespace: str, *, field_form: bool) -> None:
        self._client = client
        self._namespace = namespace
        self._field_form = field_form

    def get(self, scope: Any, key: str, incarnation: int = 0) -> str | None:
        page, prefix = self._place(scope)
        raw = self._client.hget(page, _field(prefix, key))
        return None if raw is None else _live_text(raw, incarnation)

    def entries(self, scope: Any) -> dict[str, str]:
        page, prefix = self._place(scope)
        found = {}
        for field, raw in self._client.hgetall(page).items():
            name = field.decode("utf-8", "surrogatepass")
            if field != _SUMMARY and name.startswith(prefix):
                text = _live_text(raw, 0)
                if text is not None:
                    doubled = not prefix and name.startswith("\0")
                    found[name[1:] if doubled else name[len(prefix) :]] = text
        return found

    def set(
        self, scope: Any, key: str, text: str, expires_at: int = NEVER, incarnation: int = 0
    ) -> None:
        """Write a value; its deadline is in microseconds since 1970."""
        page, prefix = self._place(scope)
        field, sealed = _field(prefix, key), _seal(text, expires_at, incarnation)
        if self._field_form and expires_at == NEVER:
            self._client.hset(page, field, sealed)
            if not self._client.hexists(page, _SUMMARY):
                return
        self._run("set", page, -(-expires_at // 1000), field, sealed)

    def delete(self, scope: Any, key: str) -> None:
        page, prefix = self._place(scope)
        self._run("delete", page, _field(prefix, key))

    def clear(self, scope: Any) -> None:
        page, prefix = self._place(scope)
        if prefix:
            self._run("clear", page, prefix)
        else:
            self._client.unlink(page)

    def _run(self, method: str, page: str, *arguments: object) -> None:
        script = _SCRIPTS[f"{'field' if self._field_form else 'hash'}_{method}"]
        self._client.eval(script, 1, page, *arguments)

    def _place(self, scope: Any) -> tuple[str, str]:
        if hasattr(scope, "dag_id"):
            names = "/".join(map(_escape, (scope.dag_id, scope.run_id, scope.task_id)))
            index = scope.map_index
            number, prefix = (index % 128, f"{index}:") if index >= 0 else (-1, "")
            return f"{self._namespace}:t:{{{names}}}:{number}", prefix
        if scope.asset_id is not None:
            return f"{self._namespace}:a:{{id:{scope.asset_id}}}", ""
        kind, name = ("name", scope.name) if scope.name is not None else ("uri", scope.uri)
        return f"{self._namespace}:a:{{{kind}:{_escape(name)}}}", ""


def _escape(name: str) -> str:
    return quote(name, safe=_PLAIN, errors="surrogatepass")


def _field(prefix: str, key: str) -> bytes:
    doubled = "\0" if not prefix and key.startswith("\0") else ""
    return f"{prefix}{doubled}{key}".encode("utf-8", "surrogatepass")


def _seal(text: str, expires_at: int, incarnation: int) -> bytes:
    milliseconds = time.time_ns() // 1_000_000
    high, low = milliseconds >> 32, milliseconds & 0xFFFFFFFF
    header = _HEADER.pack(0xB0, high, low, expires_at, incarnation)
    return header + text.encode("utf-8", "surrogatepass")


def _live_text(raw: bytes, incarnation: int) -> str | None:
    if len(raw) < _HEADER.size:
        raise UnreadableError(f"{len(raw)} bytes that redis-state did not write")
    mark, _, _, expires_at, written_by = _HEADER.unpack_from(raw)
    if mark != 0xB0:
        told = "upgrade redis-state" if 0x80 <= mark <= 0xBF else "not written by redis-state"
        raise UnreadableError(f"begins with 0x{mark:02X}: {told}")
    if expires_at and time.time_ns() // 1000 >= expires_at:
        return None
    if 0 not in (incarnation, written_by) and incarnation != written_by:
        return None
    return raw[_HEADER.size :].decode("utf-8", "surrogatepass")
