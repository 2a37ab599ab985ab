"""The leak checker itself: it finds each kind of leak, and passes what is explained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from redis_state.format.envelope import encode, now
from redis_state.format.layout import SUMMARY
from redis_state.testing import EmbeddedServer
from tests.matrix import FIELD_FORM
from tests.support.leaks import check_leaks
from tests.support.servers import Servers, raw_client

HOUR_MS = 3_600_000
PERMANENT = encode(b"1", updated_at=now(), expires_at=0)


@pytest.fixture
def raw(servers: Servers) -> Iterator[Any]:
    server: EmbeddedServer = servers[FIELD_FORM]
    client = raw_client(server)
    yield client
    client.close()


@pytest.fixture
def namespace(raw: Any) -> Iterator[str]:
    name = f"leaks-{uuid4().hex[:12]}"
    yield name
    for page in raw.scan_iter(match=f"{name}:*"):
        raw.unlink(page)


@pytest.fixture
def page(namespace: str) -> str:
    return f"{namespace}:t:{{d/r/t}}:-1"


def in_an_hour() -> tuple[int, bytes]:
    deadline = now() // 1000 + HOUR_MS
    return deadline, encode(b"1", updated_at=now(), expires_at=deadline * 1000)


def stranger(raw: Any, page: str) -> None:
    raw.hset(page.replace(":t:", ":x:"), "key", PERMANENT)


def field_without_its_ttl(raw: Any, page: str) -> None:
    raw.hset(page, "key", in_an_hour()[1])


def permanent_field_with_a_ttl(raw: Any, page: str) -> None:
    raw.hset(page, "key", PERMANENT)
    raw.execute_command("HPEXPIRE", page, HOUR_MS, "FIELDS", 1, "key")


def page_with_a_ttl(raw: Any, page: str) -> None:
    raw.hset(page, "key", PERMANENT)
    raw.pexpire(page, HOUR_MS)


def page_with_a_summary(raw: Any, page: str) -> None:
    raw.hset(page, mapping={"key": PERMANENT, SUMMARY: "1"})


def summary_alone(raw: Any, page: str) -> None:
    raw.hset(page, SUMMARY, "1")


def deadline_without_summary(raw: Any, page: str) -> None:
    deadline, envelope = in_an_hour()
    raw.hset(page, "key", envelope)
    raw.pexpireat(page, deadline)


def late_summary(raw: Any, page: str) -> None:
    deadline, envelope = in_an_hour()
    raw.hset(page, mapping={"key": envelope, SUMMARY: str(deadline + HOUR_MS)})
    raw.pexpireat(page, deadline)


def page_without_its_ttl(raw: Any, page: str) -> None:
    deadline, envelope = in_an_hour()
    raw.hset(page, mapping={"key": envelope, SUMMARY: str(deadline)})


def page_that_ends_early(raw: Any, page: str) -> None:
    page_without_its_ttl(raw, page)
    raw.pexpire(page, HOUR_MS // 2)


@pytest.mark.parametrize(
    "leak",
    [
        stranger,
        field_without_its_ttl,
        permanent_field_with_a_ttl,
        page_with_a_ttl,
        page_with_a_summary,
    ],
)
def test_a_leak_in_the_field_form_is_found(
    raw: Any, namespace: str, page: str, leak: Callable[[Any, str], None]
) -> None:
    leak(raw, page)
    with pytest.raises(AssertionError):
        check_leaks(raw, namespace, field_form=True)


@pytest.mark.parametrize(
    "leak",
    [
        stranger,
        page_with_a_ttl,
        summary_alone,
        deadline_without_summary,
        late_summary,
        page_without_its_ttl,
        page_that_ends_early,
    ],
)
def test_a_leak_in_the_hash_form_is_found(
    raw: Any, namespace: str, page: str, leak: Callable[[Any, str], None]
) -> None:
    leak(raw, page)
    with pytest.raises(AssertionError):
        check_leaks(raw, namespace, field_form=False)


@pytest.mark.parametrize("field_form", [True, False])
def test_what_is_explained_passes(raw: Any, namespace: str, page: str, *, field_form: bool) -> None:
    deadline, envelope = in_an_hour()
    raw.hset(page, "permanent", PERMANENT)
    raw.hset(page, "expiring", envelope)
    if field_form:
        raw.execute_command("HPEXPIREAT", page, deadline, "FIELDS", 1, "expiring")
    else:
        raw.hset(page, SUMMARY, str(deadline))
    check_leaks(raw, namespace, field_form=field_form)
