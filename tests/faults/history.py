"""What concurrent clients did and saw, and whether a store that keeps its promise could show that.

The promise, for each key by itself:

* On one node, with one writer at a time: the key is a *linearizable* register. Each write that was
  acknowledged takes effect at one moment between its call and its answer, each read returns the
  value of that moment. A write that failed may take effect at one moment after its call, or never;
  it may do so long after its error, because what was sent may still be under way. `linearizability`
  checks this. A write that the client tries again may take effect twice within its call, which only
  other writers of the same key at the same time can tell: for these the next holds, and
  `test_retries` shows it.
* Always, and with any number of writers: a read returns a value that was written under that very
  key before the read ended, and not an *older* one: no write was acknowledged before the read began
  that itself began when the write of the returned value had been answered. `broken_promises`.
* Across a failover the last part does not hold: Redis answers a write before its replicas have it.
  Such values are *lost*: they are counted, and told apart from what no failover explains.

What is not promised: that a network which holds bytes back for longer than an attempt delivers them
never. A write whose first attempt arrives after its second one was acknowledged takes effect again,
over what was written in between.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

READ, WRITE = "read", "write"
OK, UNKNOWN = "ok", "unknown"
NEVER_ANSWERED = math.inf
BEFORE_ALL = -math.inf
# From, until, and the value that was there.
Zone: TypeAlias = tuple[float, float, str | None]
# What a key holds before its first write.
ABSENT = None


@dataclass(frozen=True, slots=True)
class Event:
    """One operation: what it wrote or saw, and when it was called and answered."""

    kind: str
    key: str
    value: str | None
    begun: float
    ended: float
    outcome: str = OK
    error: str = ""
    took: float = 0.0

    @property
    def is_write(self) -> bool:
        return self.kind == WRITE


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a history shows: what nothing explains, and what only a failover does."""

    broken: list[str] = field(default_factory=list)
    lost: list[Event] = field(default_factory=list)


