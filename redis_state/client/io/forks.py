"""What a process does about all that it has from the one that it was forked from."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

# By what is to be told, for as long as it lives. Let go of by calls of C: an interruption inside of
# a callback in Python, as a WeakSet has, would be lost.
_told: dict[weakref.ref[Any], Callable[[Any], object]] = {}


def tell(owner: T, method: Callable[[T], object]) -> None:
    """Call a method of ``owner`` in each process that is forked from this one."""
    _told[weakref.ref(owner, _told.pop)] = method


def _after_fork_in_child() -> None:
    # Connections, which are opened last, before those who hold them.
    for reference, method in reversed(_told.copy().items()):
        owner = reference()
        if owner is not None:
            method(owner)


os.register_at_fork(after_in_child=_after_fork_in_child)
