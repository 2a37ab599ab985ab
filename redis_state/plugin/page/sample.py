"""A survey of many tasks or assets, which ends when it has taken long enough."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from redis_state.admin.survey import NOTED, Noted, Survey
from redis_state.plugin.answers import backend

T = TypeVar("T")
# Somebody waits for it.
_ENOUGH_SECONDS = 3.0


class Surveyed(NamedTuple, Generic[T]):
    """One of many, and what it keeps."""

    of: T
    survey: Survey


@dataclass(frozen=True)
class Sample(Generic[T]):
    """Those that keep anything, and the most notable values of all of them."""

    surveyed: list[Surveyed[T]]
    looked_at: int
    is_whole: bool

    @property
    def biggest(self) -> list[tuple[T, Noted]]:
        """The biggest values that were met."""
        all_of_them = [(each.of, noted) for each in self.surveyed for noted in each.survey.biggest]
        return sorted(all_of_them, key=lambda each: -each[1].size)[:NOTED]

    @property
    def permanent(self) -> list[tuple[T, Noted]]:
        """Some of the permanent values that were met: of each, the first."""
        firsts = [(each.of, noted) for each in self.surveyed for noted in each.survey.permanent[:1]]
        return firsts[:NOTED]


async def take(many: Iterable[tuple[T, Any, Any]]) -> Sample[T]:
    """Look at each, with its scope and what is known of its run."""
    surveyed: list[Surveyed[T]] = []
    looked_at, end = 0, time.monotonic() + _ENOUGH_SECONDS
    for of, scope, session in many:
        if time.monotonic() > end:
            return Sample(surveyed, looked_at, is_whole=False)
        found = await backend().asurvey(scope, session=session)
        looked_at += 1
        if found.total.keys or found.unreadable:
            surveyed.append(Surveyed(of, found))
    return Sample(surveyed, looked_at, is_whole=True)