class History:
    """Records the operations of any number of threads and tasks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self.failovers: list[tuple[float, float]] = []

    @property
    def events(self) -> list[Event]:
        with self._lock:
            return list(self._events)

    def begin(self, kind: str, key: str, value: str | None = None) -> Callable[..., Event]:
        """Note a call; what is returned notes its answer, or its error."""
        begun = time.monotonic()

        def end(seen: str | None = value, error: BaseException | None = None) -> Event:
            now = time.monotonic()
            fate: dict[str, Any] = {"ended": now, "took": now - begun}
            if error is not None:
                ended = NEVER_ANSWERED if kind == WRITE else now
                fate |= {"ended": ended, "outcome": UNKNOWN, "error": type(error).__name__}
            event = Event(kind, key, seen, begun, **fate)
            with self._lock:
                self._events.append(event)
            return event

        return end

    def acknowledged(self) -> dict[str, Event]:
        """Return the last acknowledged write of each key."""
        writes = [event for event in self.events if event.is_write and event.outcome == OK]
        return {event.key: event for event in sorted(writes, key=lambda event: event.ended)}

    def errors(self) -> dict[str, int]:
        counts: dict[str, int] = defaultdict(int)
        for event in self.events:
            if event.error:
                counts[event.error] += 1
        return dict(counts)


def linearizability(events: Iterable[Event]) -> list[str]:
    """Tell which keys no order of single moments explains, in n log n; values are unique.

    After Gibbons and Korach (Testing shared memories, 1997): all that wrote or saw a value is its
    *cluster*, whose *zone* lies between its first answer and its last call. A zone whose first
    answer comes before the last call is *forward*: the value was there all that time. The others
    are *backward*: a moment anywhere in it will do. An order exists if and only if no read came
    before its write, no two forward zones overlap, and no backward zone lies within a forward one.
    """
    problems = []
    for key, own in _by_key(events).items():
        problems += [f"{key}: {problem}" for problem in _check_register(own)]
    return problems


def broken_promises(
    events: Iterable[Event], failovers: Sequence[tuple[float, float]] = ()
) -> Verdict:
    """Tell which reads the weaker promise does not allow; see this module."""
    all_events, verdict = list(events), Verdict()
    homes = {event.value: event.key for event in all_events if event.is_write}
    lost: dict[tuple[str, str | None], Event] = {}
    for own in _by_key(all_events).values():
        writes = _writes(own)
        answered = _Answered(writes.values())
        for read in own:
            if read.is_write or read.outcome != OK:
                continue
            write = writes.get(read.value)
            if write is None or write.begun > read.ended:
                verdict.broken.append(_foreign(read, write, homes))
                continue
            newer = answered.between(write.ended, read.begun)
            if newer and _explained(newer, read, failovers):
                lost |= {(each.key, each.value): each for each in newer}
            elif newer:
                verdict.broken.append(
                    f"{read.key}: read {read.value!r} after {newer[-1].value!r} was acknowledged"
                )
    verdict.lost.extend(lost.values())
    return verdict


def _by_key(events: Iterable[Event]) -> dict[str, list[Event]]:
    grouped: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        grouped[event.key].append(event)
    return grouped


def _writes(events: Iterable[Event]) -> dict[str | None, Event]:
    found: dict[str | None, Event] = {ABSENT: Event(WRITE, "", ABSENT, BEFORE_ALL, BEFORE_ALL)}
    for event in events:
        if event.is_write:
            assert event.value not in found, f"{event.value!r} was written twice"
            found[event.value] = event
    return found


def _check_register(events: list[Event]) -> list[str]:
    writes, clusters = _writes(events), defaultdict[str | None, list[Event]](list)
    for event in events:
        if not event.is_write and event.outcome == OK:
            clusters[event.value].append(event)
    problems: list[str] = []
    forward: list[Zone] = []
    backward: list[Zone] = []
    for value, write in writes.items():
        cluster = [write, *clusters.pop(value, [])]
        if len(cluster) == 1 and write.ended == NEVER_ANSWERED:
            continue  # nobody can tell whether it took effect
        if any(event.ended < write.begun for event in cluster):
            problems.append(f"{value!r} was read before it was written")
        first, last = min(e.ended for e in cluster), max(e.begun for e in cluster)
        (forward if first < last else backward).append((min(first, last), max(first, last), value))
    problems += [f"{value!r} was read and never written" for value in clusters]
    return problems + _overlaps(sorted(forward, key=lambda zone: zone[:2]), backward)


def _overlaps(forward: list[Zone], backward: list[Zone]) -> list[str]:
    problems = [
        f"{one!r} and {other!r} were both there"
        for (_, end, one), (begin, _, other) in pairwise(forward)
        if begin < end
    ]
    position = 0
    reach: tuple[float, str | None] = (BEFORE_ALL, ABSENT)
    for begin, end, value in sorted(backward, key=lambda zone: zone[:2]):
        while position < len(forward) and forward[position][0] < begin:
            reach = max(reach, forward[position][1:], key=lambda zone: zone[0])
            position += 1
        if end < reach[0]:
            problems.append(f"{value!r} was there while {reach[1]!r} was")
    return problems


def _foreign(read: Event, write: Event | None, homes: dict[str | None, str]) -> str:
    if write is not None:
        return f"{read.key}: read {read.value!r} before it was written"
    if read.value in homes:
        return f"{read.key}: read {read.value!r}, which is of {homes[read.value]}"
    return f"{read.key}: read {read.value!r}, which nobody wrote"


class _Answered:
    """The acknowledged writes of a key, in the order of their answers."""

    def __init__(self, writes: Iterable[Event]) -> None:
        known = (write for write in writes if write.ended < NEVER_ANSWERED)
        self._writes = sorted(known, key=lambda write: write.ended)
        self._ends = [write.ended for write in self._writes]
        self._latest_begun = list(accumulate((write.begun for write in self._writes), max))

    def between(self, begin: float, end: float) -> list[Event]:
        """Return the writes that were wholly in between."""
        count = bisect_left(self._ends, end)
        if not count or self._latest_begun[count - 1] <= begin:
            return []
        return [write for write in self._writes[:count] if write.begun > begin]


def _explained(newer: list[Event], read: Event, failovers: Sequence[tuple[float, float]]) -> bool:
    # A failover may lose what was acknowledged before it ended.
    return all(
        any(each.begun <= end and begin <= read.ended for begin, end in failovers) for each in newer
    )
