"""Where an operation goes: redirected, around a cluster with sick nodes, by what sentinels say."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest
from hiredis import Reader
from pydantic import SecretStr

from redis_state import (
    MisconfiguredError,
    OperationTimeoutError,
    RedisStateBackend,
    TaskScope,
    UnavailableError,
)
from redis_state.client._sync.client import SyncClient
from redis_state.client.io import async_opening, sync_link
from redis_state.client.policy.attempts import SilenceError
from redis_state.client.policy.slots import SLOTS, SlotMap, slot_of
from redis_state.config.settings import Settings, load
from redis_state.config.url import Server
from redis_state.format import layout
from redis_state.operations.reads import Get
from redis_state.testing import EmbeddedServer
from tests.matrix import FIELD_FORM
from tests.support import peers, servers
from tests.support.budgets import few_attempts
from tests.support.clusters import Cluster
from tests.support.freezing import frozen
from tests.support.methods import MODES, Methods
from tests.support.nodes import Node
from tests.support.ports import Ports
from tests.support.replicated import SERVICE, Replicated, SentinelTrio
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")
PAGE = layout.place("airflow", TASK).page
HOST = "127.0.0.1"
# Of what times out, whatever else happens.
BUDGET = 1.0
# Where nobody listens.
NOWHERE = f"{HOST}:1"
# So many slots that each master of a small cluster has some of their pages.
TASKS = [TaskScope("dag", "run", f"task {number}") for number in range(12)]

Make: TypeAlias = Callable[..., Methods]
Commands: TypeAlias = dict[bytes, Callable[[list[bytes]], bytes]]

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(params=MODES)
def methods_at(request: pytest.FixtureRequest, fast_lane: bool) -> Make:
    def make(url: str, **options: Any) -> Methods:
        defaults = PATIENT | {"fast_lane": fast_lane}
        return Methods(RedisStateBackend(url=url, **(defaults | options)), request.param)

    return make


async def close(methods: Methods) -> None:
    await methods.backend.aclose()
    methods.backend.close()


async def fails(methods: Methods, error: type[Exception], says: str) -> BaseException:
    with few_attempts(), pytest.raises(error, match=says) as caught:
        await methods.get(TASK, "key")
    await close(methods)
    return caught.value


class Script:
    """A peer that has an answer to some commands, and notes all that it gets."""

    def __init__(self, commands: Commands) -> None:
        self.commands = commands
        self.got: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        reader = Reader(notEnoughData=None)
        while data := connection.recv(65_536):
            reader.feed(data)
            for command in iter(reader.gets, None):
                self.got.append(command[0])
                answer = self.commands.get(command[0], lambda _: b"+OK\r\n")
                connection.sendall(answer(command))


ABLE = b"*2\r\n*1\r\n:1\r\n*1\r\n:1\r\n"
NO_VALUE = b"$-1\r\n"


def always(reply: bytes) -> Callable[[list[bytes]], bytes]:
    return lambda _: reply


def all_slots(port: int, host: bytes = HOST.encode()) -> bytes:
    """Say that one node has all the slots."""
    master = b"*3\r\n$%d\r\n%b\r\n:%d\r\n$2\r\nid\r\n" % (len(host), host, port)
    return b"*1\r\n*3\r\n:0\r\n:%d\r\n" % (SLOTS - 1) + master


def moved(port: int, kind: bytes = b"MOVED") -> bytes:
    return b"-%b %d %b:%d\r\n" % (kind, slot_of(PAGE), HOST.encode(), port)


@pytest.fixture
def script() -> Script:
    return Script({b"COMMAND": always(ABLE), b"HGET": always(NO_VALUE)})


@pytest.fixture
def port(script: Script) -> Iterator[int]:
    with peers.listener(script) as port:
        script.commands[b"CLUSTER"] = always(all_slots(port))
        yield port


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    # Nobody is to take over while a node hangs.
    with Cluster(FIELD_FORM, node_timeout=15_000) as cluster:
        yield cluster


@pytest.fixture
def trio() -> Iterator[SentinelTrio]:
    with SentinelTrio(FIELD_FORM, down_after=15_000) as trio:
        yield trio


# Slots and redirections


def test_a_page_lies_in_the_slot_that_the_server_says(cluster: Cluster) -> None:
    node = cluster.nodes[0]
    scopes = [
        TaskScope(dag, run, task, index)
        for dag in ("dag", "d/a:g", "{dag}", "}d{", "дag", "d\ng")
        for run in ("run", "scheduled__2026-01-01T00:00:00+00:00")
        for task in ("task", "t}a{s}k")
        for index in (-1, 0, 5, 200)
    ]
    for payloads in (False, True):
        for scope in scopes:
            page = layout.place("air:flow", scope, of_worker=payloads).page
            assert slot_of(page) == node.ask("CLUSTER", "KEYSLOT", page), page


async def test_nodes_that_redirect_to_each_other_end_with_the_budget(
    methods_at: Make, script: Script, port: int
) -> None:
    other = Script({b"COMMAND": always(ABLE), b"HGET": always(moved(port))})
    with peers.listener(other) as elsewhere:
        script.commands[b"HGET"] = always(moved(elsewhere))
        error = await fails(
            methods_at(f"redis+cluster://{HOST}:{port}"),
            UnavailableError,
            "could not be used within the budget.*MOVED",
        )
    assert not isinstance(error, OperationTimeoutError)
    assert other.got.count(b"HGET") > 1


async def test_a_node_that_asks_to_ask_itself_for_ever_ends_with_the_budget(
    methods_at: Make, script: Script, port: int
) -> None:
    script.commands[b"HGET"] = always(moved(port, b"ASK"))
    methods = methods_at(f"redis+cluster://{HOST}:{port}")
    await fails(methods, UnavailableError, "could not be used within the budget.*ASK")
    assert script.got.count(b"ASKING") > 1


async def test_a_slot_that_moves_on_is_found_again_and_remembered(
    methods_at: Make, script: Script, port: int
) -> None:
    other = Script({b"COMMAND": always(ABLE), b"HGET": always(NO_VALUE)})
    with peers.listener(other) as elsewhere:
        script.commands[b"HGET"] = always(moved(elsewhere))
        methods = methods_at(f"redis+cluster://{HOST}:{port}")
        for _ in range(3):
            assert await methods.get(TASK, "key") is None
        await close(methods)
    assert (script.got.count(b"HGET"), other.got.count(b"HGET")) == (1, 3)


async def test_a_redirection_to_where_nobody_is_ends_with_the_budget(
    methods_at: Make, script: Script, port: int
) -> None:
    script.commands[b"HGET"] = always(moved(1))
    methods = methods_at(f"redis+cluster://{HOST}:{port}")
    await fails(methods, UnavailableError, f"Nothing listens at {HOST}:1: .*it is one of")


async def test_a_redirection_that_cannot_be_read_ends_with_the_budget(
    methods_at: Make, script: Script, port: int
) -> None:
    script.commands[b"HGET"] = always(b"-MOVED to another place\r\n")
    methods = methods_at(f"redis+cluster://{HOST}:{port}")
    await fails(methods, UnavailableError, "within the budget.*MOVED to another place")


@pytest.mark.parametrize("host", [b"", b"?"])
async def test_a_node_that_does_not_know_its_address_is_where_it_was_asked(
    methods_at: Make, script: Script, port: int, host: bytes
) -> None:
    script.commands[b"CLUSTER"] = always(all_slots(port, host))
    methods = methods_at(f"redis+cluster://{HOST}:{port}")
    assert await methods.get(TASK, "key") is None
    await close(methods)


async def test_a_url_of_one_server_that_meets_a_cluster_is_told_the_other_form(
    methods_at: Make, cluster: Cluster
) -> None:
    stranger = next(node for node in cluster.masters if node is not cluster.owner(PAGE))
    methods = methods_at(f"redis://{stranger.address}")
    await fails(methods, MisconfiguredError, r"node of a cluster: write redis\+cluster://.*MOVED")


async def test_a_url_of_a_cluster_that_meets_one_server_is_told_the_other_form(
    methods_at: Make,
) -> None:
    with servers.server(FIELD_FORM) as running:
        methods = methods_at(f"redis+cluster://{HOST}:{running.port}")
        await fails(methods, MisconfiguredError, "is no node of a cluster: write redis://")


async def test_a_cluster_that_serves_no_slot_is_unavailable(methods_at: Make) -> None:
    ports = Ports()
    with Node(FIELD_FORM, ports.take(), "--cluster-enabled", "yes") as alone:
        methods = methods_at(f"redis+cluster://{alone.address}")
        await fails(methods, UnavailableError, "within the budget")
    ports.close()


# Strangers

REFUSES = r"^\[redis_state\] allowed_hosts lacks 127\.0\.0\.2, where .* sends to: add it"


@pytest.fixture
def stranger() -> Iterator[tuple[str, Script]]:
    """Give the address of a server that is not allowed, and what it gets."""
    script = Script({b"COMMAND": always(ABLE), b"HGET": always(NO_VALUE)})
    with peers.listener(script, "127.0.0.2") as port:
        script.commands[b"CLUSTER"] = always(all_slots(port, b"127.0.0.2"))
        yield f"127.0.0.2:{port}", script


def guarded(methods_at: Make, url: str) -> Methods:
    return methods_at(url, allowed_hosts=f"{HOST}/32", username="user", password="secret")


@pytest.mark.parametrize("kind", ["MOVED", "ASK"])
async def test_a_redirection_to_a_stranger_is_not_followed(
    methods_at: Make, script: Script, port: int, stranger: tuple[str, Script], kind: str
) -> None:
    address, theirs = stranger
    script.commands[b"HGET"] = always(f"-{kind} {slot_of(PAGE)} {address}\r\n".encode())
    methods = guarded(methods_at, f"redis+cluster://localhost:{port}")
    for _ in range(2):
        with pytest.raises(MisconfiguredError, match=REFUSES):
            await methods.get(TASK, "key")
    assert b"AUTH" in script.got
    assert theirs.got == []
    script.commands[b"HGET"] = always(NO_VALUE)
    assert await methods.get(TASK, "key") is None
    await close(methods)


async def test_a_map_with_strangers_is_not_followed_and_asked_for_again(
    methods_at: Make, script: Script, port: int, stranger: tuple[str, Script]
) -> None:
    address, theirs = stranger
    script.commands[b"CLUSTER"] = theirs.commands[b"CLUSTER"]
    methods = guarded(methods_at, f"redis+cluster://{HOST}:{port}")
    with pytest.raises(MisconfiguredError, match=REFUSES):
        await methods.get(TASK, "key")
    health = await methods._call("health")
    assert address in str(health)
    script.commands[b"CLUSTER"] = always(all_slots(port))
    await asyncio.sleep(0.11)
    assert await methods.get(TASK, "key") is None
    assert theirs.got == []
    await close(methods)


async def test_a_master_that_is_a_stranger_is_passed_over_and_told(
    methods_at: Make, script: Script, port: int, stranger: tuple[str, Script]
) -> None:
    address, theirs = stranger
    _, number = address.split(":")
    script.commands[b"SENTINEL"] = always(
        b"*2\r\n$9\r\n127.0.0.2\r\n$%d\r\n%b\r\n" % (len(number), number.encode())
    )
    methods = guarded(methods_at, f"redis+sentinel://{HOST}:{port}/{SERVICE}")
    with pytest.raises(MisconfiguredError, match=REFUSES):
        await methods.get(TASK, "key")
    await close(methods)
    with Replicated(FIELD_FORM) as pair:
        well = Script({b"SENTINEL": always(naming(pair.master))})
        with peers.listener(well) as other:
            url = f"redis+sentinel://{HOST}:{port},{HOST}:{other}/{SERVICE}"
            methods = methods_at(url, allowed_hosts=f"{HOST}/32")
            assert await methods.get(TASK, "key") is None
            await close(methods)
    assert theirs.got == []


async def test_nothing_else_connects_to_a_stranger_either(stranger: tuple[str, Script]) -> None:
    address, theirs = stranger
    settings = load(allowed_hosts="state.example", password="secret")
    server, deadline = Server("127.0.0.2", int(address.rpartition(":")[2])), time.monotonic() + 10
    with pytest.raises(MisconfiguredError, match="allowed_hosts lacks 127"):
        sync_link.open_link(settings, server, deadline)
    with pytest.raises(MisconfiguredError, match="allowed_hosts lacks 127"):
        await async_opening.open_link(settings, server, deadline)
    assert theirs.got == []


async def test_without_a_list_a_stranger_gets_the_password(
    methods_at: Make, script: Script, port: int, stranger: tuple[str, Script]
) -> None:
    address, theirs = stranger
    script.commands[b"HGET"] = always(f"-MOVED {slot_of(PAGE)} {address}\r\n".encode())
    methods = methods_at(f"redis+cluster://{HOST}:{port}", username="user", password="secret")
    assert await methods.get(TASK, "key") is None
    assert b"AUTH" in theirs.got
    await close(methods)


# A cluster with sick nodes


async def works_everywhere(methods: Methods) -> None:
    for scope in TASKS:
        await methods.set(scope, "key", "1")
        assert await methods.get(scope, "key") == "1"


async def test_a_cluster_is_found_by_any_of_its_nodes(methods_at: Make, cluster: Cluster) -> None:
    for node in cluster.nodes:
        methods = methods_at(f"redis+cluster://{node.address}")
        await works_everywhere(methods)
        await close(methods)


async def test_a_seed_that_is_down_is_passed_over(methods_at: Make, cluster: Cluster) -> None:
    methods = methods_at(f"redis+cluster://{NOWHERE},{cluster.nodes[0].address}")
    await works_everywhere(methods)
    await close(methods)


async def test_seeds_that_hang_are_passed_over(methods_at: Make, cluster: Cluster) -> None:
    with ExitStack() as stack:
        mute = [stack.enter_context(peers.listener(peers.mute)) for _ in range(2)]
        seeds = ",".join([*(f"{HOST}:{port}" for port in mute), cluster.nodes[0].address])
        methods = methods_at(f"redis+cluster://{seeds}")
        await works_everywhere(methods)
        await close(methods)


async def test_seeds_that_are_all_down_are_unavailable_and_named(methods_at: Make) -> None:
    methods = methods_at(f"redis+cluster://{NOWHERE},{HOST}:2")
    says = f"Nothing listens at {HOST}:.*it is one of {NOWHERE},{HOST}:2"
    error = await fails(methods, UnavailableError, says)
    assert not isinstance(error, OperationTimeoutError)


async def test_seeds_that_all_hang_are_a_timeout(methods_at: Make) -> None:
    with peers.listener(peers.mute) as one, peers.listener(peers.mute) as other:
        methods = methods_at(f"redis+cluster://{HOST}:{one},{HOST}:{other}", budget=BUDGET)
        await fails(methods, OperationTimeoutError, "did not answer within the budget")


async def test_a_node_that_hangs_costs_its_own_slots_alone(
    methods_at: Make, cluster: Cluster
) -> None:
    hung = cluster.owner(PAGE)
    with frozen(hung):
        methods = methods_at(cluster.url)
        hasty = methods_at(cluster.url, budget=BUDGET)
        await fails(hasty, OperationTimeoutError, "did not answer within")
        for scope in TASKS:
            if cluster_owner(cluster, scope, hung) is not hung:
                await methods.set(scope, "key", "2")
                assert await methods.get(scope, "key") == "2"
    await works_everywhere(methods)
    await close(methods)


def cluster_owner(cluster: Cluster, scope: TaskScope, hung: Node) -> Node:
    """Return the master of a scope, as a node says that does not hang."""
    slot = slot_of(layout.place("airflow", scope).page)
    asked = next(node for node in cluster.nodes if node is not hung)
    for first, last, (_, port, *_), *_ in asked.ask("CLUSTER", "SLOTS"):
        if first <= slot <= last:
            return next(node for node in cluster.nodes if node.port == port)
    raise AssertionError(f"nobody has the slot {slot}")


class Notes:
    """An observer that notes how the breakers change."""

    def __init__(self) -> None:
        self.states: list[bool] = []

    def retried(self) -> None: ...
    def failed_fast(self) -> None: ...
    def breaker_changed(self, *, is_open: bool) -> None:
        self.states.append(is_open)


async def test_the_breaker_of_a_master_that_is_no_more_does_not_stay_open(
    cluster: Cluster, fast_lane: bool
) -> None:
    notes, find = Notes(), Get(layout.place("airflow", TASK), "key")
    settings = Settings(url=SecretStr(cluster.url), fast_lane=fast_lane, **PATIENT)
    client = SyncClient(settings, notes)
    client.run(find)
    routes: Any = client._routes
    node = routes.known(find)
    # As if nothing had been heard of it for long.
    node._pulse.heard_at = 0.0
    node.breaker.note(SilenceError("no answer in time"), 0.0)
    assert notes.states == [True]
    masters = routes._map.masters()
    (successor, *_) = [master for master in masters if routes._nodes.get(master) is not node]
    routes._map = SlotMap([successor] * SLOTS)
    routes._let_go_of_strangers()
    assert notes.states == [True, False]
    # A call that was under way there comes to its end.
    node.breaker.note(SilenceError("no answer in time"), 0.0)
    assert notes.states == [True, False]
    client.close()


# Sentinels


@pytest.fixture
def pair() -> Iterator[Replicated]:
    with Replicated(FIELD_FORM) as pair:
        yield pair


def naming(node: EmbeddedServer) -> bytes:
    port = str(node.port).encode()
    return b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%b\r\n" % (len(port), port)


async def test_the_master_is_who_the_sentinels_say(methods_at: Make, trio: SentinelTrio) -> None:
    methods = methods_at(trio.url)
    await methods.set(TASK, "key", "1")
    assert trio.master.ask("HLEN", PAGE) == 1
    await close(methods)


async def test_a_sentinel_that_hangs_and_one_that_is_down_are_passed_over(
    methods_at: Make, trio: SentinelTrio
) -> None:
    well = trio.sentinels[0].address
    with peers.listener(peers.mute) as hung:
        methods = methods_at(f"redis+sentinel://{HOST}:{hung},{NOWHERE},{well}/{SERVICE}")
        await methods.set(TASK, "key", "1")
        assert await methods.get(TASK, "key") == "1"
        await close(methods)


async def test_one_of_many_sentinels_that_is_well_is_found(
    methods_at: Make, trio: SentinelTrio
) -> None:
    with ExitStack() as stack:
        hung = [stack.enter_context(peers.listener(peers.mute)) for _ in range(5)]
        where = ",".join([*(f"{HOST}:{port}" for port in hung), trio.sentinels[0].address])
        methods = methods_at(f"redis+sentinel://{where}/{SERVICE}")
        await methods.set(TASK, "key", "1")
        await close(methods)


async def test_a_service_that_no_sentinel_knows_is_a_misconfiguration(
    methods_at: Make, trio: SentinelTrio
) -> None:
    url = trio.url.replace(f"/{SERVICE}/", "/other/")
    await fails(methods_at(url), MisconfiguredError, "No sentinel of .* knows .* 'other'")


async def test_sentinels_that_are_all_down_are_unavailable_and_named(methods_at: Make) -> None:
    methods = methods_at(f"redis+sentinel://{NOWHERE},{HOST}:2/{SERVICE}")
    says = f"Nothing listens at {HOST}:.*it is one of {NOWHERE},{HOST}:2/{SERVICE}/0"
    assert not isinstance(await fails(methods, UnavailableError, says), OperationTimeoutError)


async def test_sentinels_that_all_hang_are_a_timeout(methods_at: Make) -> None:
    with peers.listener(peers.mute) as hung:
        methods = methods_at(f"redis+sentinel://{HOST}:{hung}/{SERVICE}", budget=BUDGET)
        await fails(methods, OperationTimeoutError, "did not answer within the budget")


async def test_sentinels_that_name_a_replica_are_asked_again_until_they_name_the_master(
    methods_at: Make, pair: Replicated
) -> None:
    (replica,), master = pair.replicas, pair.master
    named = [replica, replica, master]

    def next_one(_: list[bytes]) -> bytes:
        return naming(named.pop(0) if len(named) > 1 else named[0])

    with peers.listener(Script({b"SENTINEL": next_one})) as sentinel:
        methods = methods_at(f"redis+sentinel://{HOST}:{sentinel}/{SERVICE}")
        # A replica would answer a read, too, and perhaps with what is long gone.
        assert await methods.get(TASK, "key") is None
        assert named == [master]
        await methods.set(TASK, "key", "1")
        await close(methods)


async def test_sentinels_that_go_on_naming_a_replica_are_unavailable(
    methods_at: Make, pair: Replicated
) -> None:
    (replica,) = pair.replicas
    with peers.listener(Script({b"SENTINEL": always(naming(replica))})) as sentinel:
        methods = methods_at(f"redis+sentinel://{HOST}:{sentinel}/{SERVICE}")
        await fails(methods, UnavailableError, f"{replica.address} is no master any more")


async def test_a_sentinel_that_refuses_is_passed_over(methods_at: Make, trio: SentinelTrio) -> None:
    refusal = always(b"-IDONTKNOW I have enough to do\r\n")
    with peers.listener(Script({b"SENTINEL": refusal})) as sentinel:
        well = trio.sentinels[0].address
        methods = methods_at(f"redis+sentinel://{HOST}:{sentinel},{well}/{SERVICE}")
        await methods.set(TASK, "key", "1")
        await close(methods)


async def test_sentinels_that_ask_for_a_password_are_told_with_the_remedy(methods_at: Make) -> None:
    refusal = always(b"-NOAUTH Authentication required.\r\n")
    with peers.listener(Script({b"SENTINEL": refusal})) as sentinel:
        methods = methods_at(f"redis+sentinel://{HOST}:{sentinel}/{SERVICE}")
        await fails(methods, UnavailableError, r"NOAUTH .*; set \[redis_state\] sentinel_password")
        await close(methods)
