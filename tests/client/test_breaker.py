"""A server that does not answer: a few calls wait for it, and the others end early."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from pydantic import SecretStr

from redis_state import (
    MisconfiguredError,
    OperationTimeoutError,
    RedisStateBackend,
    RedisWorkerBackend,
    StateStoreError,
    TaskScope,
    UnavailableError,
)
from redis_state.client._sync.client import SyncClient
from redis_state.client.policy import breaker as module
from redis_state.client.policy.attempts import (
    AttemptError,
    BrokenError,
    ExhaustedError,
    LateError,
    NotNowError,
    RedirectedError,
    SilenceError,
    SplitError,
    UnsentError,
)
from redis_state.client.policy.breaker import Breaker, Turn
from redis_state.client.policy.budget import Budget
from redis_state.client.policy.permits import Permit
from redis_state.client.policy.pulse import Pulse
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.format import layout
from redis_state.operations.reads import Get
from redis_state.testing import EmbeddedServer
from tests.client.waiting import PATIENCE, reached, wait_for
from tests.matrix import FIELD_FORM
from tests.support import peers, servers
from tests.support.budgets import budgets_end
from tests.support.clusters import Cluster
from tests.support.freezing import freeze
from tests.support.inside import async_node_of, node_of
from tests.support.methods import MODES
from tests.support.proxy import Proxy
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")
CALLS = 20
MOST = 4
AFTER = 0.5
GRACE = module._GRACE
# Those that try do so until something happens, on a busy machine, too.
LASTING: dict[str, Any] = {"breaker_after": 0.2, "budget": PATIENCE}
FAILED_FAST = "A few calls go on trying, and this one ended at once"

pytestmark = pytest.mark.timeout(60)


class Clock:
    """A time that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Notes:
    """An observer that notes what it is told."""

    def __init__(self) -> None:
        self.states: list[bool] = []
        self.failed_fast_calls = 0
        self.retries = 0

    def retried(self) -> None:
        self.retries += 1

    def failed_fast(self) -> None:
        self.failed_fast_calls += 1

    def breaker_changed(self, *, is_open: bool) -> None:
        self.states.append(is_open)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def pulse() -> Pulse:
    return Pulse()


@pytest.fixture
def breaker(clock: Clock, notes: Notes, pulse: Pulse) -> Breaker:
    return Breaker(AFTER, notes, pulse)


def silence(breaker: Breaker, clock: Clock, seconds: float) -> None:
    """Let an attempt begin now, and come to nothing after so long."""
    begun = clock.now
    clock.now += seconds
    breaker.note(SilenceError("no answer in time"), begun)


def budget_of(clock: Clock, seconds: float = 2.5) -> Budget:
    return Budget(Settings(budget=seconds), clock.now)


def turns_of(breaker: Breaker, clock: Clock, count: int = MOST) -> list[Turn]:
    turns = [Turn() for _ in range(count)]
    for turn in turns:
        assert turn.may_try(breaker, budget_of(clock))
    return turns


def test_it_opens_when_the_server_has_failed_for_so_long(breaker: Breaker, clock: Clock) -> None:
    silence(breaker, clock, AFTER - 0.1)
    assert breaker.is_failing
    assert not breaker.is_open
    silence(breaker, clock, 0.2)
    assert breaker.is_open


def test_one_attempt_that_took_so_long_is_enough(breaker: Breaker, clock: Clock) -> None:
    silence(breaker, clock, AFTER)
    assert breaker.is_open


def test_of_attempts_that_fail_together_the_one_that_began_first_counts(
    breaker: Breaker, clock: Clock
) -> None:
    begun = clock.now
    clock.now += AFTER
    breaker.note(BrokenError("another call had no more time"), begun + 0.1)
    assert not breaker.is_open
    breaker.note(SilenceError("no answer in time"), begun)
    assert breaker.is_open


