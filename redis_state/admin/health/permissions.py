"""Which commands and keys the library needs, tried by calls that change nothing.

A server looks at the permissions of a user first, so that any other reply means yes. The calls
are made on keys that nobody has, and one that would write has an argument too few. ``ACL DRYRUN``
would tell the same, to a user who may ask; that of a library should not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from redis_state.admin.health.replies import code_of, refusal
from redis_state.admin.health.report import Finding
from redis_state.config.settings import Settings
from redis_state.format import layout
from redis_state.operations.operation import PROBE, Argument, Capabilities
from redis_state.scopes import AssetScope, TaskScope

if TYPE_CHECKING:
    from redis_state.admin.health.probes import Answers

_FIELD = "no such field"
_NO_SCRIPT = "0" * 40
# No connection has this number.
_NOBODY = 0
# They close connections that were given up; nothing but that needs them.
_GUARD = ("CLIENT INFO", "CLIENT KILL")
# A node of a cluster sends most calls elsewhere; of so many, one falls into its own slots.
_TRIES_IN_CLUSTER = 24


@dataclass(frozen=True, slots=True)
class Permission:
    """A command with the kind of pages that it is tried on; ``vital``: nothing works without."""

    command: str
    call: tuple[Argument, ...]
    pattern: str = ""
    vital: bool = True

    @property
    def grant(self) -> str:
        """The permission as ACL SETUSER knows it."""
        return "+" + self.command.lower().replace(" ", "|")


def nobodys_pages(settings: Settings, *, worker: bool) -> list[str]:
    """Return a page of each kind that is used, under a name that no task and no asset has."""
    name = f"redis-state-health-{uuid4().hex}"
    scopes = (TaskScope(name, name, name), AssetScope(name=name))
    kinds = (True,) if worker else (False, True)
    found = [(scope, of_worker) for of_worker in kinds for scope in scopes]
    return [layout.place(settings.namespace, scope, of_worker=kind).page for scope, kind in found]


def needed(settings: Settings, server: Capabilities, *, worker: bool) -> list[Permission]:
    """List what the library needs on a server that can do this or that."""
    pages = nobodys_pages(settings, worker=worker)
    patterns = [page[: page.index("{")] + "*" for page in pages]
    found = [Permission(call[0], call, patterns[0]) for call in _on_page(pages[0], server)]
    found += [Permission(call[0], call) for call in (("TIME",), *_durable(settings))]
    for page, pattern in zip(pages[1:], patterns[1:], strict=True):
        found += [Permission("HGET", ("HGET", page, _FIELD), pattern)]
        found += [Permission("HSET", _write(page), pattern)]
    found.append(Permission("COMMAND INFO", _probe(), vital=False))
    calls = (("CLIENT", "INFO"), ("CLIENT", "KILL", "ID", _NOBODY))
    found += [Permission(name, call, vital=False) for name, call in zip(_GUARD, calls, strict=True)]
    deployment = settings.deployment
    if deployment.db:
        found.append(Permission("SELECT", ("SELECT", deployment.db)))
    if deployment.topology == "cluster":
        found.append(Permission("CLUSTER SLOTS", ("CLUSTER", "SLOTS")))
        for _ in range(_TRIES_IN_CLUSTER):
            page = nobodys_pages(settings, worker=worker)[0]
            found.append(Permission("HSET", _write(page), patterns[0]))
    if deployment.topology == "sentinel":
        found.append(Permission("ROLE", ("ROLE",), vital=False))
    return found


def _on_page(page: str, server: Capabilities) -> Iterator[tuple[str, *tuple[Argument, ...]]]:
    yield from (("HGET", page, _FIELD), ("HMGET", page, _FIELD), ("HEXISTS", page, _FIELD))
    yield from (("HGETALL", page), ("HKEYS", page), ("HSCAN", page, 0))
    yield from (("PTTL", page), ("PERSIST", page))
    yield from (("HDEL", page, _FIELD), ("UNLINK", page), ("PEXPIREAT", page, 1))
    yield from (("EVALSHA", _NO_SCRIPT, 1, page), ("EVAL", "return 0", 1, page))
    yield _write(page)
    if server.field_expiry:
        yield ("HPEXPIREAT", page, 1, "FIELDS", 1, _FIELD)
    if server.hsetex:
        yield ("HSETEX", page, "PXAT", 1, "FIELDS", 2, _FIELD, "", _FIELD)


def _write(page: str) -> tuple[str, *tuple[Argument, ...]]:
    return ("HSET", page, _FIELD, "", _FIELD)


def _durable(settings: Settings) -> Iterator[tuple[str, *tuple[Argument, ...]]]:
    waits = settings.durable
    if waits is not None:
        yield ("WAITAOF", 0, 0, 1) if waits.disk else ("WAIT", 0, 1)


def _probe() -> tuple[Argument, ...]:
    (probe,) = PROBE
    assert isinstance(probe, tuple)
    return probe


def check(of: Answers) -> Iterator[Finding]:
    """Tell which permissions the user lacks, and which commands the server."""
    yield from _guard(of)
    tried = [each for each in of.tried if each[0].command not in _GUARD]
    missing = [each for each, reply in tried if _is_unknown(reply)]
    denied = [each for each, reply in tried if _is_denied(reply) and not about_keys(reply)]
    keyless = [each for each, reply in tried if about_keys(reply)]
    if missing:
        yield of.finding(
            "commands",
            "failure" if any(each.vital for each in missing) else "warning",
            f"the server does not know {_names(each.command for each in missing)}",
            "Use Redis 6.2 or Valkey 7.2 or later, and take away rename-command for these.",
        )
    if denied or keyless:
        lacking = _grants(of, denied, keyless)
        vital = keyless or any(each.vital for each in denied)
        yield of.finding(
            "permissions",
            "failure" if vital else "warning",
            f"the user {of.user} lacks {' '.join(lacking)}",
            f"ACL SETUSER {of.user} {' '.join(lacking)}",
        )
    elif not tried or any(code_of(reply) in _UNHEARD for _, reply in tried):
        yield of.finding(
            "permissions", "unknown", "the server did not look at them", "Ask again when it serves."
        )
    else:
        yield of.finding("permissions", "ok", f"the user {of.user} has all that are needed")


def _guard(of: Answers) -> Iterator[Finding]:
    tried = [(each, reply) for each, reply in of.tried if each.command in _GUARD]
    denied = " ".join(each.grant for each, reply in tried if _is_denied(reply))
    missing = _names(each.command for each, reply in tried if _is_unknown(reply))
    if denied or missing:
        lacks = f"the user {of.user} lacks {denied}" if denied else f"no {missing} here"
        yield of.finding(
            "abandoned",
            "warning",
            f"{lacks}: a write that a network holds back may arrive over a newer one",
            f"ACL SETUSER {of.user} {denied}" if denied else "Take away rename-command for CLIENT.",
        )
    elif tried and not any(code_of(reply) in _UNHEARD for _, reply in tried):
        yield of.finding("abandoned", "ok", "connections that are given up can be closed")


# What is answered before the permissions are looked at.
_UNHEARD = ("NOAUTH", "DENIED")


def _grants(of: Answers, denied: list[Permission], keyless: list[Permission]) -> list[str]:
    commands = dict.fromkeys(each.grant for each in denied)
    patterns = dict.fromkeys(each.pattern for each in keyless if each.pattern)
    if set(patterns) == {each.pattern for each, _ in of.tried if each.pattern}:
        patterns = dict.fromkeys([f"{of.settings.namespace}:*"]) if not of.worker else patterns
    return [*(f"~{pattern}" for pattern in patterns), *commands]


def _names(commands: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(commands))


def _is_unknown(reply: Any) -> bool:
    return "nknown command" in refusal(reply)


def _is_denied(reply: Any) -> bool:
    return code_of(reply) == "NOPERM"


def about_keys(reply: Any) -> bool:
    """Tell whether a user was refused a key, not a command."""
    # "... permissions to access a key", or "... to access one of the keys used as arguments".
    return _is_denied(reply) and "permissions to access" in refusal(reply)
