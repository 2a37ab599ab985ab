"""The header of a value, as the scripts read it: they have its offsets from Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis

from redis_state.format import envelope
from redis_state.operations import scripts

GOLDEN = json.loads(
    Path(__file__).parents[1].joinpath("unit/golden_envelopes.json").read_text(encoding="utf-8")
)
ASSET_DEADLINE = envelope.bound_to("{id:7}")


def ask(raw: redis.Redis, expression: str, *arguments: bytes) -> Any:
    preludes = scripts.load("page", "bound")
    return raw.eval(f"{preludes.text}\nreturn {expression}", 0, *arguments)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["name"])
def test_a_script_reads_what_python_has_written(raw: redis.Redis, golden: dict[str, Any]) -> None:
    value, expires_at = bytes.fromhex(golden["bytes"]), golden["expires_at"]
    assert ask(raw, "is_envelope(ARGV[1])", value) == 1
    assert ask(raw, "is_envelope(ARGV[1])", value[: envelope.SIZE - 1]) is None
    assert ask(raw, "integer(deadline_of(ARGV[1]))", value) == b"%d" % envelope.native_deadline(
        expires_at
    )
    assert ask(raw, "deadline_in(ARGV[1])", value) == expires_at.to_bytes(8, "big")
    # Who is of no known run was told apart by when it was written.
    milliseconds = golden["updated_at"] // 1000 & 0xFFFFFFFF
    mark = golden["incarnation"] or milliseconds
    assert ask(raw, "mark_of(ARGV[1])", value) == mark.to_bytes(4, "big")


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["name"])
def test_a_script_writes_what_python_reads(raw: redis.Redis, golden: dict[str, Any]) -> None:
    value, deadline = bytes.fromhex(golden["bytes"]), envelope.deadline_bytes(ASSET_DEADLINE)
    written = ask(raw, "with_deadline(ARGV[1], ARGV[2])", value, deadline)
    times = (golden["updated_at"], ASSET_DEADLINE, golden["incarnation"])
    assert envelope.decode(written, "page", "key") == (golden["text"], *times)
    assert ask(raw, "is_bound(ARGV[1])", written) == 1
    assert envelope.is_bound(ASSET_DEADLINE)
    assert ask(raw, "is_bound(ARGV[1])", value) is None
    assert not envelope.is_bound(golden["expires_at"])


@pytest.mark.parametrize("milliseconds", [2**46 - 1, 2**46])
def test_both_leave_a_deadline_that_the_server_refuses_to_the_envelope(
    raw: redis.Redis, milliseconds: int
) -> None:
    value = envelope.encode(b"1", 0, milliseconds * 1000)
    expected = envelope.native_deadline(milliseconds * 1000)
    assert ask(raw, "integer(deadline_of(ARGV[1]))", value) == b"%d" % expected
    assert bool(expected) is (milliseconds < 2**46)
