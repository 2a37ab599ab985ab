"""Who follows whom, and how far behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from redis_state.admin.health.probes import Answers
from redis_state.admin.health.replies import plain, whole
from redis_state.admin.health.report import Finding
from redis_state.admin.health.service import role_of
from redis_state.config.url import Server

# A replica that keeps up acknowledges each second.
_LATE_SECONDS = 5
_LATE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica as its master knows it; None for what it does not tell."""

    server: Server
    state: str | None = None
    seconds: int | None = None
    behind: int | None = None

    @property
    def keeps_up(self) -> bool:
        """Tell whether it has nearly all that the master has."""
        return (
            self.state in (None, "online")
            and (self.seconds or 0) < _LATE_SECONDS
            and (self.behind or 0) < _LATE_BYTES
        )

    def __str__(self) -> str:
        told = [self.state or "state unknown"]
        if self.behind is not None:
            told.append(f"{self.behind} bytes behind")
        if self.seconds is not None:
            told.append(f"last heard of {self.seconds} s ago")
        return ", ".join(told)


def replicas_of(of: Answers) -> list[Replica] | None:
    """Return the replicas of a master, or None where it does not tell."""
    if "connected_slaves" in of.info:
        # Numbered without gaps, from 0.
        lines = (of.info.get(f"slave{number}", "") for number in range(len(of.info)))
        offset = of.number("master_repl_offset")
        return [found for line in lines if (found := _in_info(line, offset)) is not None]
    match of.replies.get("ROLE"):
        case [b"master", offset, [*replicas]]:
            reached = whole(offset)
            return [found for each in replicas if (found := _in_role(each, reached)) is not None]
    return None


def check(of: Answers) -> Iterator[Finding]:
    """Tell what the server is, and how its replicas are."""
    role = role_of(of)
    yield _role(of, role)
    if role == "replica":
        yield from _link(of)
    elif of.standing == "master":
        replicas = replicas_of(of)
        for replica in replicas or ():
            yield _one(replica)
        yield _all(of, replicas)


def _role(of: Answers, role: str) -> Finding:
    if not role:
        return of.unknown("role", "whether it is a master", "INFO", "ROLE")
    if role == "replica":
        master = f"a replica of {of.info.get('master_host', '?')}:{of.info.get('master_port', '?')}"
        if of.standing == "master":
            return of.finding(
                "role",
                "failure",
                f"{master}, which refuses writes",
                "Let the url name the master, or the sentinels with redis+sentinel://.",
            )
        return of.finding("role", "ok", master)
    if of.standing == "replica":
        return of.finding(
            "role",
            "warning",
            f"a {role}, which another master takes for its replica",
            "A failover may be under way: ask again.",
        )
    return of.finding("role", "ok" if role == "master" else "failure", f"a {role}")


def _link(of: Answers) -> Iterator[Finding]:
    status = of.info.get("master_link_status")
    if status is None:
        yield of.unknown("link", "whether it is connected to its master", "INFO")
    elif status != "up":
        since = of.number("master_link_down_since_seconds")
        yield of.finding(
            "link",
            "warning",
            f"to its master: {status}" + (f", for {since} s" if since is not None else ""),
            "See the log of the replica: the network, the password (masterauth), the disk.",
        )
    else:
        yield of.finding("link", "ok", "to its master: up")


def _one(replica: Replica) -> Finding:
    if replica.keeps_up:
        return Finding("replication", str(replica.server), "ok", str(replica))
    return Finding(
        "replication",
        str(replica.server),
        "warning",
        f"{replica}: a failover to it now would lose state",
        "See whether the replica runs, and whether its network and disk keep up.",
    )


def _all(of: Answers, replicas: list[Replica] | None) -> Finding:
    if replicas is None:
        return of.unknown("replicas", "whether it has any", "INFO", "ROLE")
    good = sum(replica.keeps_up for replica in replicas)
    found = f"{good} of {len(replicas)} keep up" if replicas else "none"
    lack = _lack(of, good)
    if lack:
        remedy = "Bring back or add replicas, or ask for fewer."
        return of.finding("replicas", "failure", f"{found}, {lack}", remedy)
    if of.topology != "standalone" and not replicas:
        found = "none: there is nothing to fail over to"
        return of.finding("replicas", "warning", found, "Add a replica.")
    # A master of a cluster stops by itself when it is cut off.
    if of.topology == "sentinel" and _least(of) == 0 and not _waits_for(of):
        return of.finding(
            "replicas",
            "warning",
            f"{found}; min-replicas-to-write is 0, so a master that is cut off goes on to accept "
            "writes, which a failover loses",
            "CONFIG SET min-replicas-to-write 1, and CONFIG REWRITE, on each server.",
        )
    return of.finding("replicas", "ok", found)


def _lack(of: Answers, good: int) -> str:
    if good < _waits_for(of):
        return f"and durability waits for {_waits_for(of)}"
    least = _least(of) or 0
    if good < least:
        return f"and without {least} (min-replicas-to-write) writes are refused"
    return ""


def _least(of: Answers) -> int | None:
    return whole(of.options.get("min-replicas-to-write"))


def _waits_for(of: Answers) -> int:
    waits = of.settings.durable
    return waits.replicas if waits is not None else 0


def _in_info(line: str, offset: int | None) -> Replica | None:
    told = dict(part.partition("=")[::2] for part in line.split(","))
    server = _server(told.get("ip"), told.get("port"))
    if server is None:
        return None
    reached = whole(told.get("offset"))
    return Replica(server, told.get("state"), whole(told.get("lag")), _behind(offset, reached))


def _in_role(told: object, offset: int | None) -> Replica | None:
    match told:
        case [host, port, reached]:
            server = _server(plain(host), plain(port))
            if server is not None:
                return Replica(server, behind=_behind(offset, whole(reached)))
    return None


def _server(host: str | None, port: str | None) -> Server | None:
    number = whole(port)
    return Server(host, number) if host and number else None


def _behind(offset: int | None, reached: int | None) -> int | None:
    return None if offset is None or reached is None else max(0, offset - reached)
