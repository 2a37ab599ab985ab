"""Waits of the client's suite: those of all tests, and one for the lane of threads."""

from __future__ import annotations

import sys
from types import FrameType

from redis_state import RedisStateBackend
from redis_state.client.io import sync_lane
from tests.support.inside import node_of
from tests.support.waiting import PATIENCE, reached, wait_for

__all__ = ["PATIENCE", "on_the_lane", "queued", "reached", "wait_for"]


def on_the_lane() -> int:
    """Count the threads that are in a call of a lane now."""
    return sum(map(_is_on_the_lane, sys._current_frames().values()))


def queued(backend: RedisStateBackend) -> int:
    """Count the calls that stand in the queue of a backend's lane for threads."""
    lane = node_of(backend)._lane
    return len(lane._queue) if lane is not None else 0


def _is_on_the_lane(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == sync_lane.__file__:
            return True
        frame = frame.f_back
    return False
