"""Interrupting a thread in a call, as Ctrl-C does: the others get their replies and no others."""

from __future__ import annotations

import gc
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from redis_state import RedisStateBackend, TaskScope
from tests.client import interrupting
from tests.client.waiting import PATIENCE, on_the_lane, wait_for
from tests.support import peers
from tests.support.peers import Parrot
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")
NAMES = [str(number) for number in range(30)]

# Unmeasured, for it could interrupt the measuring where that holds a lock.
pytestmark = [pytest.mark.timeout(60), pytest.mark.unmeasured]


class InterruptionError(BaseException):
    pass


class Interrupter:
    """Interrupts the main thread, where that has allowed it, once for each time."""

    def __init__(self) -> None:
        self._allowed = threading.Event()

    def interrupt(self) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    def handle(self, *_: object) -> None:
        if self._allowed.is_set():
            self._allowed.clear()
            raise InterruptionError

    def wait_for_it(self, act: Callable[[], bool]) -> None:
        """Act until it comes, which a destructor may swallow."""
        with suppress(InterruptionError):
            self._allowed.set()
            while self._allowed.is_set():
                assert act()

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Allow one interruption, which ends the block."""
        self._allowed.set()
        try:
            yield
        except InterruptionError:
            return
        finally:
            self._allowed.clear()
        pytest.fail("it was not interrupted")


@pytest.fixture
def interrupter() -> Iterator[Interrupter]:
    interrupter = Interrupter()
    before = signal.signal(signal.SIGUSR1, interrupter.handle)
    yield interrupter
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def peer() -> Parrot:
    return Parrot()


@pytest.fixture
def parroted(peer: Parrot) -> Iterator[RedisStateBackend]:
    with peers.listener(peer) as port:
        backend = RedisStateBackend(url=f"redis://127.0.0.1:{port}", **PATIENT)
        assert backend.get(TASK, "first") == "first"
        yield backend
        backend.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(len(NAMES) + 1) as threads:
        yield threads


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    acting = threading.Thread(target=act)
    acting.start()
    try:
        yield
    finally:
        acting.join()


def test_an_interrupted_leader_leaves_the_others_to_succeed(
    parroted: RedisStateBackend,
    peer: Parrot,
    threads: ThreadPoolExecutor,
    interrupter: Interrupter,
) -> None:
    others: list[Future[str | None]] = []

    def join_and_interrupt() -> None:
        wait_for(lambda: peer.reads()[-1] == [b"leads"])
        others.extend(threads.submit(parroted.get, TASK, name) for name in NAMES)
        wait_for(lambda: on_the_lane() == 1 + len(NAMES))
        interrupter.interrupt()

    with peer.holding(b"HGET"), meanwhile(join_and_interrupt), interrupter.expected():
        parroted.get(TASK, "leads")
    assert [other.result(PATIENCE) for other in others] == NAMES
    assert [parroted.get(TASK, name) for name in NAMES] == NAMES


def test_an_interrupted_waiter_leaves_the_others_to_succeed_on_the_same_connection(
    parroted: RedisStateBackend,
    peer: Parrot,
    threads: ThreadPoolExecutor,
    interrupter: Interrupter,
) -> None:
    others: list[Future[str | None]] = []

    def join_and_interrupt() -> None:
        wait_for(lambda: on_the_lane() == 2)
        others.extend(threads.submit(parroted.get, TASK, name) for name in NAMES)
        wait_for(lambda: on_the_lane() == 2 + len(NAMES))
        interrupter.interrupt()

    with peer.holding(b"HGET"):
        leading = threads.submit(parroted.get, TASK, "leads")
        wait_for(lambda: peer.reads()[-1] == [b"leads"])
        with meanwhile(join_and_interrupt), interrupter.expected():
            parroted.get(TASK, "waits")
    assert leading.result(PATIENCE) == "leads"
    assert [other.result(PATIENCE) for other in others] == NAMES
    assert [parroted.get(TASK, name) for name in NAMES] == NAMES
    assert peer.connections == 1


# Busy threads leave little of Python's one lock to the main thread, which alone can be interrupted.
@pytest.mark.timeout(200)
# What is interrupted while it connects leaves its socket to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interruptions_at_any_moment_neither_hang_nor_mix_up_the_others(
    make_backend: Callable[..., RedisStateBackend], interrupter: Interrupter
) -> None:
    backend = make_backend(budget=20.0, timeout=2.0)
    stop, moments = threading.Event(), random.Random(7)
    backend.set_many(TASK, {name: name for name in NAMES})

    def keep_busy(name: str) -> None:
        while not stop.is_set():
            assert backend.get(TASK, name) == name

    def interrupt_now_and_then() -> None:
        while not stop.wait(moments.random() * 0.004):
            interrupter.interrupt()

    with ThreadPoolExecutor(5) as others:
        busy = [others.submit(keep_busy, name) for name in NAMES[:4]]
        busy.append(others.submit(interrupt_now_and_then))
        try:
            for _ in range(30):
                interrupter.wait_for_it(lambda: backend.get(TASK, "29") == "29")
        finally:
            stop.set()
        assert [each.result(PATIENCE) for each in busy] == [None] * len(busy)
    assert [backend.get(TASK, name) for name in NAMES] == NAMES
    backend.close()
    gc.collect()


PACKS = """
import signal
from redis_state.client.policy import packing

class InterruptionError(BaseException):
    pass

def interrupt(*_):
    raise InterruptionError

signal.signal(signal.SIGALRM, interrupt)
for number in range(100):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005 + number * 1e-6)
        while True:
            packing.pack([("DEL", *range(2000))])
    except InterruptionError:
        pass
"""


def test_an_interruption_while_a_command_is_packed_does_not_end_the_process() -> None:
    subprocess.run([sys.executable, "-c", PACKS], check=True, timeout=50)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("path", interrupting.PATHS)
def test_interruptions_cost_neither_the_pool_nor_the_lane_nor_the_time_limits(path: str) -> None:
    # By themselves in a process, which may hang; ten thousand of them are in `make test-slow`.
    command = [sys.executable, "-m", "tests.client.interrupting", path, "--times", "400"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert run.returncode == 0, run.stdout + run.stderr
