"""Namespaces never meet: no key of one is, or is read as, a key of another."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from redis_state import AssetScope, MisconfiguredError, StateScope, TaskScope
from redis_state.config.settings import load
from redis_state.format.layout import PAGES, place, task_pages
from redis_state.format.pages import parse
from redis_state.scopes import ZERO_REGION

# Few letters, which keys are built from as well: so that one is often the beginning of another.
namespaces = st.text("at:w", min_size=1, max_size=4)
names = st.text("at:/{}", max_size=3)
indices = st.sampled_from([-1, 0, 1, PAGES, PAGES + 1])
regions = st.one_of(st.just(ZERO_REGION), st.uuids())
tasks = st.builds(TaskScope, names, names, names, indices, regions)
assets = st.one_of(
    st.builds(AssetScope, asset_id=st.integers(0, 3)),
    st.builds(AssetScope, name=names),
    st.builds(AssetScope, uri=names),
)
scopes = st.one_of(tasks, assets)
sides = st.booleans()


@given(namespaces, namespaces, scopes, scopes, names, names, sides, sides)
@example("a", "a:t", TaskScope("", "", ""), TaskScope("", "", ""), "", "", False, False)
def test_entries_share_a_place_only_if_namespace_side_scope_and_key_are_the_same(
    one: str,
    other: str,
    scope: StateScope,
    scope2: StateScope,
    key: str,
    key2: str,
    of_worker: bool,
    of_worker2: bool,
) -> None:
    here, there = place(one, scope, of_worker=of_worker), place(other, scope2, of_worker=of_worker2)
    same = (one, scope, key, of_worker) == (other, scope2, key2, of_worker2)
    assert ((here.page, here.field(key)) == (there.page, there.field(key2))) is same


@given(namespaces, namespaces, scopes, scopes, sides, sides)
def test_no_page_is_shared_by_two_namespaces(
    one: str, other: str, scope: StateScope, scope2: StateScope, of_worker: bool, of_worker2: bool
) -> None:
    assume(one != other)
    here, there = place(one, scope, of_worker=of_worker), place(other, scope2, of_worker=of_worker2)
    assert here.page != there.page


@given(namespaces, namespaces, scopes, names, sides)
@example("a", "a:t", AssetScope(asset_id=1), "", False)
def test_no_namespace_takes_another_s_key_for_its_own(
    one: str, other: str, scope: StateScope, key: str, of_worker: bool
) -> None:
    found = place(one, scope, of_worker=of_worker)
    read = parse(other, found.page.encode(), found.field(key))
    assert read == ((scope, key) if one == other else None)


@given(namespaces, namespaces, tasks, tasks)
def test_a_clear_of_all_map_indices_names_no_page_of_another_namespace(
    one: str, other: str, scope: TaskScope, scope2: TaskScope
) -> None:
    assume(one != other)
    cleared = set(task_pages(one, scope)) | set(task_pages(one, scope, of_worker=True))
    theirs = {place(other, scope2, of_worker=of_worker).page for of_worker in (False, True)}
    assert not cleared & theirs


@pytest.mark.parametrize(
    "namespace", ["a*", "a?", "[ab]", "a\\", "{a}", "a/b", "a b", "", "é", "a\n"]
)
def test_a_namespace_has_no_character_that_means_more_than_itself(namespace: str) -> None:
    with pytest.raises(MisconfiguredError, match="letters, digits and"):
        load(namespace=namespace)
