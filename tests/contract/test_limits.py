"""Bad input: a typed error that says what to do, and nothing written."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from redis_state import (
    AssetScope,
    InvalidKeyError,
    InvalidScopeError,
    InvalidValueError,
    StateStoreError,
    TaskScope,
    TooLargeError,
)
from tests.support.verbs import Verbs

TASK = TaskScope("dag", "run", "task")


class Anything:
    """Has just the attributes it is given."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


@pytest.mark.parametrize(
    ("scope", "says"),
    [
        (None, "NoneType is no scope"),
        ("dag", "str is no scope"),
        (Anything(dag_id="d", task_id="t"), "run_id is a str"),
        (Anything(dag_id="d", run_id="r"), "Anything is a dag run's"),
        (Anything(dag_id=1, run_id="r", task_id="t"), "dag_id is a str, not int"),
        (TaskScope("d", "r", "t", -2), "never -2"),
        (TaskScope("d", "r", "t", -(10**5000)), "at most 100 digits"),
        (TaskScope("d", "r", "t", "1"), "map_index is an int, not str"),  # type: ignore[arg-type]
        (TaskScope("d", "r", "t", True), "map_index is an int, not bool"),
        (TaskScope("d", "r", "t", 0, "zero"), "region_id is a UUID"),  # type: ignore[arg-type]
        (Anything(asset_id=None), "needs an asset_id, a name or a uri"),
        (Anything(asset_id=None, name=None, uri=None), "needs an asset_id, a name or a uri"),
        (Anything(asset_id="7"), "asset_id is an int, not str"),
        (Anything(asset_id=None, name=7), "name is a str, not int"),
    ],
)
@pytest.mark.parametrize("verb", ["get", "set", "delete", "clear", "entries"])
async def test_an_unusable_scope_is_refused(verbs: Verbs, verb: str, scope: Any, says: str) -> None:
    arguments = {"get": ("key",), "set": ("key", "1"), "delete": ("key",)}.get(verb, ())
    with pytest.raises(InvalidScopeError, match=says) as caught:
        await getattr(verbs, verb)(scope, *arguments)
    assert isinstance(caught.value, ValueError)


def test_an_empty_asset_scope_is_refused_at_once() -> None:
    with pytest.raises(InvalidScopeError, match="asset_id, a name or a uri"):
        AssetScope()


async def test_a_key_beyond_the_limit_is_refused(verbs: Verbs) -> None:
    await verbs.set(TASK, "x" * 512, "1")
    with pytest.raises(InvalidKeyError, match="513 characters.*512.*max_key_chars"):
        await verbs.set(TASK, "x" * 513, "1")
    with pytest.raises(InvalidKeyError):
        await verbs.get(TASK, "x" * 513)
    assert list(await verbs.entries(TASK)) == ["x" * 512]


async def test_a_value_beyond_the_limit_is_refused(verbs_with: Any) -> None:
    verbs = verbs_with(max_value_bytes=10)
    await verbs.set(TASK, "key", "1234567890")
    with pytest.raises(TooLargeError, match="11 bytes.*10.*max_value_bytes"):
        await verbs.set(TASK, "key", "12345678901")
    with pytest.raises(TooLargeError):
        await verbs.set_many(TASK, {"other": "1", "key": "caf\u00e9" * 3})
    assert {key: entry.value for key, entry in (await verbs.entries(TASK)).items()} == {
        "key": "1234567890"
    }


@pytest.mark.parametrize("key", [None, 7, b"bytes"])
async def test_a_key_that_is_no_text_is_refused(verbs: Verbs, key: Any) -> None:
    with pytest.raises(InvalidKeyError, match="A state key is a str, not"):
        await verbs.set(TASK, key, "1")
    with pytest.raises(InvalidKeyError, match="A state key is a str, not"):
        await verbs.get(TASK, key)


@pytest.mark.parametrize("value", [None, 7, b"bytes", {"a": 1}])
async def test_a_value_that_is_no_text_is_refused(verbs: Verbs, value: Any) -> None:
    with pytest.raises(InvalidValueError, match="json.dumps it first"):
        await verbs.set(TASK, "key", value)
    assert await verbs.get(TASK, "key") is None


@pytest.mark.parametrize("deadline", [1_800_000_000, "tomorrow"])
async def test_a_deadline_that_is_no_datetime_is_refused(verbs: Verbs, deadline: Any) -> None:
    with pytest.raises(InvalidValueError, match="expires_at is a datetime or None"):
        await verbs.set(TASK, "key", "1", expires_at=deadline)
    assert await verbs.get(TASK, "key") is None


async def test_one_text_is_not_taken_for_many_keys(verbs: Verbs) -> None:
    with pytest.raises(InvalidKeyError, match="pass a list"):
        await verbs.get_many(TASK, "key")


async def test_every_refusal_is_of_the_one_tree(verbs: Verbs) -> None:
    with pytest.raises(StateStoreError):
        await verbs.get(TaskScope("d", "r", "t", -5, UUID(int=1)), "key")
