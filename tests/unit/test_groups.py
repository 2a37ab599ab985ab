"""Sums by name."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redis_state.admin import groups
from redis_state.admin.groups import OTHERS, Group, Groups

ADDED = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 2**40), st.booleans(), st.booleans())
)


@given(added=ADDED)
def test_each_group_has_the_sums_of_its_own(added: list[tuple[str, int, bool, bool]]) -> None:
    counted, model = Groups(), defaultdict[str, list[int]](lambda: [0] * len(Group._fields))
    for name, size, is_page, is_permanent in added:
        if is_page:
            counted.add_page(name, size)
        else:
            counted.add_value(name, size, is_permanent=is_permanent)
        more = (0, 0, 0, 1, size) if is_page else (1, size, int(is_permanent), 0, 0)
        model[name] = [old + new for old, new in zip(model[name], more, strict=True)]
    assert {name: list(group) for name, group in counted.top(10)} == model
    assert list(counted.total()) == [
        sum(each) for each in zip([0] * 5, *model.values(), strict=True)
    ]
    weights = [group.weight for _, group in counted.top(3)]
    assert weights == sorted((Group(*each).weight for each in model.values()), reverse=True)[:3]


def test_those_beyond_the_limit_are_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "_MOST_GROUPS", 2)
    counted = Groups()
    for name in ("a", "b", "c", "d", "a"):
        counted.add_value(name, 1, is_permanent=False)
    assert {name: group.values for name, group in counted.top(9)} == {"a": 2, "b": 1, OTHERS: 2}
