"""Whether a cluster serves all its slots, and whether there is one where none was expected."""

from __future__ import annotations

from collections.abc import Iterator

from redis_state.admin.health.probes import Answers
from redis_state.admin.health.replies import properties, whole
from redis_state.admin.health.report import Finding
from redis_state.client.policy.slots import SLOTS


def check(of: Answers) -> Iterator[Finding]:
    """Tell how the cluster is, as this server sees it."""
    if of.topology == "cluster":
        yield _state(of)
    elif of.info.get("cluster_enabled") == "1":
        yield of.finding(
            "cluster",
            "failure",
            "a node of a cluster, which serves a part of all keys",
            "Write redis+cluster://host:port,host:port as the url.",
        )


def _state(of: Answers) -> Finding:
    told = properties(of.replies.get("CLUSTER INFO"))
    state, assigned = told.get("cluster_state"), whole(told.get("cluster_slots_assigned"))
    if state is None or assigned is None:
        return of.unknown("cluster", "whether all slots are served", "CLUSTER INFO")
    failing = whole(told.get("cluster_slots_fail")) or 0
    found = f"state {state}, {assigned - failing} of {SLOTS} slots are served"
    if state != "ok" or failing or assigned < SLOTS:
        return of.finding(
            "cluster",
            "failure",
            found,
            "See CLUSTER NODES: bring back or replace the masters that fail, assign the slots.",
        )
    return of.finding("cluster", "ok", f"{found}, by {told.get('cluster_size', '?')} masters")
