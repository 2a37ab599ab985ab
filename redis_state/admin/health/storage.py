"""Whether what a server keeps stays: in memory, and after a restart."""

from __future__ import annotations

import time
from collections.abc import Iterator

from redis_state.admin.health.probes import Answers
from redis_state.admin.health.replies import code_of, refusal
from redis_state.admin.health.report import Finding

_KIB = 1024
# Of maxmemory; and of the machine's memory, where a snapshot may take as much again.
_NEARLY_FULL, _MUCH = 0.85, 0.75
# The errors of writes that a server refuses for want of memory or replicas. MISCONF is not among
# them: it meets each PING as well.
_REJECTED = ("OOM", "NOREPLICAS")
_REFUSALS = {
    "OOM": ("it is at its maxmemory", "Raise maxmemory, or delete what is not needed."),
    "MISCONF": ("it cannot save to disk", "See the server's log: the disk may be full."),
    "READONLY": ("it is a replica", "Let the url name the master, or the sentinels."),
    "NOREPLICAS": (
        "it has fewer good replicas than min-replicas-to-write",
        "Bring back the replicas, or lower min-replicas-to-write.",
    ),
    "CLUSTERDOWN": ("the cluster is down", "See CLUSTER INFO: a slot may have no master."),
}


def check(of: Answers) -> Iterator[Finding]:
    """Tell how the server keeps what it has."""
    yield from _writes(of)
    yield _persistence(of)
    yield _eviction(of)
    yield _losses(of)
    yield _memory(of)


def _writes(of: Answers) -> Iterator[Finding]:
    """Read the refusal of a write that lacks an argument: what stands against any comes first."""
    if of.standing == "replica":
        return
    replies = [reply for each, reply in of.tried if each.command == "HSET"]
    for reply in replies:
        if code_of(reply) in _REFUSALS:
            reason, remedy = _REFUSALS[code_of(reply)]
            yield of.finding("writes", "failure", f"refused: {reason} ({refusal(reply)})", remedy)
            return
    if any("wrong number of arguments" in refusal(reply) for reply in replies):
        yield of.finding("writes", "ok", "accepted")


def _persistence(of: Answers) -> Finding:
    appends = _yes(of.info.get("aof_enabled") or of.options.get("appendonly"))
    saves = bool(of.options["save"]) if "save" in of.options else None
    failing = list(_failing(of, appends=appends, saves=saves))
    if failing:
        return of.finding(
            "persistence",
            "failure",
            f"failing: {', '.join(failing)}",
            "See the server's log: its disk may be full, or not let it write.",
        )
    waits = of.settings.durable
    if waits is not None and waits.disk and appends is False:
        return of.finding(
            "persistence",
            "failure",
            "durability is aof, and the server has none",
            "CONFIG SET appendonly yes, and CONFIG REWRITE",
        )
    if appends is None or (appends is False and saves is None):
        return of.unknown("persistence", "whether state outlives a restart", "INFO", "CONFIG GET")
    if not appends and not saves:
        return of.finding(
            "persistence",
            "warning",
            "none: all state is gone after a restart",
            "CONFIG SET appendonly yes, and CONFIG REWRITE",
        )
    if not of.info:
        kind = "the AOF" if appends else "snapshots"
        return of.unknown("persistence", f"{kind}, and whether it can be written", "INFO")
    return of.finding("persistence", "ok", _kept(of) if appends else _saved(of))


def _failing(of: Answers, *, appends: bool | None, saves: bool | None) -> Iterator[str]:
    if appends and of.info.get("aof_last_write_status", "ok") != "ok":
        yield "the last write of the AOF"
    if appends and of.info.get("aof_last_bgrewrite_status", "ok") != "ok":
        yield "the last rewrite of the AOF"
    if saves is not False and of.info.get("rdb_last_bgsave_status", "ok") != "ok":
        yield "the last snapshot"


def _kept(of: Answers) -> str:
    when = of.options.get("appendfsync")
    return f"the AOF, with appendfsync {when}" if when else "the AOF"


