"""A short soak finds nothing, and one whose reads lie is found out."""

from __future__ import annotations

from typing import Any

import pytest

from redis_state.operations.reads import Get
from tests.chaos.soak import Report, soak
from tests.matrix import ONE_OF_EACH_FORM


def run(server: str, seconds: float = 3.0) -> Report:
    return soak("standalone", 7, seconds, server, print, only="kill")


@pytest.mark.parametrize("server", ONE_OF_EACH_FORM)
def test_a_short_soak_keeps_all_promises(server: str) -> None:
    report = run(server)
    assert report.violations == []
    assert report.faults
    assert {"get", "set", "entries", "get_many"} <= report.operations.keys()


def test_a_store_that_loses_values_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    end, reads = Get.end, iter(range(10**9))

    def forget(self: Get, replies: Any) -> str | None:
        return end(self, replies) if next(reads) % 5 else None

    monkeypatch.setattr(Get, "end", forget)
    assert any("nothing was read after" in each for each in run("valkey91", 1.0).violations)


def test_a_store_that_shows_what_was_there_before_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end, first = Get.end, dict[tuple[str, str], str | None]()

    def remember(self: Get, replies: Any) -> str | None:
        return first.setdefault((self.page, self._key), end(self, replies))

    monkeypatch.setattr(Get, "end", remember)
    assert any("was read after" in each for each in run("valkey91", 1.0).violations)
