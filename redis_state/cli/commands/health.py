"""``redis-state health``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from redis_state.admin.health import Health, dags
from redis_state.admin.health.airflows import surroundings
from redis_state.backends.base import RedisBackend
from redis_state.cli import exits, output, texts
from redis_state.cli.context import backend_of, worker_backend_of
from redis_state.errors import StateStoreError, UnavailableError
from redis_state.scopes import AssetScope

_FIELDS = ("subject", "name", "verdict", "found", "remedy")


def run(given: argparse.Namespace) -> int:
    """Look at all servers."""
    with worker_backend_of(given) if given.worker else backend_of(given) as backend:
        health = backend.health()
        if not given.worker:
            health = Health((*health.findings, *dags.check(backend.settings, surroundings())))
        _show(given.output, health)
        if health.verdict != "failure":
            return exits.DONE
        return exits.UNREACHABLE if _is_away(backend) else exits.FAILED


def _is_away(backend: RedisBackend) -> bool:
    # Whom the server refuses has reached it.
    try:
        backend.get(AssetScope(asset_id=0), "redis-state health")
    except UnavailableError:
        return True
    except StateStoreError:
        pass
    return False


def _show(name: str | None, health: Health) -> None:
    if name in ("json", "yaml"):
        output.write_record(name, health.as_dict())
    elif name in ("jsonl", "plain"):
        out = output.output(name, _FIELDS, ())
        for finding in health.findings:
            out.add(asdict(finding))
        out.end()
    else:
        lines = str(health).splitlines()
        sys.stdout.write("".join(f"{texts.printable(line)}\n" for line in lines))
