"""Where values lie: no two scopes or keys share a place, and every place can be read back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redis_state import AssetScope, InvalidScopeError, StateScope, TaskScope
from redis_state.format.layout import PAGES, SUMMARY, place, task_pages
from redis_state.format.pages import parse
from redis_state.scopes import ZERO_REGION

# The characters that keys are built from come up often, and lone surrogates too.
names = st.text(st.one_of(st.sampled_from("/:{}%-01\0 \r\n_"), st.characters()), max_size=12)
indices = st.one_of(st.integers(-1, 300), st.integers(0, 2**40))
regions = st.one_of(st.just(ZERO_REGION), st.uuids())
tasks = st.builds(TaskScope, names, names, names, indices, regions)
assets = st.one_of(
    st.builds(AssetScope, asset_id=st.integers(-5, 2**63)),
    st.builds(AssetScope, name=names),
    st.builds(AssetScope, uri=names),
)
scopes = st.one_of(tasks, assets)
namespaces = st.from_regex(r"[A-Za-z0-9._:-]{1,12}", fullmatch=True)


def address(namespace: str, scope: StateScope, key: str) -> tuple[bytes, bytes]:
    found = place(namespace, scope)
    return found.page.encode(), found.field(key)


@given(namespaces, scopes, names)
@example("n", TaskScope("", "", ""), "")
@example("n", TaskScope("d", "r", "t"), "\0")
@example("n", TaskScope("d", "r", "t", 5), "\0")
@example("n:t", AssetScope(name="{}"), "\0\0")
def test_every_place_can_be_read_back(namespace: str, scope: StateScope, key: str) -> None:
    assert parse(namespace, *address(namespace, scope, key)) == (scope, key)


@given(namespaces, namespaces, scopes, scopes, names, names)
def test_two_entries_never_share_a_place(
    namespace: str, namespace2: str, scope: StateScope, scope2: StateScope, key: str, key2: str
) -> None:
    same = (namespace, scope, key) == (namespace2, scope2, key2)
    places = address(namespace, scope, key), address(namespace2, scope2, key2)
    assert (places[0] == places[1]) is same


@given(namespaces, tasks)
def test_all_pages_of_a_task_lie_in_one_cluster_slot(namespace: str, scope: TaskScope) -> None:
    tags = {page.split("{", 1)[1].split("}", 1)[0] for page in task_pages(namespace, scope)}
    assert len(tags) == 1
    assert tags.pop()


@given(namespaces, tasks)
def test_the_pages_of_a_task_hold_all_its_map_indices(namespace: str, scope: TaskScope) -> None:
    pages = task_pages(namespace, scope)
    assert place(namespace, scope).page in pages
    assert len(set(pages)) == len(pages) == PAGES + 1


@given(namespaces, scopes)
def test_pages_are_printable(namespace: str, scope: StateScope) -> None:
    page = place(namespace, scope).page
    assert page.isascii()
    assert page.isprintable()


@given(scopes, names)
def test_no_key_takes_the_place_of_the_summary(scope: StateScope, key: str) -> None:
    assert address("n", scope, key)[1] != SUMMARY


@pytest.mark.parametrize(
    ("scope", "page", "field"),
    [
        (TaskScope("etl", "a~b+00:00", "load"), "{etl/a~b+00:00/load}:-1", b"key"),
        (TaskScope("etl", "r", "load", 3), "{etl/r/load}:3", b"3:key"),
        (TaskScope("etl", "r", "load", 131), "{etl/r/load}:3", b"131:key"),
        (TaskScope("a/b", "{r}", "50%"), "{a%2Fb/%7Br%7D/50%25}:-1", b"key"),
        (
            TaskScope("etl", "r", "load", 3, UUID(int=10)),
            "{etl/r/load}:0000000000000000000000000000000a:3",
            b"3:key",
        ),
    ],
)  # fmt: skip
def test_the_places_of_tasks_are_frozen(scope: TaskScope, page: str, field: bytes) -> None:
    assert address("airflow", scope, "key") == (f"airflow:t:{page}".encode(), field)


@pytest.mark.parametrize(
    ("scope", "page"),
    [
        (AssetScope(asset_id=42), "{id:42}"),
        (AssetScope(name="orders"), "{name:orders}"),
        (AssetScope(uri="s3://b/k"), "{uri:s3:%2F%2Fb%2Fk}"),
        (AssetScope(asset_id=1, name="n", uri="u"), "{id:1}"),
        (AssetScope(name="n", uri="u"), "{name:n}"),
    ],
)
def test_the_places_of_assets_are_frozen(scope: AssetScope, page: str) -> None:
    assert address("airflow", scope, "key") == (f"airflow:a:{page}".encode(), b"key")


@pytest.mark.parametrize(
    ("page", "field"),
    [
        (b"other:t:{d/r/t}:-1", b"key"),
        (b"airflow:t:{d/r/t}:-1", SUMMARY),
        (b"airflow:t:{d/r/t}:5", b"key"),
        (b"airflow:t:{d/r/t}:5", b"x:key"),
        (b"airflow:t:{d/r}:5", b"5:key"),
        (b"airflow:t:{d/r/t}", b"key"),
        (b"airflow:a:{id:x}", b"key"),
        (b"airflow:a:{kind:x}", b"key"),
        (b"airflow:b:{id:1}", b"key"),
        (b"\xff\xfe", b"key"),
        (b"airflow", b"key"),
    ],
)
def test_what_is_not_ours_is_told(page: bytes, field: bytes) -> None:
    assert parse("airflow", page, field) is None


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_no_bytes_make_reading_back_fail(tail: bytes, field: bytes) -> None:
    for head in (b"", b"n:", b"n:t:{", b"n:a:{"):
        found = parse("n", head + tail, field)
        if found is not None:
            assert isinstance(found[1], str)


class Name(str):
    """As an enum of names is one."""

    __slots__ = ()


@given(namespaces, tasks, st.booleans())
def test_a_place_found_again_is_the_one_found_first(
    namespace: str, scope: TaskScope, of_worker: bool
) -> None:
    names = {part: Name(getattr(scope, part)) for part in ("dag_id", "run_id", "task_id")}
    same: Any = SimpleNamespace(**names, map_index=scope.map_index, region_id=scope.region_id)
    first = place(namespace, same, of_worker=of_worker)
    for again in (scope, same):
        for other in (not of_worker, of_worker):
            found = place(namespace, again, of_worker=other)
            assert (found == first) is (other is of_worker)
            assert parse(namespace, found.page.encode(), found.field("key")) == (scope, "key")


PARTS = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": 1, "region_id": UUID(int=1)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"map_index": True},
        {"map_index": 1.0},
        {"map_index": "1"},
        {"map_index": None},
        {"map_index": [1]},
        {"dag_id": None},
        {"dag_id": b"d"},
        {"run_id": ["r"]},
        {"task_id": {"t": 1}},
        {"region_id": None},
        {"region_id": [UUID(int=1)]},
        {"region_id": UUID(int=1).hex},
    ],
    ids=str,
)
def test_what_resembles_a_known_scope_is_refused_all_the_same(wrong: dict[str, Any]) -> None:
    right = SimpleNamespace(**PARTS)
    without_region = SimpleNamespace(**{name: PARTS[name] for name in PARTS if name != "region_id"})
    for _ in range(2):
        for known in (right, without_region):
            place("n", known)
        with pytest.raises(InvalidScopeError):
            place("n", SimpleNamespace(**(PARTS | wrong)))


def test_more_scopes_than_are_remembered_keep_their_places() -> None:
    scopes = [TaskScope("dag", "run", str(number), number) for number in range(5000)]
    pages = [address("n", scope, "key") for scope in scopes]
    assert len(set(pages)) == len(scopes)
    assert [address("n", scope, "key") for scope in scopes] == pages
