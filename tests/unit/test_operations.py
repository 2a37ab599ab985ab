"""What operations send: a value that is to expire goes with its deadline, in one command."""

from __future__ import annotations

from typing import Any

import pytest

from redis_state.format import envelope
from redis_state.format.codec import PLAIN
from redis_state.format.layout import Place
from redis_state.operations.asset_refs import Asset
from redis_state.operations.assets import WriteAsset
from redis_state.operations.operation import Capabilities, Operation, ScriptCall
from redis_state.operations.worker_refs import WriteTaskDocument
from redis_state.operations.writes import Write

SERVERS = [
    Capabilities(field_expiry=True, hsetex=True),
    Capabilities(field_expiry=True, hsetex=False),
    Capabilities(field_expiry=False, hsetex=False),
]
PLACE, BESIDE = Place("n:t:{d/r/t}:-1"), Place("n:tw:{d/r/t}:-1")
ASSET = Asset(Place("n:a:{id:7}"), lambda _: None, PLAIN)
DEADLINE = 4_102_444_800_123_456
TEXT = b'"the only text"'
WRITES: dict[str, Operation[None]] = {
    "one value": Write(PLACE, {"a": TEXT}, DEADLINE),
    "many values": Write(PLACE, {"b": b"1", "a": TEXT}, DEADLINE),
    "a reference": WriteTaskDocument(
        (PLACE, BESIDE), "a", TEXT, DEADLINE, envelope.UNKNOWN, names_worker_value=True
    ),
    "an asset's": WriteAsset(ASSET, {"a": TEXT}, DEADLINE),
}


def sent(item: Any) -> bytes:
    if isinstance(item, ScriptCall):
        item = item.arguments
    if isinstance(item, bytes):
        return item
    return b" ".join(part if isinstance(part, bytes) else str(part).encode() for part in item)


@pytest.mark.parametrize("server", SERVERS, ids=["HSETEX", "HPEXPIREAT", "hash form"])
@pytest.mark.parametrize("name", WRITES)
def test_no_value_is_written_before_its_deadline(name: str, server: Capabilities) -> None:
    batch = WRITES[name].begin(server)
    (writes,) = [sent(item) for item in batch if TEXT in sent(item)]
    assert b"%d" % envelope.native_deadline(DEADLINE) in writes
