"""The course of a check: which servers are asked what, in which order.

It yields what to ask of a client, of either colour, and is sent the answer, or the error.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, Protocol, TypeAlias

from redis_state.admin.health import cluster, permissions, replication, sentinels, service, storage
from redis_state.admin.health.probes import Answers, Beats, Examined
from redis_state.admin.health.report import Finding, Health
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.errors import StateStoreError
from redis_state.operations.operation import Operation

_PARTS: tuple[Callable[[Answers], Iterator[Finding]], ...] = (
    service.examine,
    replication.examine,
    cluster.examine,
    storage.examine,
    permissions.examine,
)


class Client(Protocol):
    """What is asked of a client; that of a loop answers with coroutines."""

    def servers(self) -> Any:
        """List the servers that have the state."""

    def run_at(self, server: Server, operation: Operation[Any]) -> Any:
        """Run an operation at one server."""


Request: TypeAlias = Callable[[Client], Any]
Course: TypeAlias = Generator[Request, Any, Health]


def check(client: Client, settings: Settings, *, worker: bool) -> Health:
    """Ask all servers, for the threads."""
    course, answer = _course(settings, worker=worker), None
    while True:
        try:
            request = course.send(answer)
        except StopIteration as end:
            health: Health = end.value
            return health
        try:
            answer = request(client)
        except StateStoreError as error:
            answer = error


async def acheck(client: Client, settings: Settings, *, worker: bool) -> Health:
    """Ask all servers, for a loop."""
    course, answer = _course(settings, worker=worker), None
    while True:
        try:
            request = course.send(answer)
        except StopIteration as end:
            health: Health = end.value
            return health
        try:
            answer = await request(client)
        except StateStoreError as error:
            answer = error


def _course(settings: Settings, *, worker: bool) -> Course:
    findings = yield from _ask_sentinels(settings)
    servers = yield lambda client: client.servers()
    if isinstance(servers, StateStoreError):
        findings.append(service.unreachable(str(settings.deployment), servers, "master"))
        servers = []
    # In the order in which they are met; a replica is asked once.
    followers: dict[Server, None] = {}
    for server in servers:
        answers = yield from _ask(Examined(server, "master", settings, worker), findings)
        if answers is not None:
            followers |= {each.server: None for each in replication.replicas_of(answers) or ()}
    for server in [each for each in followers if each not in servers]:
        yield from _ask(Examined(server, "replica", settings, worker), findings)
    return Health(tuple(_together(findings)))


def _ask_sentinels(settings: Settings) -> Generator[Request, Any, list[Finding]]:
    if settings.deployment.topology != "sentinel":
        return []
    question, answers = sentinels.AskSentinel(settings), {}
    for sentinel in settings.deployment.servers:
        answers[sentinel] = yield _at(sentinel, question)
    return list(sentinels.examine(settings, answers))


def _at(server: Server, operation: Operation[Any]) -> Request:
    return lambda client: client.run_at(server, operation)


def _ask(of: Examined, findings: list[Finding]) -> Generator[Request, Any, Answers | None]:
    answers = yield _at(of.server, Beats(of))
    if isinstance(answers, StateStoreError):
        findings.append(service.unreachable(of.subject, answers, of.standing))
        return None
    found: Answers = answers
    for examine in _PARTS:
        findings += examine(found)
    return found


def _together(findings: list[Finding]) -> list[Finding]:
    """Bring together what was found about each server, in the order in which they were met."""
    subjects = list(dict.fromkeys(finding.subject for finding in findings))
    return sorted(findings, key=lambda finding: subjects.index(finding.subject))