def test_silence_counts_from_when_the_server_was_last_heard(
    breaker: Breaker, clock: Clock, pulse: Pulse
) -> None:
    begun = clock.now
    for _ in range(10):
        clock.now += AFTER - 0.1
        pulse.heard_at = clock.now - 0.1
        breaker.note(SilenceError("no answer in time"), begun)
        assert not breaker.is_open
    clock.now += AFTER
    breaker.note(SilenceError("no answer in time"), begun)
    assert breaker.is_open


def test_a_connection_that_breaks_counts_from_when_the_server_was_last_heard(
    breaker: Breaker, clock: Clock, pulse: Pulse
) -> None:
    begun = clock.now
    clock.now = pulse.heard_at = clock.now + AFTER
    breaker.note(BrokenError("closed"), begun)
    assert breaker.is_failing
    assert not breaker.is_open


def test_a_server_that_says_again_and_again_that_it_cannot_serve_fails(
    breaker: Breaker, clock: Clock, pulse: Pulse
) -> None:
    for _ in range(2):
        assert not breaker.is_open
        pulse.heard_at = clock.now
        breaker.note(NotNowError("LOADING"), clock.now)
        clock.now += AFTER
    breaker.note(NotNowError("LOADING"), clock.now)
    assert breaker.is_open


@pytest.mark.parametrize("failure", [UnsentError("it waited"), LateError("no answer in time")])
def test_a_call_that_waited_for_others_says_nothing_of_a_server_that_was_heard(
    breaker: Breaker, clock: Clock, pulse: Pulse, failure: AttemptError
) -> None:
    begun = pulse.heard_at = clock.now
    clock.now += 60
    breaker.note(failure, begun)
    assert not breaker.is_failing
    breaker.note(failure, begun + 1)
    assert breaker.is_open


def test_an_answer_in_between_begins_the_count_anew(breaker: Breaker, clock: Clock) -> None:
    silence(breaker, clock, AFTER - 0.1)
    breaker.answered()
    assert not breaker.is_failing
    silence(breaker, clock, AFTER - 0.1)
    assert not breaker.is_open


def test_the_first_answer_closes_it(breaker: Breaker, clock: Clock, notes: Notes) -> None:
    silence(breaker, clock, AFTER)
    silence(breaker, clock, AFTER)
    breaker.answered()
    breaker.answered()
    assert not breaker.is_open
    assert notes.states == [True, False]


@pytest.mark.parametrize("failure", [BrokenError("closed"), NotNowError("LOADING")])
def test_a_server_that_refuses_to_serve_fails_as_well(
    breaker: Breaker, clock: Clock, failure: AttemptError
) -> None:
    breaker.note(failure, clock.now - AFTER)
    assert breaker.is_open


