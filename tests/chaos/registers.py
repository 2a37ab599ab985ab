"""What each key may hold at any moment, checked at each read while the load goes on.

A key has one writer, which makes one change at a time: it writes a value that is written nowhere
else, or takes the value away. So of all that a read can return, this is right:

* a value that was written under that key before the read ended, whose deadline had not passed when
  the read began, and after which no other change was acknowledged before the read began;
* nothing, if the last change that was acknowledged before the read began took the value away or has
  passed its deadline, or if one of the changes under way meanwhile can have done so.

A change that failed may take effect as long as what was sent of it can still be under way. Across
a failover acknowledged changes may be *lost*: Redis answers before its replicas have them. Such
reads are counted apart, and are right only where a failover explains them.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# How long after its call what was sent of a change can take effect, in seconds.
LATEST = 30.0
# The clocks of values and of this process are read one after the other.
SLACK = 0.01
_REMEMBERED = 400
# Of a value that is gone.
GONE = None

PENDING, DONE, FAILED = "pending", "done", "failed"
RIGHT, LOST, WRONG = "right", "lost", "wrong"


@dataclass(eq=False, slots=True)
class Change:
    """One change of one key: when it was called, acknowledged, and ends by itself."""

    value: str | None
    begun: float
    deadline: float = math.inf
    ended: float = math.inf
    state: str = PENDING

    def may_act_until(self) -> float:
        return self.begun + LATEST if self.state == FAILED else self.ended


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a read has shown: whether it was right, why not, and what it did not show."""

    kind: str
    why: str = ""
    missing: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Window:
    """A failover, until the old master is one no more: what is acknowledged before may be lost."""

    begun: float
    ended: float = math.inf


@dataclass(eq=False)
class Register:
    """One key, with its latest changes in the order in which its writer made them."""

    name: str
    changes: deque[Change] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def __post_init__(self) -> None:
        self.changes.append(Change(GONE, -math.inf, ended=-math.inf, state=DONE))

    def judge(
        self, seen: str | None, begun: float, ended: float, windows: Iterable[Window]
    ) -> Verdict:
        """Tell whether a read may have returned what it did."""
        possible = [change for change in self.changes if change.begun <= ended]
        if seen is GONE:
            fitting = [c for c in possible if c.value is GONE or c.deadline <= ended + SLACK]
        else:
            fitting = [c for c in possible if c.value == seen]
            if not fitting:
                return Verdict(WRONG, f"{self.name}: {_brief(seen)} was read, not written there")
            if fitting[0].deadline + SLACK < begun:
                return Verdict(WRONG, f"{self.name}: {_brief(seen)} was read after its deadline")
        newer: list[Change] = []
        for change in fitting:
            newer = self._acknowledged_since(change, begun)
            if not newer:
                return Verdict(RIGHT)
        if not newer:
            newer = [c for c in possible if c.state == DONE and c.ended < begun]
        why = f"{self.name}: {_brief(seen)} was read after {_brief(newer[-1].value)}"
        explained = any(
            newer[0].begun <= window.ended and window.begun <= ended for window in windows
        )
        return Verdict(LOST if explained else WRONG, f"{why} was acknowledged", newer)

    def _acknowledged_since(self, change: Change, begun: float) -> list[Change]:
        """Return the changes that a read from then on must show in the place of this one."""
        end = change.may_act_until()
        return [
            other
            for other in self.changes
            if other.state == DONE and other.begun > end and other.ended < begun
        ]


class Registers:
    """All keys, the failovers so far, and what reads have shown."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registers: dict[str, Register] = {}
        self._windows: list[Window] = []
        self._maybe: Window | None = None
        self._undecided: list[Verdict] = []
        # What goes on, for messages.
        self.phase = ""
        self.lost: set[Change] = set()
        # By what went on when they were missed.
        self.lost_in: Counter[str] = Counter()
        self.wrong: list[str] = []

    def begin(self, name: str, value: str | None, begun: float, deadline: float) -> Change:
        """Note a change before it is sent."""
        change = Change(value, begun, deadline)
        with self._lock:
            self._register(name).changes.append(change)
        return change

    def end(self, change: Change, ended: float, *, failed: bool) -> None:
        """Note its answer."""
        with self._lock:
            if not failed:
                change.ended = ended
            change.state = FAILED if failed else DONE

    def read(self, name: str, seen: str | None, begun: float, ended: float) -> None:
        """Judge what a read has returned."""
        with self._lock:
            register = self._register(name)
            verdict = register.judge(seen, begun, ended, self._windows)
            if verdict.kind == WRONG and self._maybe is not None:
                perhaps = register.judge(seen, begun, ended, [self._maybe])
                if perhaps.kind == LOST:
                    self._undecided.append(perhaps)
                    return
            self._take(verdict, verdict.kind)

    @contextmanager
    def perhaps_a_failover(self, happened: Callable[[], bool]) -> Iterator[None]:
        """Within the block there may be a failover, also one that nobody asked for."""
        with self._lock:
            self._maybe = Window(time.monotonic())
        try:
            yield
        finally:
            confirmed = happened()
            with self._lock:
                window, self._maybe = self._maybe, None
                if confirmed and window is not None:
                    self._windows.append(Window(window.begun, time.monotonic()))
                for verdict in self._undecided:
                    self._take(verdict, LOST if confirmed else WRONG)
                self._undecided.clear()

    def _take(self, verdict: Verdict, kind: str) -> None:
        if kind == WRONG:
            self.wrong.append(f"{verdict.why} ({self.phase})")
        elif kind == LOST:
            new = set(verdict.missing) - self.lost
            self.lost |= new
            if new:
                self.lost_in[self.phase.rpartition(",")[0]] += len(new)

    def _register(self, name: str) -> Register:
        if name not in self._registers:
            self._registers[name] = Register(name)
        return self._registers[name]


def _brief(value: str | None) -> str:
    return repr(value.rstrip()) if value is not None else "nothing"
