"""Rotation: all values of a namespace are encrypted with the newest key, beside their writers.

It goes through the keys of each server and through the fields of each page, and writes a value
only where the bytes that it read still stand; so it may be stopped, resumed or run twice. What is
encrypted with it already is told by the server and never sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from redis_state.admin.steps import Ask, Pause, Steps
from redis_state.config.settings import Settings
from redis_state.errors import MisconfiguredError, StateStoreError, UnavailableError
from redis_state.format import envelope
from redis_state.format.codec import Codec
from redis_state.format.layout import Place
from redis_state.format.pages import locate, read_page
from redis_state.operations.reads import key_of
from redis_state.operations.reencrypt import CountKeys, ReadField, Replace, ScanPages, Survey

# Each time another writer was quicker, the value is read again.
_TRIES = 5
_MOST_PROBLEMS = 100
# How long a server may be away before the rotation gives up, in seconds.
_PATIENCE = 30.0
_PAUSE = 0.5


@dataclass(frozen=True)
class RotationReport:
    """What a rotation found, and what it did; what is left is for the next run, or for you."""

    # Values in all, but for those whose time had come.
    seen: int = 0
    # Encrypted with the newest key before, and now.
    up_to_date: int = 0
    reencrypted: int = 0
    # Still plain, and still under an older key: all where it was a dry run, and else values that
    # changed all the time.
    plain_left: int = 0
    older_left: int = 0
    # References to worker values, which stay plain and hold no value.
    references: int = 0
    # Damaged, not ours, or under a key that is not configured; and why, for the first hundred.
    unreadable: int = 0
    problems: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Tell whether every value is under the newest key: then the older ones may go."""
        return not (self.plain_left or self.older_left or self.unreadable)


class RotationProgress(NamedTuple):
    """About how far a rotation is, and what it has found so far."""

    keys_done: int
    keys_total: int
    report: RotationReport


OnProgress: TypeAlias = Callable[[RotationProgress], None]


class Rotation:
    """One rotation of a namespace."""

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        on_progress: OnProgress | None = None,
        *,
        dry_run: bool = False,
    ) -> None:
        if not codec.newest_key_id:
            raise MisconfiguredError(
                "There is nothing to rotate to: set [redis_state] encryption to airflow or own."
            )
        self._namespace = settings.namespace
        self._codec = codec
        self._on_progress = on_progress
        self._dry_run = dry_run
        self._report = RotationReport()

    def steps(self) -> Steps[RotationReport]:
        """Go through all servers, keys and fields."""
        servers = yield from _answer(Ask())
        total = done = 0
        for server in servers:
            total += yield from _answer(Ask(CountKeys(), server))
        for server in servers:
            cursor = b"0"
            while True:
                scan = ScanPages(self._namespace, cursor)
                cursor, pages = yield from _answer(Ask(scan, server))
                done += scan.COUNT
                for page in pages:
                    yield from self._page(page)
                self._tell(min(done, total), total)
                if cursor == b"0":
                    break
        self._tell(total, total)
        return self._report

    def _page(self, page: bytes) -> Steps[None]:
        if not read_page(self._namespace, page):
            return
        cursor = b"0"
        while True:
            survey = Survey(page.decode(), cursor, self._codec.newest_key_id)
            cursor, up_to_date, references, *others = yield from _answer(Ask(survey))
            seen = up_to_date + references
            self._count(seen=seen, up_to_date=up_to_date, references=references)
            for field in others:
                yield from self._field(page, field)
            if cursor == b"0":
                return

    def _field(self, page: bytes, field: bytes) -> Steps[None]:
        place = locate(self._namespace, page, field)
        if place is None:
            self._count(seen=1, unreadable=1, problems=(f"{page!r} {field!r} is not ours.",))
            return
        old = None
        for _ in range(1 if self._dry_run else _TRIES):
            old = yield from _answer(Ask(ReadField(place.page, field)))
            try:
                if old is None or not self._is_live(old, place):
                    return
                new = self._renewed(place, field, old)
            except StateStoreError as error:
                self._count(seen=1, unreadable=1, problems=(str(error),))
                return
            if new == old:
                self._count(seen=1, up_to_date=1)
                return
            replacing = Replace(place.page, field, old, new)
            if not self._dry_run and (yield from _answer(Ask(replacing))):
                self._count(seen=1, reencrypted=1)
                return
        assert old is not None
        is_plain = not old[0] & envelope.ENCRYPTED
        self._count(seen=1, plain_left=is_plain, older_left=not is_plain)

    def _is_live(self, raw: bytes, place: Place) -> bool:
        return envelope.read_header(raw, place.page, "?").is_live(envelope.now())

    def _renewed(self, place: Place, field: bytes, raw: bytes) -> bytes:
        key = key_of(place, field)
        if key is None:
            raise envelope.corrupt(place.page, field.hex(), "is not ours.")
        return self._codec.reencrypt(raw, place, key)

    def _count(self, problems: tuple[str, ...] = (), **found: int) -> None:
        report = self._report
        sums = {name: getattr(report, name) + number for name, number in found.items()}
        together = (report.problems + problems)[:_MOST_PROBLEMS]
        self._report = replace(report, problems=together, **sums)

    def _tell(self, done: int, total: int) -> None:
        if self._on_progress is not None:
            self._on_progress(RotationProgress(done, total, self._report))


def _answer(question: Ask) -> Steps[Any]:
    """Return the answer, once the server is there."""
    away_since = time.monotonic()
    while True:
        try:
            return (yield question)
        except UnavailableError:
            if time.monotonic() - away_since > _PATIENCE:
                raise
        yield Pause(_PAUSE)
