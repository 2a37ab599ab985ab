"""Operations on references together with their payloads, where both lie on one server.

A task's payload lies in the slot of its reference, so one script changes both. An asset's is kept
by the asset's name or uri, which only the reference tells; it goes before the reference does, so
that a crash between the two leaves something to begin from again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from redis_state import envelope, operations, scripts
from redis_state.keys import Place
from redis_state.operations import (
    Argument,
    Capabilities,
    Operation,
    ScriptCall,
    Steps,
    native_deadline,
)
from redis_state.references import MARK

# From the document of a reference to the place and key of its payload.
Find: TypeAlias = Callable[[str], tuple[Place, str] | None]


def write_task_document(
    places: tuple[Place, Place],
    key: str,
    document: bytes,
    expires_at: int,
    incarnation: int,
    *,
    names_payload: bool,
) -> Operation[None]:
    """Write a reference and give its payload the same deadline, or drop a payload now stale."""

    def steps(server: Capabilities) -> Steps[None]:
        script = scripts.FIELD_REFER if server.field_expiry else scripts.HASH_REFER
        sealed = envelope.seal(
            document, updated_at=envelope.now(), expires_at=expires_at, incarnation=incarnation
        )
        deadline = (native_deadline(expires_at), envelope.deadline_bytes(expires_at))
        arguments = (*deadline, places[0].field(key), sealed, int(names_payload))
        yield [ScriptCall(script, tuple(place.page for place in places), arguments)]

    return steps


def write_asset_document(place: Place, key: str, document: bytes, find: Find) -> Operation[None]:
    """Write a reference, and remove the payload of another one that it takes the place of."""

    def steps(server: Capabilities) -> Steps[None]:
        script = scripts.FIELD_REPLACE if server.field_expiry else scripts.HASH_REPLACE
        sealed = envelope.seal(document, updated_at=envelope.now(), expires_at=envelope.NEVER)
        (old,) = yield [ScriptCall(script, (place.page,), (MARK, place.field(key), sealed))]
        if old is not None:
            yield from _remove_payload(server, old, find)

    return steps


def forget(place: Place, key: str | None, find: Find) -> Operation[None]:
    """Remove one value of an asset, or all without a key, with the payloads they refer to."""

    def steps(server: Capabilities) -> Steps[None]:
        script = scripts.FIELD_FORGET if server.field_expiry else scripts.HASH_FORGET
        arguments: tuple[Argument, ...] = (MARK,) if key is None else (MARK, place.field(key))
        (references,) = yield [ScriptCall(script, (place.page,), arguments)]
        if not references:
            return
        for reference in references:
            yield from _remove_payload(server, reference, find)
        ending = operations.clear([place]) if key is None else operations.delete([place], key)
        yield from ending(server)

    return steps


def _remove_payload(server: Capabilities, reference: bytes, find: Find) -> Steps[None]:
    found = find(reference.decode("utf-8", "surrogatepass"))
    if found is not None:
        place, key = found
        yield from operations.delete([place], key)(server)
