"""What ``--from`` and ``--to`` of a migration mean."""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from redis_state.admin.migration.database_side import DatabaseSide
from redis_state.admin.migration.owners import check_database, check_namespaces
from redis_state.admin.migration.redis_side import RedisSide
from redis_state.admin.migration.values import BATCH_SIZE, Side
from redis_state.cli.context import leave_imports_alone, refuse_password, settings_of
from redis_state.cli.parsing import UsageError
from redis_state.client._async.client import AsyncClient
from redis_state.config.settings import Settings, load
from redis_state.errors import MisconfiguredError

_METASTORE, _REDIS = "metastore", "redis"
_LARGEST_BATCH = 10_000


@dataclass(frozen=True)
class Opened:
    """A side, with its client if it is a Redis."""

    side: Side
    client: AsyncClient | None = None
    namespace: str = ""


@asynccontextmanager
async def open_sides(given: argparse.Namespace) -> AsyncIterator[tuple[Opened, Opened]]:
    """Open both sides of a migration."""
    source, target = _settings(given, "from"), _settings(given, "to")
    size = BATCH_SIZE if given.batch_size is None else given.batch_size
    if not 1 <= size <= _LARGEST_BATCH:
        raise UsageError(f"--batch-size is a number from 1 to {_LARGEST_BATCH:,}.")
    if (source is None and target is None) or _are_same(source, target):
        raise UsageError("--from and --to are the same: name another target.")
    is_redis_to_redis = source is not None and target is not None
    options: dict[str, Any] = {"of_workers": is_redis_to_redis, "batch_size": size}
    if source is not None and target is not None:
        options["keeps_envelopes"] = source.namespace == target.namespace
    opened = [_open(settings, size, options) for settings in (source, target)]
    leave_imports_alone()
    try:
        yield opened[0], opened[1]
    finally:
        for each in opened:
            if each.client is not None:
                each.client.close()


async def check_owners(source: Opened, target: Opened, *, claim: bool) -> None:
    """Refuse to mix the state of two Airflows."""
    if source.client is not None and target.client is not None:
        both = (source.client, source.namespace), (target.client, target.namespace)
        await check_namespaces(*both, claim=claim)
        return
    for each in (source, target):
        if each.client is not None:
            is_target = each is target
            await check_database(each.client, each.namespace, claim=claim and is_target)


def _open(settings: Settings | None, size: int, options: dict[str, Any]) -> Opened:
    if settings is None:
        return Opened(DatabaseSide(size))
    client = AsyncClient(settings)
    return Opened(RedisSide(client, settings, **options), client, settings.namespace)


def _are_same(source: Settings | None, target: Settings | None) -> bool:
    if source is None or target is None:
        return False
    return (source.deployment, source.namespace) == (target.deployment, target.namespace)


def _settings(given: argparse.Namespace, side: str) -> Settings | None:
    """Return the settings of a side, or None for the metadata database."""
    where = getattr(given, side)
    namespace = getattr(given, f"{side}_namespace")
    username = getattr(given, f"{side}_username")
    if not where:
        raise UsageError(f"--{side} is missing: name metastore, redis, or the URL of a Redis.")
    if where == _METASTORE:
        if namespace or username:
            raise UsageError(f"--{side} metastore has no namespace and no user: leave them out.")
        return None
    if where == _REDIS:
        if username:
            raise UsageError(f"--{side}-username belongs to a URL: use --username for redis.")
        chosen = argparse.Namespace(**vars(given))
        chosen.namespace = namespace or given.namespace
        return settings_of(chosen)
    return _of_url(where, side, namespace or given.namespace, username)


def _of_url(url: str, side: str, namespace: str | None, username: str | None) -> Settings:
    if "://" not in url:
        raise UsageError(f"--{side} is metastore, redis, or a URL such as redis://host:6379/0.")
    refuse_password(url, f"--{side}", variable := f"REDIS_STATE_{side.upper()}_PASSWORD")
    # Who logs in at the configured Redis is nobody whom this one knows.
    options: dict[str, Any] = {
        **dict.fromkeys(("redis_conn_id", "credential_provider", "allowed_hosts")),
        "url": url,
        "username": username,
        "password": os.environ.get(variable),
    }
    if "+sentinel" not in url:
        options |= {"sentinel_username": None, "sentinel_password": None}
    if namespace is not None:
        options["namespace"] = namespace
    try:
        return load(**options)
    except MisconfiguredError as error:
        raise MisconfiguredError(f"--{side}: {error}") from None