def _saved(of: Answers) -> str:
    changes, last = of.number("rdb_changes_since_last_save"), of.number("rdb_last_save_time")
    since = "" if last is None else f" {max(0, round(time.time()) - last)} s ago"
    lost = "what came since" if changes is None else f"{changes} changes since"
    return f"snapshots only, the last{since}: a crash now would lose {lost}"


def _eviction(of: Answers) -> Finding:
    policy = of.info.get("maxmemory_policy") or of.options.get("maxmemory-policy")
    if policy is None:
        found = "which keys go when memory is full"
        return of.unknown("eviction", found, *(() if of.info else ("INFO",)), "CONFIG GET")
    if policy == "noeviction":
        return of.finding("eviction", "ok", "maxmemory-policy is noeviction")
    limit = _limit(of)
    everything = policy.startswith("allkeys")
    found = f"maxmemory-policy is {policy}, which removes live state when memory is full"
    if not everything and of.capabilities.field_expiry:
        found = (
            f"maxmemory-policy is {policy}, which removes live state that was written in the hash "
            "form, before the server could expire fields"
        )
    if limit == 0:
        found += "; maxmemory is 0, so nothing is removed yet"
    harmless = limit == 0 or (not everything and of.capabilities.field_expiry)
    return of.finding(
        "eviction",
        "warning" if harmless else "failure",
        found,
        "CONFIG SET maxmemory-policy noeviction, and CONFIG REWRITE",
    )


def _losses(of: Answers) -> Finding:
    """Tell what the policy and a full memory have done already."""
    evicted = of.number("evicted_keys")
    if evicted is None:
        found = "whether keys were evicted or writes rejected since the start"
        return of.unknown("losses", found, "INFO")
    counts = {code: _errors(of, code) for code in _REJECTED}
    rejected = ", ".join(f"{count} by {code}" for code, count in counts.items() if count)
    found = f"since the start, {evicted or 'no'} keys were evicted"
    found += f", and writes rejected: {rejected}" if rejected else ", and no write rejected"
    if not evicted and not rejected:
        return of.finding("losses", "ok", found)
    remedy = "Raise maxmemory, or see what fills it; CONFIG RESETSTAT counts anew."
    if evicted:
        remedy = f"CONFIG SET maxmemory-policy noeviction, unless that is done. {remedy}"
    return of.finding("losses", "warning", found, remedy)


def _errors(of: Answers, code: str) -> int:
    # Redis 6.2 and later: "count=3".
    count = of.info.get(f"errorstat_{code}", "").removeprefix("count=")
    return int(count) if count.isdecimal() else 0


def _memory(of: Answers) -> Finding:
    used, limit = of.number("used_memory"), _limit(of)
    total = of.number("total_system_memory")
    if used is None or limit is None:
        return of.unknown("memory", "how much is used, and of how much", "INFO")
    room, most, what = limit, _NEARLY_FULL, "maxmemory"
    if not limit:
        room, most, what = total or 0, _MUCH, "the machine's memory; maxmemory is 0"
    if not room:
        return of.unknown("memory", f"{_size(used)} used, and of how much", "INFO")
    share = used / room
    found = f"{_size(used)} of {_size(room)} used ({share:.0%} of {what})"
    if limit and share >= 1:
        return of.finding("memory", "failure", found, _REFUSALS["OOM"][1])
    if share >= most:
        return of.finding("memory", "warning", found, "Raise it, or delete what is not needed.")
    return of.finding("memory", "ok", found)


def _limit(of: Answers) -> int | None:
    told = of.info.get("maxmemory") or of.options.get("maxmemory", "")
    return int(told) if told.isdecimal() else None


def _yes(told: str | None) -> bool | None:
    return None if told is None else told in ("1", "yes")


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < _KIB:
            return f"{count:.1f} {unit}" if unit != "bytes" else f"{count:.0f} bytes"
        count /= _KIB
    return f"{count:.1f} GiB"
