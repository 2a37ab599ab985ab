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
from tests.support.methods import Methods

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
@pytest.mark.parametrize("method", ["get", "set", "delete", "clear", "entries"])
async def test_an_unusable_scope_is_refused(
    methods: Methods, method: str, scope: Any, says: str
) -> None:
    arguments = {"get": ("key",), "set": ("key", "1"), "delete": ("key",)}.get(method, ())
    with pytest.raises(InvalidScopeError, match=says) as caught:
        await getattr(methods, method)(scope, *arguments)
    assert isinstance(caught.value, ValueError)


def test_an_empty_asset_scope_is_refused_at_once() -> None:
    with pytest.raises(InvalidScopeError, match="asset_id, a name or a uri"):
        AssetScope()


async def test_a_key_beyond_the_limit_is_refused(methods: Methods) -> None:
    await methods.set(TASK, "x" * 512, "1")
    with pytest.raises(InvalidKeyError, match="513 characters.*512.*max_key_chars"):
        await methods.set(TASK, "x" * 513, "1")
    with pytest.raises(InvalidKeyError):
        await methods.get(TASK, "x" * 513)
    assert list(await methods.entries(TASK)) == ["x" * 512]


async def test_a_value_beyond_the_limit_is_refused(methods_with: Any) -> None:
    methods = methods_with(max_value_bytes=10)
    await methods.set(TASK, "key", "1234567890")
    with pytest.raises(TooLargeError, match="11 bytes.*10.*max_value_bytes"):
        await methods.set(TASK, "key", "12345678901")
    with pytest.raises(TooLargeError):
        await methods.set_many(TASK, {"other": "1", "key": "caf\u00e9" * 3})
    assert {key: entry.value for key, entry in (await methods.entries(TASK)).items()} == {
        "key": "1234567890"
    }


@pytest.mark.parametrize("key", [None, 7, b"bytes"])
async def test_a_key_that_is_no_text_is_refused(methods: Methods, key: Any) -> None:
    with pytest.raises(InvalidKeyError, match="A state key is a str, not"):
        await methods.set(TASK, key, "1")
    with pytest.raises(InvalidKeyError, match="A state key is a str, not"):
        await methods.get(TASK, key)


@pytest.mark.parametrize("value", [None, 7, b"bytes", {"a": 1}])
async def test_a_value_that_is_no_text_is_refused(methods: Methods, value: Any) -> None:
    with pytest.raises(InvalidValueError, match="json.dumps it first"):
        await methods.set(TASK, "key", value)
    assert await methods.get(TASK, "key") is None


@pytest.mark.parametrize("deadline", [1_800_000_000, "tomorrow"])
async def test_a_deadline_that_is_no_datetime_is_refused(methods: Methods, deadline: Any) -> None:
    with pytest.raises(InvalidValueError, match="expires_at is a datetime or None"):
        await methods.set(TASK, "key", "1", expires_at=deadline)
    assert await methods.get(TASK, "key") is None


async def test_one_text_is_not_taken_for_many_keys(methods: Methods) -> None:
    with pytest.raises(InvalidKeyError, match="pass a list"):
        await methods.get_many(TASK, "key")


async def test_every_refusal_is_of_the_one_tree(methods: Methods) -> None:
    with pytest.raises(StateStoreError):
        await methods.get(TaskScope("d", "r", "t", -5, UUID(int=1)), "key")
