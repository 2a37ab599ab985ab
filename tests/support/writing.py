"""Tasks that write on while something else goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from tests.support.waiting import wait_for


@contextmanager
def writing(write: Callable[[int], Any]) -> Iterator[None]:
    """Write on, from before what follows begins until it has ended."""
    stopped, turns = threading.Event(), count()

    def write_on() -> None:
        for turn in turns:
            write(turn)
            done.append(turn)
            if stopped.is_set():
                return

    done: list[int] = []
    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        wait_for(lambda: done, "the first value")
        yield
    finally:
        stopped.set()
        thread.join()
