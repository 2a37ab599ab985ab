"""What comes from elsewhere is written where none is there or an older value, with its times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from redis_state import RedisStateBackend, TaskScope
from redis_state.format import envelope
from redis_state.operations.copying import Copied, Copy, CopyValues, Discard, ReadFields
from redis_state.operations.operation import Operation
from tests.matrix import ONE_OF_EACH_FORM
from tests.support.steps import Steps

NOW = envelope.now() // 1000 * 1000
HOUR = 3_600_000_000
OLD, SAME, NEW = (envelope.encode(b"1", NOW + by, NOW + HOUR) for by in (-1000, 0, 1000))


@pytest.fixture(params=ONE_OF_EACH_FORM)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(namespace: str) -> str:
    return f"{namespace}:t:{{dag/run/task}}:-1"


@pytest.fixture
def take(raw: redis.Redis, has_field_expiry: bool) -> Callable[[Operation[Any]], Any]:
    return Steps(raw, field_expiry=has_field_expiry).take


def test_a_value_is_written_over_an_older_one_and_over_none(page: str, take: Any) -> None:
    copies = [Copy(b"a", SAME), Copy(b"b", OLD)]
    assert take(CopyValues(page, copies)) == [Copied.WRITTEN, Copied.WRITTEN]
    copies = [Copy(b"a", NEW), Copy(b"b", OLD), Copy(b"c", NEW)]
    assert take(CopyValues(page, copies)) == [Copied.WRITTEN, Copied.SAME, Copied.WRITTEN]
    assert take(ReadFields(page, [b"a", b"b", b"c", b"d"])) == [NEW, OLD, NEW, None]


@pytest.mark.parametrize("hours", [(1, 2), (2, 1), (1, 0), (0, 1), (2, 1, 3)])
def test_values_that_are_written_together_expire_each_at_its_own_time(
    page: str, take: Any, hours: tuple[int, ...]
) -> None:
    # The namespace is looked through after the test: each deadline has to be the server's, too.
    take(CopyValues(page, [Copy(b"0", envelope.encode(b"old", NOW - 1, NOW + 5 * HOUR))]))
    copies = [
        Copy(b"%d" % number, envelope.encode(b"1", NOW, (NOW + each * HOUR) * bool(each)))
        for number, each in enumerate(hours)
    ]
    assert set(take(CopyValues(page, copies))) == {Copied.WRITTEN}


def test_a_newer_value_stays(page: str, take: Any) -> None:
    take(CopyValues(page, [Copy(b"a", NEW)]))
    assert take(CopyValues(page, [Copy(b"a", SAME)])) == [Copied.NEWER]
    assert take(ReadFields(page, [b"a"])) == [NEW]


def test_moments_are_compared_as_numbers(page: str, take: Any) -> None:
    # Each of their bytes matters, and none as a letter of some language.
    moments = [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000, 2**32 - 1, 2**32, 2**40, 2**47]
    for moment in moments:
        value = envelope.encode(b"1", moment * 1000, 0)
        assert take(CopyValues(page, [Copy(b"a", value)])) == [Copied.WRITTEN]
    for moment in moments[:-1]:
        value = envelope.encode(b"1", moment * 1000, 0)
        assert take(CopyValues(page, [Copy(b"a", value)])) == [Copied.NEWER]
    take(Discard(page, [(b"a", envelope.encode(b"", moments[-1] * 1000, 0))]))


def test_another_value_of_the_same_moment_is_left_to_who_knows_better(page: str, take: Any) -> None:
    other = envelope.encode(b"2", NOW, NOW + HOUR)
    take(CopyValues(page, [Copy(b"a", SAME)]))
    assert take(CopyValues(page, [Copy(b"a", other)])) == [Copied.SAME_TIME]
    assert take(CopyValues(page, [Copy(b"a", other, replaced=NEW)])) == [Copied.SAME_TIME]
    assert take(CopyValues(page, [Copy(b"a", other, replaced=SAME)])) == [Copied.WRITTEN]


def test_bytes_that_are_not_ours_stay(page: str, take: Any, raw: redis.Redis) -> None:
    raw.hset(page, "a", "foreign bytes, longer than a header is")
    assert take(CopyValues(page, [Copy(b"a", NEW)])) == [Copied.FOREIGN]
    raw.unlink(page)


def test_a_value_is_removed_if_it_is_the_one_that_was_seen(page: str, take: Any) -> None:
    take(CopyValues(page, [Copy(b"a", SAME), Copy(b"b", NEW), Copy(b"c", NEW)]))
    compressed = envelope.encode(b"", NOW, NOW + HOUR, flags=envelope.COMPRESSED)
    assert take(Discard(page, [(b"a", compressed), (b"b", SAME), (b"none", SAME)])) == 1
    assert take(ReadFields(page, [b"a", b"b", b"c"])) == [None, NEW, NEW]


def test_what_is_copied_is_as_if_it_had_been_set(
    backend: RedisStateBackend, page: str, take: Any
) -> None:
    scope = TaskScope("dag", "run", "task")
    take(CopyValues(page, [Copy(b"a", envelope.encode(b"1", NOW, NOW + HOUR + 1))]))
    entry = backend.entries(scope)["a"]
    assert (entry.value, entry.updated_at) == ("1", envelope.to_datetime(NOW))
    assert entry.expires_at == envelope.to_datetime(NOW + HOUR + 1)