def test_calls_that_wait_for_each_other_say_nothing_of_the_server(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.note(ExhaustedError(), clock.now - 60)
    assert not breaker.is_failing


@pytest.mark.parametrize(
    "failure",
    [RedirectedError("MOVED", 1, Server(), is_asking=False), SplitError("TRYAGAIN")],
    ids=["redirected", "split"],
)
def test_a_node_that_sends_elsewhere_has_answered(
    breaker: Breaker, clock: Clock, failure: AttemptError
) -> None:
    silence(breaker, clock, AFTER)
    breaker.note(failure, clock.now)
    assert not breaker.is_failing
    assert not breaker.is_open


def test_it_never_opens_where_it_is_switched_off(clock: Clock, notes: Notes) -> None:
    breaker = Breaker(0.0, notes, Pulse())
    silence(breaker, clock, 3600)
    assert not breaker.is_open
    assert notes.states == []


def test_without_an_observer_nobody_is_told(clock: Clock) -> None:
    breaker = Breaker(AFTER, None, Pulse())
    silence(breaker, clock, AFTER)
    turns_of(breaker, clock)
    clock.now += GRACE
    with pytest.raises(UnavailableError, match=FAILED_FAST):
        Turn().may_try(breaker, budget_of(clock))
    breaker.answered()
    assert not breaker.is_open


def test_all_may_try_while_it_is_closed(breaker: Breaker, clock: Clock) -> None:
    silence(breaker, clock, AFTER - 0.1)
    assert len(turns_of(breaker, clock, CALLS)) == CALLS


def test_a_few_may_try_and_the_others_wait_a_moment_and_end(
    breaker: Breaker, clock: Clock, notes: Notes
) -> None:
    silence(breaker, clock, AFTER)
    turns = turns_of(breaker, clock)
    fifth, budget = Turn(), budget_of(clock)
    assert not fifth.may_try(breaker, budget)
    clock.now += GRACE - 0.01
    assert not fifth.may_try(breaker, budget)
    clock.now += 0.02
    with pytest.raises(UnavailableError, match=FAILED_FAST) as caught:
        fifth.may_try(breaker, budget)
    assert not isinstance(caught.value, OperationTimeoutError)
    assert notes.failed_fast_calls == 1
    for turn in turns:
        assert turn.may_try(breaker, budget)


def test_what_had_failed_before_is_the_cause_that_is_shown(breaker: Breaker, clock: Clock) -> None:
    silence(breaker, clock, AFTER)
    turns_of(breaker, clock)
    clock.now += GRACE
    budget = budget_of(clock)
    budget.reason = SilenceError("no answer in time")
    with pytest.raises(UnavailableError) as caught:
        Turn().may_try(breaker, budget)
    assert caught.value.__cause__ is budget.reason


def test_who_comes_when_the_moment_is_over_ends_at_once(breaker: Breaker, clock: Clock) -> None:
    silence(breaker, clock, AFTER)
    turns_of(breaker, clock)
    clock.now += GRACE
    with pytest.raises(UnavailableError, match=FAILED_FAST):
        Turn().may_try(breaker, budget_of(clock))


def test_who_waits_does_not_outlast_its_own_budget(breaker: Breaker, clock: Clock) -> None:
    silence(breaker, clock, AFTER)
    turns_of(breaker, clock)
    budget = budget_of(clock, 0.1)
    clock.now += 0.1
    with pytest.raises(UnavailableError, match=FAILED_FAST):
        Turn().may_try(breaker, budget)


def test_the_first_answer_lets_those_go_on_that_wait(breaker: Breaker, clock: Clock) -> None:
    silence(breaker, clock, AFTER)
    turns_of(breaker, clock)
    fifth = Turn()
    assert not fifth.may_try(breaker, budget_of(clock))
    breaker.answered()
    assert fifth.may_try(breaker, budget_of(clock))


def test_who_has_ended_makes_room_for_another(breaker: Breaker, clock: Clock) -> None:
    silence(breaker, clock, AFTER)
    turns = turns_of(breaker, clock)
    clock.now += GRACE
    turns[0].end()
    turns[0].end()
    assert len(turns_of(breaker, clock, 1)) == 1
    with pytest.raises(UnavailableError, match=FAILED_FAST):
        Turn().may_try(breaker, budget_of(clock))


def test_who_goes_on_to_another_node_makes_room_at_the_first(clock: Clock, notes: Notes) -> None:
    one, other = Breaker(AFTER, notes, Pulse()), Breaker(AFTER, notes, Pulse())
    silence(one, clock, AFTER)
    turns = turns_of(one, clock)
    assert turns[0].may_try(other, budget_of(clock))
    assert len(turns_of(one, clock, 1)) == 1
    turns[0].end()


def test_a_server_that_is_asked_no_more_is_no_longer_told_to_fail(
    breaker: Breaker, clock: Clock, notes: Notes
) -> None:
    silence(breaker, clock, AFTER)
    breaker.retire()
    assert notes.states == [True, False]
    # An attempt that was under way comes to its end.
    silence(breaker, clock, 60)
    assert notes.states == [True, False]


# What a blocking call does that stands on a running loop


def late_on_a_loop(breaker: Breaker, clock: Clock, *, attempts: int = 0) -> Callable[[], bool]:
    """Return how a call that begins now, and would hold up a loop, asks whether it may try."""
    budget, turn = budget_of(clock), Turn(is_blocking=True)
    budget.attempts = attempts

    async def asks() -> bool:
        return turn.may_try(breaker, budget)

    return lambda: asyncio.run(asks())


def test_on_a_loop_the_call_that_finds_out_goes_on_trying(breaker: Breaker, clock: Clock) -> None:
    asks = late_on_a_loop(breaker, clock, attempts=1)
    silence(breaker, clock, AFTER)
    assert breaker.is_open
    assert asks()


def test_on_a_loop_the_next_ones_end_at_once(breaker: Breaker, clock: Clock, notes: Notes) -> None:
    silence(breaker, clock, AFTER)
    with pytest.raises(UnavailableError, match=FAILED_FAST):
        late_on_a_loop(breaker, clock)()
    assert notes.failed_fast_calls == 1


def test_on_a_loop_one_tries_once_in_a_while(breaker: Breaker, clock: Clock) -> None:
    silence(breaker, clock, AFTER)
    clock.now += 2.5
    assert late_on_a_loop(breaker, clock)()
    with pytest.raises(UnavailableError, match=FAILED_FAST):
        late_on_a_loop(breaker, clock, attempts=1)()
    silence(breaker, clock, AFTER)
    with pytest.raises(UnavailableError, match=FAILED_FAST):
        late_on_a_loop(breaker, clock)()


def test_on_a_loop_the_first_answer_lets_all_go_on(breaker: Breaker, clock: Clock) -> None:
    silence(breaker, clock, AFTER)
    breaker.answered()
    assert late_on_a_loop(breaker, clock)()


# On real servers


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def running() -> Iterator[EmbeddedServer]:
    with servers.server(FIELD_FORM) as running:
        yield running


async def outcomes(
    backend: RedisStateBackend,
    mode: str,
    calls: int = CALLS,
    scope: TaskScope = TASK,
    ended: list[Any] | None = None,
) -> list[Any]:
    """Make so many reads at once, and return what became of them in the order of their ends."""
    ended = [] if ended is None else ended

    async def read(call: Callable[[], Any]) -> None:
        try:
            ended.append(await call())
        except UnavailableError as error:
            ended.append(error)

    if mode == "async":
        await asyncio.gather(*[read(lambda: backend.aget(scope, "key")) for _ in range(calls)])
        return ended
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(calls) as threads:
        in_thread = [
            read(lambda: loop.run_in_executor(threads, backend.get, scope, "key"))
            for _ in range(calls)
        ]
        await asyncio.gather(*in_thread)
    return ended


async def all_but_a_few_end(
    backend: RedisStateBackend, mode: str, *, few: int = MOST, scope: TaskScope = TASK
) -> asyncio.Task[list[Any]]:
    """Begin a crowd of reads, and return when all have ended but the few that go on trying."""
    ended: list[Any] = []
    crowd = asyncio.create_task(outcomes(backend, mode, CALLS, scope, ended))
    await reached(lambda: len(ended) >= CALLS - few)
    assert not crowd.done()
    for error in ended:
        assert FAILED_FAST in str(error)
        assert not isinstance(error, OperationTimeoutError)
    return crowd


async def all_succeed(
    backend: RedisStateBackend, mode: str, calls: int = CALLS, scope: TaskScope = TASK
) -> None:
    """Call until all succeed: a busy machine may be slow to open the connections of a crowd."""
    async with asyncio.timeout(PATIENCE):
        while await outcomes(backend, mode, calls, scope) != [None] * calls:
            continue


async def breaker_of(backend: RedisStateBackend, mode: str) -> Breaker:
    return (async_node_of if mode == "async" else node_of)(backend).breaker


async def close(backend: RedisStateBackend) -> None:
    await backend.aclose()
    backend.close()


def timed_out(ended: list[Any]) -> list[Any]:
    return [each for each in ended if isinstance(each, OperationTimeoutError)]


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
async def test_a_few_calls_wait_for_a_silent_server_and_the_others_end_before_them(
    running: EmbeddedServer, mode: str, fast_lane: bool, warm: bool
) -> None:
    backend = RedisStateBackend(url=running.url, fast_lane=fast_lane, **LASTING)
    if warm:
        await all_succeed(backend, mode)
    freeze(running)
    crowd = await all_but_a_few_end(backend, mode)
    running.resume()
    ended = await crowd
    assert ended[-MOST:] == [None] * MOST
    for error in ended[:-MOST]:
        assert running.url.removeprefix("unix://") in str(error)
    assert not (await breaker_of(backend, mode)).is_open
    await all_succeed(backend, mode)
    await close(backend)


async def test_of_calls_that_find_the_server_failing_no_more_than_a_few_wait(
    running: EmbeddedServer, mode: str, fast_lane: bool
) -> None:
    backend = RedisStateBackend(
        url=running.url, fast_lane=fast_lane, breaker_after=0.05, budget=PATIENCE
    )
    freeze(running)
    first = await failing(backend, mode)
    crowd = await all_but_a_few_end(backend, mode, few=MOST - 1)
    assert (await breaker_of(backend, mode))._turns.held == MOST
    running.resume()
    ended = await crowd
    assert await first == [None]
    assert ended[1 - MOST :] == [None] * (MOST - 1)
    await close(backend)


async def failing(backend: RedisStateBackend, mode: str) -> asyncio.Task[list[Any]]:
    """Begin a call that waits for a frozen server, and return when the breaker is open."""
    first = asyncio.create_task(outcomes(backend, mode, 1))
    breaker = await breaker_of(backend, mode)
    await reached(lambda: breaker.is_open and breaker._turns.held == 1)
    return first


async def test_it_is_the_same_with_a_server_that_refuses_connections(
    running: EmbeddedServer, mode: str, fast_lane: bool
) -> None:
    backend = RedisStateBackend(url=running.tcp_url, fast_lane=fast_lane, **LASTING)
    running.kill()
    crowd = await all_but_a_few_end(backend, mode)
    running.start()
    assert (await crowd)[-MOST:] == [None] * MOST
    await all_succeed(backend, mode)
    await close(backend)


async def test_a_lone_caller_never_fails_fast(
    running: EmbeddedServer, mode: str, fast_lane: bool
) -> None:
    backend = RedisStateBackend(
        url=running.url, fast_lane=fast_lane, breaker_after=0.05, timeout=0.1, budget=PATIENCE
    )
    breaker = await breaker_of(backend, mode)
    freeze(running)
    for _ in range(2):
        with budgets_end(lambda: breaker.is_open):
            assert len(timed_out(await outcomes(backend, mode, 1))) == 1
    running.resume()
    await all_succeed(backend, mode, 1)
    await close(backend)


async def test_reads_that_hold_up_a_loop_wait_for_a_silent_server_once(
    running: EmbeddedServer, fast_lane: bool
) -> None:
    with closing(RedisWorkerBackend(url=running.url, **PATIENT)) as patient:
        reference = patient.serialize_task_state_store_to_ref(value=1, key="key", scope=TASK)
    # So long after a failure, one tries again.
    worker = RedisWorkerBackend(url=running.url, fast_lane=fast_lane, budget=4.0)

    def read() -> Any:
        try:
            return worker.deserialize_task_state_store_from_ref(reference)
        except UnavailableError as error:
            return error

    wait_for(lambda: read() == 1)
    freeze(running)
    with budgets_end(lambda: node_of(worker).breaker.is_open):
        ended = [read() for _ in range(6)]
    assert timed_out(ended) == ended[:1]
    assert all(FAILED_FAST in str(each) for each in ended[1:])
    running.resume()
    wait_for(lambda: read() == 1)
    assert [read() for _ in range(6)] == [1] * 6
    worker.close()


async def test_it_is_the_same_where_no_node_of_a_cluster_says_who_serves_what(
    running: EmbeddedServer,
) -> None:
    url = f"redis+cluster://127.0.0.1:{running.port}"
    # So long after a failure, one tries again.
    backend = RedisStateBackend(url=url, budget=4.0)
    routes: Any = backend._client._routes

    def read() -> Any:
        try:
            return backend.get(TASK, "key")
        except StateStoreError as error:
            return error

    freeze(running)
    with budgets_end(routes._news.are_overdue):
        ended = [read() for _ in range(6)]
    assert timed_out(ended) == ended[:1]
    assert all(FAILED_FAST in str(each) for each in ended[1:])
    running.resume()
    wait_for(lambda: isinstance(read(), MisconfiguredError))
    backend.close()


async def test_it_is_the_same_where_no_sentinel_answers() -> None:
    with peers.listener(peers.mute) as sentinel:
        backend = RedisStateBackend(
            url=f"redis+sentinel://127.0.0.1:{sentinel}/service", budget=30.0
        )
        for number in range(6):
            with (
                budgets_end(lambda: node_of(backend).breaker.is_open),
                pytest.raises(UnavailableError) as caught,
            ):
                backend.get(TASK, "key")
            assert (FAILED_FAST in str(caught.value)) == (number > 0)
        backend.close()


async def test_a_lone_caller_lives_to_see_the_server_come_back(
    running: EmbeddedServer, mode: str, fast_lane: bool
) -> None:
    backend = RedisStateBackend(
        url=running.url, fast_lane=fast_lane, breaker_after=0.05, budget=PATIENCE
    )
    breaker = await breaker_of(backend, mode)
    freeze(running)
    call = asyncio.create_task(outcomes(backend, mode, 1))
    await reached(lambda: breaker.is_open)
    running.resume()
    assert await call == [None]
    assert not breaker.is_open
    await close(backend)


async def test_connections_that_died_silently_turn_nobody_away(
    running: EmbeddedServer, mode: str, fast_lane: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine may take a while for a new connection; a second dead one takes all the rest.
    monkeypatch.setattr(module, "_GRACE", 25.0)
    long = {"breaker_after": 0.5, "timeout": 30.0, "connect_timeout": 30.0, "budget": 29.0}
    with servers.server(FIELD_FORM) as healthy, Proxy(running.port) as proxy:
        backend = RedisStateBackend(url=proxy.url, fast_lane=fast_lane, **long)
        # A large value takes a connection of the pool, which idles beside the lane from then on.
        large = "x" * 70_000
        if mode == "async":
            await asyncio.gather(*[backend.aset(TASK, str(n), large) for n in range(CALLS)])
        else:
            with ThreadPoolExecutor(CALLS) as threads:
                list(threads.map(lambda n: backend.set(TASK, str(n), large), range(CALLS)))
        await all_succeed(backend, mode)
        freeze(running)
        proxy.retarget(healthy.port)
        assert await outcomes(backend, mode) == [None] * CALLS
        assert not (await breaker_of(backend, mode)).is_open
        await close(backend)


async def test_switched_off_each_call_waits_out_its_budget(
    running: EmbeddedServer, mode: str, fast_lane: bool
) -> None:
    backend = RedisStateBackend(
        url=running.url,
        fast_lane=fast_lane,
        pool_size=CALLS,
        breaker_after=0,
        timeout=0.2,
        budget=0.8,
    )
    freeze(running)
    assert len(timed_out(await outcomes(backend, mode))) == CALLS
    assert not (await breaker_of(backend, mode)).is_open
    await close(backend)


def test_its_state_and_the_calls_that_failed_fast_are_told_to_the_observer(
    running: EmbeddedServer, notes: Notes, fast_lane: bool
) -> None:
    settings = Settings(url=SecretStr(running.url), fast_lane=fast_lane, **LASTING)
    client = SyncClient(settings, notes)

    def read(_: int) -> bool:
        try:
            client.run(Get(layout.place("airflow", TASK), "key"))
        except UnavailableError:
            return False
        return True

    wait_for(lambda: read(0))
    notes.states.clear()
    freeze(running)
    with ThreadPoolExecutor(CALLS) as threads:
        succeeded = threads.map(read, range(CALLS))
        wait_for(lambda: notes.failed_fast_calls == CALLS - MOST)
        assert notes.states == [True]
        running.resume()
        assert sum(succeeded) == MOST
    assert notes.failed_fast_calls == CALLS - MOST
    # A busy machine may be late again with one of the answers.
    assert notes.states[:2] == [True, False]
    assert notes.states[-1] is False
    client.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_begins_without_it(running: EmbeddedServer, fast_lane: bool) -> None:
    backend = RedisStateBackend(url=running.url, fast_lane=fast_lane, **PATIENT)
    assert backend.get(TASK, "key") is None
    breaker = node_of(backend).breaker
    breaker._pulse.heard_at = 0.0
    breaker.note(SilenceError("no answer in time"), time.monotonic() - 60)
    held: list[Permit] = []
    for _ in range(MOST):
        assert breaker.take_turn(held)
    assert breaker.is_open

    def child() -> None:
        assert not node_of(backend).breaker.is_open
        for _ in range(10):
            assert backend.get(TASK, "key") is None

    pid = os.fork()
    if not pid:
        try:
            child()
        except BaseException:  # noqa: BLE001 - a child must never return into the test run
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert breaker.is_open
    for permit in held:
        permit.give_back(permit)
    assert backend.get(TASK, "key") is None
    backend.close()


# In a cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    # Nobody is to take over while a node hangs.
    with Cluster(FIELD_FORM, node_timeout=60_000) as cluster:
        yield cluster


def scope_on(cluster: Cluster, master: Any) -> TaskScope:
    scopes = (TaskScope("dag", "run", f"task {number}") for number in range(1000))
    return next(
        scope for scope in scopes if cluster.owner(layout.place("airflow", scope).page) is master
    )


async def test_a_node_of_a_cluster_that_hangs_leaves_the_slots_of_the_others_alone(
    cluster: Cluster, mode: str, fast_lane: bool
) -> None:
    backend = RedisStateBackend(url=cluster.url, fast_lane=fast_lane, **LASTING)
    hung, *others = cluster.masters
    there, elsewhere = scope_on(cluster, hung), [scope_on(cluster, other) for other in others]
    for scope in (there, *elsewhere):
        await all_succeed(backend, mode, scope=scope)
    freeze(hung)
    try:
        ending = asyncio.create_task(all_but_a_few_end(backend, mode, scope=there))
        while not ending.done():
            for scope in elsewhere:
                assert await outcomes(backend, mode, 1, scope) == [None]
        crowd = await ending
    finally:
        hung.resume()
    assert (await crowd)[-MOST:] == [None] * MOST
    for scope in (there, *elsewhere):
        assert await outcomes(backend, mode, 1, scope) == [None]
        await all_succeed(backend, mode, scope=scope)
    await close(backend)


def test_threads_that_wait_on_the_lane_of_a_hung_node_do_not_hold_up_its_closing(
    cluster: Cluster,
) -> None:
    # Those that wait come to their end by themselves.
    backend = RedisStateBackend(url=cluster.url, breaker_after=0.2, budget=2.0)
    hung = cluster.masters[0]
    scope = scope_on(cluster, hung)

    def succeeds() -> bool:
        try:
            return backend.get(scope, "key") is None
        except UnavailableError:
            return False

    wait_for(succeeds)
    freeze(hung)
    try:
        calls = [threading.Thread(target=_fail, args=(backend, scope)) for _ in range(CALLS)]
        for call in calls:
            call.start()
        backend.close()
        for call in calls:
            call.join(PATIENCE)
            assert not call.is_alive()
    finally:
        hung.resume()
    wait_for(succeeds)
    backend.close()


def _fail(backend: RedisStateBackend, scope: TaskScope) -> None:
    with pytest.raises(UnavailableError):
        backend.get(scope, "key")
