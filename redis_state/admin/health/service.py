"""Whether a server serves: how fast it answers, what it is, and whether our clocks agree."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from redis_state.admin.health.probes import Answers, Beat, Standing
from redis_state.admin.health.replies import code_of, plain, refusal, whole
from redis_state.admin.health.report import Finding, told
from redis_state.errors import StateStoreError

# Deadlines are decided by clocks: beyond this many seconds, a value may end too early or too late.
_CLOCKS_APART = 1.0
# A round trip that takes this part of what an attempt may take leaves little for anything else.
_SLOW = 0.25
_NOT_NOW = {
    "LOADING": "it is loading its data from disk",
    "BUSY": "a script or a module keeps it busy",
    "MASTERDOWN": "it has lost its master and serves nothing until it has it again",
}
_OLDEST = (6, 2)
_NAMES = (("valkey_version", "Valkey"), ("redict_version", "Redict"), ("redis_version", "Redis"))
# Valkey 9.0 before this one crashes on expired fields of hashes.
_CRASHING, _MENDED = (9, 0), (9, 0, 2)


def unreachable(subject: str, error: StateStoreError, standing: Standing) -> Finding:
    """Return the finding about a server, or a deployment, that cannot be asked."""
    found, remedy = told(error)
    if standing == "master":
        return Finding("reachability", subject, "failure", found, remedy)
    return Finding(
        "reachability",
        subject,
        "warning",
        f"a replica, of no use here after a failover: {found}",
        f"{remedy} If the master knows it by another address, set replica-announce-ip.",
    )


def check(of: Answers) -> Iterator[Finding]:
    """Tell how the server answers."""
    yield _reachability(of)
    yield _readiness(of)
    yield _version(of)
    yield _expiry(of)
    yield _clock(of)


def _reachability(of: Answers) -> Finding:
    middle = median(beat.seconds for beat in of.beats)
    found = f"answers in {_seconds(middle)} (median of {len(of.beats)} round trips)"
    if middle > _SLOW * of.settings.timeout:
        return of.finding(
            "reachability",
            "warning",
            f"{found}, where one attempt may take {of.settings.timeout:g} s",
            "Bring the server nearer, see what keeps it busy (SLOWLOG GET), or raise timeout "
            "and budget.",
        )
    return of.finding("reachability", "ok", found)


def _readiness(of: Answers) -> Finding:
    for beat in of.beats:
        reason = _NOT_NOW.get(code_of(beat.ping))
        if reason is not None:
            return of.finding(
                "readiness", "failure", reason, "Wait, and see the server's log if it stays so."
            )
    if of.info.get("loading", "0") != "0":
        part = of.info.get("loading_loaded_perc", "?")
        return of.finding(
            "readiness",
            "failure",
            f"{_NOT_NOW['LOADING']}: {part} % so far",
            "Wait, and see the server's log if it stays so.",
        )
    return of.finding("readiness", "ok", "executes commands")


def _version(of: Answers) -> Finding:
    named = next(((name, of.info[key]) for key, name in _NAMES if of.info.get(key)), None)
    if named is None:
        return of.unknown("version", "neither its name nor its version", "INFO")
    name, text = named
    version = tuple(int(part) for part in text.split(".") if part.isdecimal())
    if name != "Valkey" and version < _OLDEST:
        return of.finding(
            "version", "failure", f"{name} {text}", "Use Redis 6.2 or Valkey 7.2 or later."
        )
    if name == "Valkey" and _CRASHING <= version < _MENDED:
        return of.finding(
            "version",
            "failure",
            f"{name} {text}, which crashes on expired fields of hashes",
            "Use Valkey 9.0.2 or later.",
        )
    return of.finding("version", "ok", f"{name} {text}")


def _expiry(of: Answers) -> Finding:
    if of.capabilities.field_expiry:
        way = "HSETEX" if of.capabilities.hsetex else "HPEXPIREAT"
        return of.finding("expiry", "ok", f"the field form: each value expires by itself ({way})")
    said = refusal(of.replies.get("COMMAND"))
    if said:
        return of.finding(
            "expiry",
            "warning",
            f"the hash form, because the server does not say whether it has another ({said})",
            f"ACL SETUSER {of.user} +command|info",
        )
    return of.finding("expiry", "ok", "the hash form: a page expires with its last value")


def _clock(of: Answers) -> Finding:
    # The quickest round trip leaves the least doubt about when the server looked at its clock.
    differences = [(beat.seconds, _ahead(beat)) for beat in of.beats]
    known = [(seconds, ahead) for seconds, ahead in differences if ahead is not None]
    if not known:
        return of.unknown("clock", "what time the server has", "TIME")
    seconds, ahead = min(known)
    doubt = seconds / 2
    direction = "ahead of" if ahead >= 0 else "behind"
    found = f"{_seconds(abs(ahead))} {direction} ours, give or take {_seconds(doubt)}"
    if abs(ahead) - doubt <= _CLOCKS_APART:
        return of.finding("clock", "ok", found)
    return of.finding(
        "clock",
        "warning",
        f"{found}: values end that much too early or too late",
        "Let NTP set the clocks of this machine and of the server's.",
    )


def _ahead(beat: Beat) -> float | None:
    """Return by how many seconds the server's clock is ahead of ours."""
    match beat.time:
        case [first, second]:
            seconds, microseconds = whole(first), whole(second)
            if seconds is not None and microseconds is not None:
                return seconds + microseconds / 1e6 - beat.middle
    return None


def role_of(of: Answers) -> str:
    """Return master or replica, as the server says; empty where it does not."""
    reply: Any = of.replies.get("ROLE")
    role = of.info.get("role") or (plain(reply[0]) if isinstance(reply, list) and reply else "")
    return {"slave": "replica"}.get(role, role)


def _seconds(duration: float) -> str:
    return f"{duration:.2f} s" if duration >= 1 else f"{duration * 1000:.2f} ms"
