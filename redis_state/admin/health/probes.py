"""What is asked of one server, and its answers, read as far as they can be."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

from redis_state.admin.health import permissions
from redis_state.admin.health.replies import code_of, pairs, plain, properties, refusal
from redis_state.admin.health.report import Finding, Verdict
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.operations.operation import PROBE, Batch, Capabilities, Command, Operation, Replies

BEATS = 5
# One by one: servers before 7.0 take one name only. No pattern, which would tell passwords, too.
_OPTIONS = (
    "appendfsync",
    "appendonly",
    "maxmemory",
    "maxmemory-policy",
    "min-replicas-to-write",
    "save",
)

# What a server is asked as: one that writes go to, or one that follows such a one.
Standing: TypeAlias = Literal["master", "replica"]


@dataclass(frozen=True, slots=True)
class Beat:
    """One round trip: its middle by our clock, how long it took, and the replies."""

    middle: float
    seconds: float
    ping: Any
    time: Any


@dataclass(frozen=True)
class Target:
    """A server, and who wants to use it for what."""

    server: Server
    standing: Standing
    settings: Settings
    worker: bool

    @property
    def topology(self) -> str:
        """What kind of deployment it is part of."""
        return self.settings.deployment.topology

    @property
    def subject(self) -> str:
        """The server's name in a report."""
        return str(self.server)

    def finding(self, name: str, verdict: Verdict, found: str, remedy: str = "") -> Finding:
        """Return a finding about this server."""
        return Finding(name, self.subject, verdict, found, remedy)


@dataclass(frozen=True)
class Answers(Target):
    """What one server has said of itself."""

    beats: tuple[Beat, ...]
    capabilities: Capabilities
    replies: Mapping[str, Any]
    tried: tuple[tuple[permissions.Permission, Any], ...]

    def having(self, replies: Mapping[str, Any]) -> Answers:
        """Return these answers with the replies to further commands."""
        return replace(self, replies={**self.replies, **replies})

    @cached_property
    def info(self) -> dict[str, str]:
        """What INFO says; nothing where it is refused."""
        return properties(self.replies.get("INFO"))

    @cached_property
    def options(self) -> dict[str, str]:
        """What CONFIG GET says; nothing where it is refused."""
        found: dict[str, str] = {}
        for name in _OPTIONS:
            found |= pairs(self.replies.get(f"CONFIG GET {name}"))
        return found

    @cached_property
    def user(self) -> str:
        """The ACL user, as the server or the settings call it."""
        told = plain(self.replies.get("ACL WHOAMI"))
        if told or self.settings.credential_provider is None:
            return told or self.settings.credentials[0] or "default"
        return "<user>"

    def number(self, name: str) -> int | None:
        """Return a number that INFO tells."""
        text = self.info.get(name, "")
        return int(text) if text.isdecimal() else None

    def unknown(self, name: str, found: str, *commands: str) -> Finding:
        """Return the finding that these commands were to tell, and did not."""
        why, grants = [], []
        for command in commands:
            first = next((key for key in self.replies if key.startswith(command)), command)
            said = refusal(self.replies.get(first))
            why.append(f"{command}: {said}" if said else f"{command} does not say")
            if code_of(self.replies.get(first)) == "NOPERM":
                grants.append("+" + command.lower().replace(" ", "|"))
        if grants:
            remedy = f"ACL SETUSER {self.user} {' '.join(grants)} lets it be known."
        else:
            remedy = "See the console of the provider, or take away rename-command."
        return self.finding(name, "unknown", f"{found} ({'; '.join(why)})", remedy)


class Beats(Operation[Answers]):
    """Measure some round trips, one after the other, and go on to the probes."""

    __slots__ = ("_begun", "_heard", "_of", "_sent")

    reads_errors = True

    def __init__(self, of: Target, heard: tuple[Beat, ...] = ()) -> None:
        self._of = of
        self._heard = heard
        self._sent = self._begun = 0.0

    @property
    def page(self) -> str:
        return permissions.nobodys_pages(self._of.settings, worker=self._of.worker)[0]

    def begin(self, _: Capabilities) -> Batch:
        self._sent, self._begun = time.time(), time.perf_counter()
        return [("PING",), ("TIME",)]

    def end(self, replies: Replies) -> Operation[Answers]:
        seconds = time.perf_counter() - self._begun
        heard = (*self._heard, Beat(self._sent + seconds / 2, seconds, *replies))
        if len(heard) < BEATS:
            return Beats(self._of, heard)
        return Probes(self._of, heard)


class Probes(Operation[Answers]):
    """Ask one server for all that it will tell."""

    __slots__ = ("_asked", "_beats", "_capabilities", "_of", "_permissions")

    reads_errors = True

    def __init__(self, of: Target, beats: tuple[Beat, ...]) -> None:
        self._of = of
        self._beats = beats
        self._capabilities = Capabilities(field_expiry=False, hsetex=False)
        self._asked: dict[str, Command] = {}
        self._permissions: list[permissions.Permission] = []

    @property
    def page(self) -> str:
        return permissions.nobodys_pages(self._of.settings, worker=self._of.worker)[0]

    def begin(self, server: Capabilities) -> Batch:
        self._capabilities = server
        self._asked = {"INFO": ("INFO",), "ROLE": ("ROLE",), "ACL WHOAMI": ("ACL", "WHOAMI")}
        self._asked |= {f"CONFIG GET {name}": ("CONFIG", "GET", name) for name in _OPTIONS}
        (probe,) = PROBE
        assert isinstance(probe, tuple)
        self._asked["COMMAND"] = probe
        if self._of.topology == "cluster":
            self._asked["CLUSTER INFO"] = ("CLUSTER", "INFO")
        self._permissions = permissions.needed(self._of.settings, server, worker=self._of.worker)
        return [*self._asked.values(), *(each.call for each in self._permissions)]

    def end(self, replies: Replies) -> Answers:
        told = dict(zip(self._asked, replies, strict=False))
        behind = replies[len(told) :]
        told["TIME"] = self._beats[0].time
        return Answers(
            self._of.server,
            self._of.standing,
            self._of.settings,
            self._of.worker,
            self._beats,
            self._capabilities,
            told,
            tuple(zip(self._permissions, behind, strict=False)),
        )
