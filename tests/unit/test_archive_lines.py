"""A file to import may be anybody's: whatever it has, the error says that it is damaged."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redis_state import AssetScope, CorruptValueError, StateStoreError, TaskScope
from redis_state.admin.archive import lines
from redis_state.admin.archive.files import Source
from redis_state.admin.archive.lines import End, Header
from redis_state.admin.migration.values import Spot, Value
from redis_state.config.settings import Settings
from redis_state.format.codec import Codec
from redis_state.format.layout import place

CODEC = Codec(Settings(encryption="own", encryption_keys="A" * 43 + "="))
TASK = Spot(TaskScope("dag", "run", "task", 3), "key")
ASSET = Spot(AssetScope(name="orders"), "key", of_worker=True)
ENVELOPE = CODEC.encode(b"1", 5_000, 0, 7, place("airflow", TASK.scope), "key")
HEADER = lines.header_line(
    Header.model_validate(
        {
            "redis-state": 1,
            "namespace": "airflow",
            "owner": {"database": "one", "since": "2026-11-29"},
            "exported_at": "2026-11-29",
            "encrypted": False,
        }
    )
)
VALUES = (
    lines.value_line(Value(TASK, 5, 9_000, 7, b'"\xed\xa0\x80"'), is_raw=False),
    lines.value_line(Value(ASSET, 5, 0, 0, b"1"), is_raw=False),
    lines.value_line(Value(TASK, 5, 0, 7, ENVELOPE), is_raw=True),
)
END = lines.end_line(3, 0)
LINES = (HEADER, *VALUES, END)

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**400), max_value=10**400)
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.text(st.characters(categories=["Cs"]), max_size=2)
    | st.sampled_from(["task", "asset", "end", "server", "worker", "AAAA", ENVELOPE.hex()]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(["new", *sorted({name for line in LINES for name in json.loads(line)})])


def read(line: bytes) -> object:
    """Read a line wherever it may stand."""
    try:
        return lines.read_header(line)
    except CorruptValueError:
        pass
    found = lines.read_line(line, 2)
    return found if isinstance(found, End) else lines.value_of(found, 2, "airflow", CODEC)


def is_read_or_refused(line: bytes) -> None:
    why = ""
    try:
        read(line)
    except StateStoreError as error:
        why = str(error)
    assert not why or why.startswith("Line 2 of the file is damaged or cut off: ")
    assert len(why) < 1_000


def test_lines_are_read_as_they_were_written() -> None:
    task, asset, raw = (read(line) for line in VALUES)
    assert task == Value(TASK, 5, 9_000, 7, b'"\xed\xa0\x80"')
    assert asset == Value(ASSET, 5, 0, 0, b"1")
    assert raw == Value(TASK, 5, 0, 7, b"1")
    assert read(END) == End(kind="end", values=3, unreadable=0)


@settings(max_examples=60)
@given(st.sampled_from(LINES), st.dictionaries(names, anything, max_size=3), st.sets(names))
def test_other_fields_are_refused(line: bytes, other: dict[str, Any], missing: set[str]) -> None:
    fields = {name: each for name, each in json.loads(line).items() if name not in missing}
    is_read_or_refused(json.dumps(fields | other).encode())


@given(st.sampled_from(LINES), st.integers(0, 300), st.binary(max_size=4), st.integers(0, 9))
def test_other_bytes_are_refused(line: bytes, at: int, new: bytes, instead_of: int) -> None:
    is_read_or_refused(line[:at] + new + line[at + instead_of :])


@pytest.mark.parametrize("field", ["raw", "updated_at", "incarnation", "key", "dag_id", "side"])
def test_an_encrypted_value_stays_with_its_name_and_times(field: str) -> None:
    line = json.loads(VALUES[2])
    raw = bytearray(ENVELOPE)
    raw[-1] ^= 1
    line |= {
        "raw": {"raw": base64.b64encode(raw).decode()},
        "side": {"side": "worker"},
        "updated_at": {"updated_at": 6_000},
        "incarnation": {"incarnation": 8},
    }.get(field, {field: "another"})
    with pytest.raises(CorruptValueError, match="Line 2"):
        read(json.dumps(line).encode())


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 200_000,
        b'{"kind":' * 200_000,
        VALUES[0].replace(b'"map_index": 3', b'"map_index": ' + b"9" * 200),
        VALUES[0].replace(b'"map_index": 3', b'"map_index": ' + b"9" * 10_000),
        VALUES[0].replace(b'"map_index": 3', b'"map_index": 1e999'),
        VALUES[0].replace(b'"map_index": 3', b'"map_index": true'),
        VALUES[1].replace(b'"asset_name"', b'"asset_id": 1, "asset_name"'),
        VALUES[1].replace(b'"asset_name": "orders", ', b""),
        VALUES[1].replace(b'"value": "1"', b'"value": "1", "raw": "AAAA"'),
        VALUES[1].replace(b'"value": "1", ', b""),
        b"",
        b"\xff",
    ],
)
def test_hostile_lines_are_refused(line: bytes) -> None:
    with pytest.raises(CorruptValueError, match="Line 2") as raised:
        read(line)
    assert len(str(raised.value)) < 1_000


async def test_a_line_that_is_too_long_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(HEADER + b"x" * 600_000)
    told: list[int] = []
    source = Source(path, 1_000, lambda done, _: told.append(done))
    with pytest.raises(CorruptValueError, match=r"Line 2 .* longer than that of any value"):
        async for _ in source.lines():
            pass
    assert told[-1] < 600_000
