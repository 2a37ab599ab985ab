"""Whose the namespaces of a migration are: it never mixes the state of two Airflows."""

from __future__ import annotations

from functools import partial

from anyio import to_thread

from redis_state.admin.patience import patiently
from redis_state.airflow import absence, database_mark, metastore
from redis_state.client._async.client import AsyncClient
from redis_state.errors import MisconfiguredError
from redis_state.format.owner import Owner, another_owner
from redis_state.operations.owner import Claim, ReadOwner


async def check_database(client: AsyncClient, namespace: str, *, claim: bool) -> None:
    """See that a namespace is not that of another metadata database; mark it if that is wanted."""

    async def known() -> str | None:
        return await to_thread.run_sync(_make if claim else _read)

    database = await patiently(known)
    owner = await _owner(client, namespace)
    if owner is None and claim and database is not None:
        owner = await patiently(partial(client.run, Claim(namespace, database)))
    if owner is not None and owner.database != database:
        mine = database or "not marked yet"
        raise MisconfiguredError(". ".join(another_owner(namespace, owner, mine)))


async def check_namespaces(
    source: tuple[AsyncClient, str], target: tuple[AsyncClient, str], *, claim: bool
) -> None:
    """See that two namespaces have the same owner; mark the target as the source is."""
    mine, owner = await _owner(*source), await _owner(*target)
    client, namespace = target
    if owner is None and mine is not None and claim:
        owner = await patiently(partial(client.run, Claim(namespace, mine.database)))
    if owner is not None and (mine is None or owner.database != mine.database):
        whose = "none" if mine is None else f"that of the metadata database {mine.database}"
        raise MisconfiguredError(
            f"The target's namespace {namespace!r} belongs to another Airflow than the source's: "
            f"that of the metadata database {owner.database} since {owner.since}; the source to "
            f"{whose}. Set another --to-namespace."
        )


async def _owner(client: AsyncClient, namespace: str) -> Owner | None:
    return await patiently(partial(client.run, ReadOwner(namespace)))


def _make() -> str:
    with absence.told():
        return database_mark.make()


def _read() -> str | None:
    with metastore.transaction() as session:
        return database_mark.read(session)
