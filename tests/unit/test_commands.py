"""The packed commands: byte for byte what a general packer makes of them."""

from __future__ import annotations

from hiredis import pack_command
from hypothesis import example, given
from hypothesis import strategies as st

from redis_state.format.layout import argument
from redis_state.operations import reads, writes

# Long and short ones, and all that could be taken for the syntax around it.
parts = st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"\r\n", b"%b%d", b"x" * 1000]))
pages = parts.map(lambda page: (page, argument(page)))
pairs = st.lists(st.tuples(parts, parts), min_size=1, max_size=12).map(
    lambda pairs: [part for pair in pairs for part in pair]
)
deadlines = st.integers(0, 2**46)


def packed(*arguments: bytes | int | str) -> bytes:
    # hiredis takes a tuple of any length; its types know of one.
    return bytes(pack_command(arguments))  # type: ignore[arg-type]


@given(pages, parts)
def test_reading_a_field(page: tuple[bytes, bytes], field: bytes) -> None:
    assert reads.hget(page[1], field) == packed("HGET", page[0], field)


@given(pages, parts)
def test_removing_a_field(page: tuple[bytes, bytes], field: bytes) -> None:
    assert writes.hdel(page[1], field) == packed("HDEL", page[0], field)


@given(st.lists(pages, min_size=1, max_size=300))
def test_removing_pages(pages: list[tuple[bytes, bytes]]) -> None:
    names = [name for name, _ in pages]
    assert writes.unlink([page for _, page in pages]) == packed("UNLINK", *names)


@given(pages, pairs)
def test_writing_fields_for_ever(page: tuple[bytes, bytes], pairs: list[bytes]) -> None:
    assert writes.hset(page[1], pairs) == packed("HSET", page[0], *pairs)


@given(pages, deadlines, pairs)
@example((b"page", argument(b"page")), 1_900_000_000_000, [b"field", b"value"])
def test_writing_fields_until_a_deadline(
    page: tuple[bytes, bytes], deadline: int, pairs: list[bytes]
) -> None:
    options = ("PXAT", deadline, "FIELDS", len(pairs) // 2)
    assert writes.hsetex(page[1], deadline, pairs) == packed("HSETEX", page[0], *options, *pairs)
