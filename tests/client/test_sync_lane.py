"""The lane of threads: who sends for whom, and what a short time or a large value does to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from redis_state import RedisStateBackend, TaskScope
from redis_state.client.io import sync_link
from redis_state.client.io.sync_lane import SyncLane
from redis_state.client.policy.attempts import LateError, SilenceError, UnsentError
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.operations.operation import Capabilities
from tests.client.waiting import PATIENCE, on_the_lane, queued, wait_for
from tests.support import peers
from tests.support.peers import Parrot
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")
NAMES = [str(number) for number in range(30)]

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def fast_lane() -> bool:
    return True


@pytest.fixture
def peer() -> Parrot:
    return Parrot()


@pytest.fixture
def port(peer: Parrot) -> Iterator[int]:
    with peers.listener(peer) as port:
        yield port


@pytest.fixture
def parroted(port: int) -> Iterator[RedisStateBackend]:
    backend = RedisStateBackend(url=f"redis://127.0.0.1:{port}", **PATIENT)
    assert backend.get(TASK, "first") == "first"
    yield backend
    backend.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(len(NAMES) + 1) as threads:
        yield threads


@pytest.fixture
def lane(port: int) -> Iterator[SyncLane]:
    server = Server("127.0.0.1", port)
    link = sync_link.open_link(Settings(), server, time.monotonic() + 5)
    lane = SyncLane(link, Capabilities(field_expiry=True, hsetex=True))
    yield lane
    lane.retire()


def hget(name: str) -> bytes:
    return b"*3\r\n$4\r\nHGET\r\n$1\r\np\r\n$%d\r\n%b\r\n" % (len(name), name.encode())


def in_seconds(seconds: float) -> float:
    return time.monotonic() + seconds


def test_calls_made_while_another_is_under_way_leave_in_one_write(
    parroted: RedisStateBackend, peer: Parrot, threads: ThreadPoolExecutor
) -> None:
    with peer.holding(b"HGET"):
        first = threads.submit(parroted.get, TASK, "leads")
        wait_for(lambda: peer.reads()[-1] == [b"leads"])
        others = [threads.submit(parroted.get, TASK, name) for name in NAMES]
        wait_for(lambda: queued(parroted) == len(NAMES))
    assert first.result(PATIENCE) == "leads"
    assert [other.result(PATIENCE) for other in others] == NAMES
    assert sorted(peer.reads()[-1]) == sorted(name.encode() for name in NAMES)
    assert peer.connections == 1


def test_a_call_with_little_time_leaves_the_queue_and_the_others_wait_on(
    lane: SyncLane, peer: Parrot, threads: ThreadPoolExecutor
) -> None:
    with peer.holding(b"HGET"):
        first = threads.submit(lane.exchange, hget("first"), 1, in_seconds(30))
        wait_for(lambda: bool(peer.reads()))
        second = threads.submit(lane.exchange, hget("second"), 1, in_seconds(30))
        wait_for(lambda: on_the_lane() == 2)
        with pytest.raises(LateError):
            lane.exchange(hget("hasty"), 1, in_seconds(0.2))
        assert not first.done()
        assert not second.done()
    for call, name in ((first, b"first"), (second, b"second")):
        assert call.result(PATIENCE)[0].endswith(name)
    assert [b"hasty"] not in peer.reads()


def test_calls_that_queue_behind_one_that_breaks_the_lane_go_another_way(
    lane: SyncLane, peer: Parrot, threads: ThreadPoolExecutor
) -> None:
    with peer.holding(b"HGET"):
        hasty = threads.submit(lane.exchange, hget("hasty"), 1, in_seconds(0.3))
        wait_for(lambda: bool(peer.reads()))
        patient = [threads.submit(lane.exchange, hget(n), 1, in_seconds(30)) for n in NAMES]
        with pytest.raises(SilenceError):
            hasty.result(PATIENCE)
        for call in patient:
            with pytest.raises(UnsentError):
                call.result(PATIENCE)


def test_a_leader_whose_time_is_over_leaves_the_rest_to_the_next(
    lane: SyncLane, peer: Parrot, threads: ThreadPoolExecutor
) -> None:
    hset = b"*4\r\n$4\r\nHSET\r\n$1\r\np\r\n$1\r\nf\r\n$1\r\nv\r\n"
    with peer.holding(b"HSET"):
        with peer.holding(b"HGET", b"HSET"):
            first = threads.submit(lane.exchange, hget("first"), 1, in_seconds(30))
            wait_for(lambda: bool(peer.reads()))
            # It stands first in the queue, so it leads next.
            hasty = threads.submit(lane.exchange, hset, 1, in_seconds(3))
            wait_for(lambda: on_the_lane() == 2)
            names = NAMES[2:]
            others = [threads.submit(lane.exchange, hget(n), 1, in_seconds(30)) for n in names]
            wait_for(lambda: on_the_lane() == 2 + len(names))
        assert first.result(PATIENCE)[0].endswith(b"first")
        with pytest.raises(LateError):
            hasty.result(PATIENCE)
        assert not any(other.done() for other in others)
    for other, name in zip(others, names, strict=True):
        assert other.result(PATIENCE)[0].endswith(name.encode())
    assert lane.exchange(hget("again"), 1, in_seconds(30))[0].endswith(b"again")
    assert peer.connections == 1


def test_a_call_stays_in_the_queue_where_there_is_no_other_way(
    lane: SyncLane, peer: Parrot, threads: ThreadPoolExecutor
) -> None:
    rooms = [0]
    lane._queues, lane._room = 0.1, lambda: rooms[0]
    with peer.holding(b"HGET"):
        first = threads.submit(lane.exchange, hget("first"), 1, in_seconds(30))
        wait_for(lambda: bool(peer.reads()))
        stays = threads.submit(lane.exchange, hget("stays"), 1, in_seconds(30))
        with pytest.raises(LateError):
            lane.exchange(hget("hasty"), 1, in_seconds(0.4))
        assert not stays.done()
        rooms[0] = True
        with pytest.raises(UnsentError):
            stays.result(PATIENCE)
    assert first.result(PATIENCE)[0].endswith(b"first")
    assert lane.failure is None


def test_the_larger_replies_are_the_fewer_calls_leave_together(
    lane: SyncLane, peer: Parrot, threads: ThreadPoolExecutor
) -> None:
    def together(names: list[str]) -> int:
        with peer.holding(b"HGET"):
            calls = [threads.submit(lane.exchange, hget("first"), 1, in_seconds(30))]
            wait_for(lambda: peer.reads()[-1:] == [[b"first"]])
            calls += [threads.submit(lane.exchange, hget(n), 1, in_seconds(30)) for n in names]
            wait_for(lambda: on_the_lane() == len(calls))
        for call in calls:
            call.result(PATIENCE)
        return lane._most

    large = [f"{number:060000}" for number in range(10)]
    # Some of them may be read with the small one before.
    assert together(large) < 200
    assert together(NAMES) == 1_000


def test_a_lone_caller_of_many_busy_ones_is_served_among_them(
    make_backend: Callable[..., RedisStateBackend],
) -> None:
    backend, stop, turns = make_backend(), threading.Event(), [0] * 8

    def keep_busy(number: int) -> None:
        while not stop.is_set() and turns[number] < 20_000:
            backend.get(TASK, str(number))
            turns[number] += 1

    with ThreadPoolExecutor(len(turns)) as busy:
        done = [busy.submit(keep_busy, number) for number in range(len(turns))]
        try:
            wait_for(lambda: min(turns) > 0)
            for turn in range(10):
                backend.set(TASK, "own", str(turn))
                assert backend.get(TASK, "own") == str(turn)
            assert not any(each.done() for each in done)
        finally:
            stop.set()
        assert [each.result(PATIENCE) for each in done] == [None] * len(turns)


def test_no_thread_goes_on_to_serve_the_others_when_its_own_call_is_answered(
    parroted: RedisStateBackend, peer: Parrot, threads: ThreadPoolExecutor
) -> None:
    with peer.holding(b"HSET"):
        with peer.holding(b"HGET", b"HSET"):
            first = threads.submit(parroted.get, TASK, "leads")
            wait_for(lambda: peer.reads()[-1] == [b"leads"])
            waiting = [threads.submit(parroted.set, TASK, name, "1") for name in NAMES]
            wait_for(lambda: on_the_lane() == 1 + len(NAMES))
        assert first.result(PATIENCE) == "leads"
        assert not any(call.done() for call in waiting)
    assert [call.result(PATIENCE) for call in waiting] == [None] * len(NAMES)


def test_a_large_value_takes_a_connection_of_its_own_and_small_ones_pass_it(
    parroted: RedisStateBackend, peer: Parrot, threads: ThreadPoolExecutor
) -> None:
    with peer.holding(b"HSET"):
        large = threads.submit(parroted.set, TASK, "large", "x" * 100_000)
        wait_for(lambda: peer.connections == 2)
        assert [parroted.get(TASK, name) for name in NAMES] == NAMES
        assert not large.done()
    assert large.result(PATIENCE) is None
    assert peer.connections == 2
