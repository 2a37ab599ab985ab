"""The steps of a check: which servers are asked what, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from redis_state.admin.health import (
    airflows,
    cluster,
    express_lane,
    owner,
    permissions,
    replication,
    sentinels,
    service,
    storage,
    types,
)
from redis_state.admin.health.airflows import Surroundings
from redis_state.admin.health.probes import Answers, Beats, Target
from redis_state.admin.health.report import Finding, Health, told
from redis_state.admin.steps import Ask, Steps
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.errors import StateStoreError
from redis_state.operations.owner import ReadOwner

_PARTS: tuple[Callable[[Answers], Iterator[Finding]], ...] = (
    service.check,
    replication.check,
    cluster.check,
    storage.check,
    permissions.check,
)


def check(settings: Settings, *, worker: bool, around: Surroundings | None = None) -> Steps[Health]:
    """Ask all servers; ``around`` is what is known of the Airflow around us."""
    around = around or Surroundings()
    findings = yield from _ask_sentinels(settings)
    servers = yield from _try(Ask())
    if isinstance(servers, StateStoreError):
        findings.append(service.unreachable(str(settings.deployment), servers, "master"))
        servers = []
    # In the order in which they are met; a replica is asked once.
    followers: dict[Server, None] = {}
    is_served = False
    for server in servers:
        answers = yield from _ask(Target(server, "master", settings, worker), findings)
        if answers is not None:
            is_served = True
            # Workers have no right to it.
            if not worker:
                findings += yield from _looked(answers)
            followers |= {each.server: None for each in replication.replicas_of(answers) or ()}
    for server in [each for each in followers if each not in servers]:
        yield from _ask(Target(server, "replica", settings, worker), findings)
    # Workers have no right to look at it.
    if is_served and not worker:
        mark = yield from _try(Ask(ReadOwner(settings.namespace)))
        findings += owner.check(settings.namespace, mark, around.database)
    if not worker:
        findings += airflows.check(settings, around)
        findings += express_lane.check(around.lane, is_wanted=settings.express_lane)
    return Health(tuple(_together(findings)))


def _ask_sentinels(settings: Settings) -> Steps[list[Finding]]:
    if settings.deployment.topology != "sentinel":
        return []
    probe, answers = sentinels.AskSentinel(settings), {}
    for sentinel in settings.deployment.servers:
        answers[sentinel] = yield from _try(Ask(probe, sentinel))
    return list(sentinels.check(settings, answers))


def _try(ask: Ask) -> Steps[Any]:
    """Return the answer, or the error in its place."""
    try:
        return (yield ask)
    except StateStoreError as error:
        return error


def _ask(of: Target, findings: list[Finding]) -> Steps[Answers | None]:
    answers = yield from _try(Ask(Beats(of), of.server))
    if isinstance(answers, StateStoreError):
        findings.append(service.unreachable(of.subject, answers, of.standing))
        return None
    found: Answers = answers
    for check_part in _PARTS:
        findings += check_part(found)
    return found


def _looked(of: Answers) -> Steps[list[Finding]]:
    try:
        return (yield from types.look(of))
    except StateStoreError as error:
        found, remedy = told(error)
        return [of.finding("types", "unknown", f"which types keys have: {found}", remedy)]


def _together(findings: list[Finding]) -> list[Finding]:
    """Bring together what was found about each server, in the order in which they were met."""
    subjects = list(dict.fromkeys(finding.subject for finding in findings))
    return sorted(findings, key=lambda finding: subjects.index(finding.subject))
