"""What a health check finds on real servers, in both modes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from redis_state import RedisStateBackend, RedisWorkerBackend, TaskScope, UnavailableError
from redis_state.admin.health import Finding, Health, types
from redis_state.testing import EmbeddedServer
from tests import matrix
from tests.client.waiting import wait_for
from tests.support import peers
from tests.support import servers as known
from tests.support.clusters import Cluster
from tests.support.freezing import freeze
from tests.support.methods import MODES
from tests.support.replicated import SERVICE, SentinelTrio
from tests.support.rights import documented
from tests.support.topologies import Deployments
from tests.support.waiting import PATIENT

PASSWORD = "a-password-that-is-told-to-nobody"
# For what is not to answer, whatever else happens.
HASTY: dict[str, Any] = {"budget": 0.3, "timeout": 0.3, "connect_timeout": 0.3}
# What the documentation grants an ACL user, and which of it is for what alone.
RULES = [rule for rule in documented("airflow-state") if rule.startswith("+")]
FIELD_COMMANDS = ("+hpexpireat", "+hsetex")
GUARD = ("+client|info", "+client|kill")

Look = Callable[..., Awaitable[Health]]
Start = Callable[..., EmbeddedServer]


@pytest.fixture(params=MODES)
def look(request: pytest.FixtureRequest) -> Look:
    async def look(url: str, kind: Any = RedisStateBackend, **options: Any) -> Health:
        backend = kind(**({"url": url, "namespace": "here"} | PATIENT | options))
        if request.param == "sync":
            health: Health = backend.health()
        else:
            health = await backend.ahealth()
            await backend.aclose()
        backend.close()
        return health

    return look


@pytest.fixture
def start(server_name: str) -> Iterator[Start]:
    """Start a server that the test may spoil."""
    with ExitStack() as stack:

        def start(*options: str, name: str = server_name) -> EmbeddedServer:
            server = known.server(name, "--repl-diskless-sync-delay", "0", *options)
            stack.enter_context(server)
            # It would take its time to save, or to bring its replicas up to date.
            stack.callback(server.kill)
            return server

        yield start


def ask(server: EmbeddedServer, *command: Any) -> Any:
    with known.raw_client(server) as client:
        client.response_callbacks.clear()
        return client.execute_command(*command)


def told(server: EmbeddedServer, name: str) -> str:
    lines = ask(server, "INFO").decode().splitlines()
    return next((line.partition(":")[2] for line in lines if line.startswith(f"{name}:")), "")


def found(health: Health, name: str, subject: str | None = None) -> Finding:
    fitting = [each for each in health.findings if each.name == name]
    return next(each for each in fitting if subject in (None, each.subject))


def not_ok(health: Health) -> dict[str, str]:
    return {each.name: each.verdict for each in health.findings if each.verdict != "ok"}


def obey(server: EmbeddedServer, remedy: str) -> None:
    line = re.search(r"ACL SETUSER \S+( [~+]\S+)+", remedy)
    assert line is not None, remedy
    ask(server, *line[0].split())


@pytest.mark.parametrize("name", matrix.SERVERS)
async def test_a_server_that_is_well_gets_no_advice(look: Look, start: Start, name: str) -> None:
    server = start("--appendonly", "yes", name=name)
    health = await look(server.tcp_url)
    assert health.verdict == "ok", str(health)
    assert {each.subject for each in health.findings} == {f"127.0.0.1:{server.port}"}
    assert not any(each.remedy for each in health.findings)
    assert found(health, "version").found == {
        "redis62": "Redis 6.2.14",
        "redis82": "Redis 8.2.3",
        "valkey81": "Valkey 8.1.8",
        "valkey91": "Valkey 9.1.2",
    }.get(name, found(health, "version").found)
    form = "field" if name in matrix.FIELD_EXPIRY else "hash"
    assert found(health, "expiry").found.startswith(f"the {form} form")


async def test_looking_changes_nothing(look: Look, start: Start) -> None:
    server = start()
    await look(server.url)
    assert ask(server, "DBSIZE") == 0


async def test_state_without_persistence_is_said_to_end_with_the_server(
    look: Look, start: Start
) -> None:
    health = await look(start().url)
    assert not_ok(health) == {"persistence": "warning"}
    assert "gone after a restart" in found(health, "persistence").found


async def test_the_remedy_against_no_persistence_is_one(look: Look, start: Start) -> None:
    server = start()
    remedy = found(await look(server.url), "persistence").remedy
    ask(server, *remedy.partition(",")[0].split())
    assert found(await look(server.url), "persistence").verdict == "ok"


async def test_snapshots_are_said_to_lose_what_came_since(look: Look, start: Start) -> None:
    server = start("--save", "3600", "1000")
    ask(server, "SET", "something", "else")
    finding = found(await look(server.url), "persistence")
    assert finding.verdict == "ok"
    assert finding.found.startswith("snapshots only")
    assert finding.found.endswith("1 changes since")


async def test_a_server_that_cannot_save_is_a_failure(
    look: Look, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    server = start("--save", "3600", "1000", "--dir", str(tmp_path / "data"))
    shutil.rmtree(tmp_path / "data")
    ask(server, "BGSAVE")
    wait_for(lambda: told(server, "rdb_last_bgsave_status") == "err")
    health = await look(server.url)
    assert not_ok(health) == {"persistence": "failure", "writes": "failure"}
    assert found(health, "persistence").found == "failing: the last snapshot"
    assert "MISCONF" in found(health, "writes").found


async def test_eviction_of_everything_is_a_failure_where_memory_is_limited(
    look: Look, start: Start
) -> None:
    server = start("--maxmemory-policy", "allkeys-lru")
    assert found(await look(server.url), "eviction").verdict == "warning"
    ask(server, "CONFIG", "SET", "maxmemory", "1gb")
    finding = found(await look(server.url), "eviction")
    assert finding.verdict == "failure"
    assert "allkeys-lru" in finding.found
    ask(server, *finding.remedy.partition(",")[0].split())
    assert found(await look(server.url), "eviction").verdict == "ok"


async def test_eviction_of_what_expires_is_a_failure_in_the_hash_form(
    look: Look, start: Start, server_name: str
) -> None:
    server = start("--maxmemory", "1gb", "--maxmemory-policy", "volatile-lru")
    expected = "warning" if server_name in matrix.FIELD_EXPIRY else "failure"
    assert found(await look(server.url), "eviction").verdict == expected


async def test_what_an_evicting_server_has_removed_is_told(look: Look, start: Start) -> None:
    server = start("--maxmemory", "16mb", "--maxmemory-policy", "allkeys-lru")
    assert found(await look(server.url), "losses").verdict == "ok"
    for number in range(20):
        ask(server, "SET", f"filler-{number}", b"x" * 1_000_000)
    finding = found(await look(server.url), "losses")
    assert finding.verdict == "warning"
    assert f"{told(server, 'evicted_keys')} keys were evicted" in finding.found
    assert finding.remedy.startswith("CONFIG SET maxmemory-policy noeviction")


async def test_writes_that_a_full_server_has_rejected_are_told(look: Look, start: Start) -> None:
    server = start("--maxmemory", "1")
    with pytest.raises(redis.ResponseError, match="maxmemory"):
        ask(server, "SET", "filler", "x")
    finding = found(await look(server.url), "losses")
    assert finding.verdict == "warning"
    assert "no keys were evicted, and writes rejected: 1 by OOM" in finding.found


async def test_a_key_of_another_type_is_named_with_what_to_do(look: Look, start: Start) -> None:
    server = start("--appendonly", "yes")
    pages = ["here:t:{dag/run/task}:-1", "here:a:{id:1}"]
    ask(server, "SET", "here:of-a-program-that-disturbs-nobody", "text")
    ask(server, "HSET", pages[1], "field", "text")
    assert not_ok(await look(server.url)) == {}
    ask(server, "RPUSH", pages[0], "text")
    finding = found(await look(server.url), "types")
    assert finding.verdict == "failure"
    assert finding.found.startswith(f"{pages[0]} is a list, not a hash: it is not redis-state's")
    assert finding.remedy.endswith("delete that key.")
    ask(server, "UNLINK", pages[0])
    assert not_ok(await look(server.url)) == {}


@pytest.mark.parametrize(("after", "is_met"), [(4, True), (24, False)], ids=["soon", "too-late"])
async def test_so_many_keys_are_looked_at_for_one_of_another_type(
    look: Look, start: Start, monkeypatch: pytest.MonkeyPatch, after: int, is_met: bool
) -> None:
    monkeypatch.setattr(types, "_KEYS_TO_A_LOOK", 100)
    server = start()
    with closing(redis.Redis.from_url(server.url)) as raw:
        raw.mset({f"elsewhere:{number}": "text" for number in range(3000)})
        pages = {f"here:a:{{id:{number}}}": "text" for number in range(300)}
        raw.mset(pages)
        # Those that the first looks meet go, so that one of the others is met first.
        cursor = 0
        for _ in range(after):
            answer: Any = raw.scan(cursor, count=100)
            cursor, met = answer
            raw.unlink("nothing", *(key for key in met if key.startswith(b"here:")))
        findings = [each for each in (await look(server.url)).findings if each.name == "types"]
    assert [each.verdict for each in findings] == (["failure"] if is_met else [])


async def test_who_may_not_ask_for_evictions_is_told_what_to_grant(
    look: Look, start: Start, server_name: str
) -> None:
    server = start("--maxmemory-policy", "allkeys-lru")
    add_user(server, "~here:*", *minimal(server_name))
    options = {"username": "bob", "password": PASSWORD}
    health = await look(server.url, **options)
    for name in ("eviction", "losses"):
        assert found(health, name).verdict == "unknown"
    obey(server, found(health, "losses").remedy)
    health = await look(server.url, **options)
    # INFO tells both; CONFIG is not needed for it.
    assert found(health, "eviction").verdict == "warning"
    assert found(health, "losses").verdict == "ok"


@pytest.mark.parametrize("name", matrix.FIELD_EXPIRY)
def test_the_field_form_loses_nothing_to_eviction_of_what_expires(start: Start, name: str) -> None:
    server = start("--maxmemory", "16mb", "--maxmemory-policy", "volatile-ttl", name=name)
    with (
        closing(RedisStateBackend(url=server.url, **PATIENT)) as backend,
        pytest.raises(UnavailableError, match="maxmemory"),
    ):
        fill(backend)
    assert told(server, "evicted_keys") == "0"
    assert ask(server, "DBSIZE") >= 5


async def test_memory_that_is_nearly_used_up_is_a_warning_then_a_failure(
    look: Look, start: Start
) -> None:
    server = start("--appendonly", "yes")
    ask(server, "SET", "something", b"x" * 20_000_000)
    used = int(told(server, "used_memory"))
    ask(server, "CONFIG", "SET", "maxmemory", used * 100 // 92)
    assert not_ok(await look(server.url)) == {"memory": "warning"}
    ask(server, "CONFIG", "SET", "maxmemory", used // 2)
    health = await look(server.url)
    assert not_ok(health) == {"memory": "failure", "writes": "failure"}
    assert "OOM" in found(health, "writes").found


async def test_a_replica_is_looked_at_as_well(look: Look, start: Start) -> None:
    master = start("--appendonly", "yes")
    replica = start("--appendonly", "yes", *follow(master))
    wait_for(lambda: "state=online" in told(master, "slave0"))
    wait_for(lambda: told(replica, "master_link_status") == "up")
    health = await look(master.tcp_url)
    assert health.verdict == "ok", str(health)
    assert found(health, "replicas").found == "1 of 1 keep up"
    where = f"127.0.0.1:{replica.port}"
    assert found(health, "replication", where).found.startswith("online")
    assert found(health, "role", where).found == f"a replica of 127.0.0.1:{master.port}"
    assert found(health, "link", where).verdict == "ok"
    assert found(health, "permissions", where).verdict == "ok"


async def test_a_replica_that_falls_behind_is_a_warning(look: Look, start: Start) -> None:
    master = start()
    # Whoever wants to talk to the replica meets one that hangs up, so that nothing waits for it.
    with peers.listener(peers.hang_up) as port:
        replica = start(*follow(master), "--replica-announce-port", str(port))
        wait_for(lambda: "state=online" in told(master, "slave0"))
        freeze(replica)
        ask(master, "SET", "something", b"x" * 2_000_000)
        health = await look(master.tcp_url)
    where = f"127.0.0.1:{port}"
    assert found(health, "replication", where).verdict == "warning"
    assert "a failover to it now would lose state" in found(health, "replication", where).found
    assert found(health, "reachability", where).verdict == "warning"
    assert found(health, "replicas").found == "0 of 1 keep up"
    assert health.verdict == "warning"


async def test_too_few_replicas_for_the_server_are_a_failure(look: Look, start: Start) -> None:
    master = start("--min-replicas-to-write", "1")
    health = await look(master.tcp_url)
    assert found(health, "replicas").verdict == "failure"
    assert "NOREPLICAS" in found(health, "writes").found


async def test_too_few_replicas_for_the_durability_are_a_failure(look: Look, start: Start) -> None:
    finding = found(await look(start().tcp_url, durability="replicas:1"), "replicas")
    assert finding.verdict == "failure"
    assert finding.found == "none, and durability waits for 1"


async def test_a_disk_that_durability_waits_for_has_to_be_written(look: Look, start: Start) -> None:
    finding = found(await look(start(name="valkey91").url, durability="aof"), "persistence")
    assert finding.verdict == "failure"


async def test_a_url_that_names_a_replica_is_a_failure(look: Look, start: Start) -> None:
    master = start()
    replica = start(*follow(master))
    wait_for(lambda: told(replica, "master_link_status") == "up")
    health = await look(replica.tcp_url)
    assert found(health, "role").verdict == "failure"
    assert "READONLY" in found(health, "writes").found
    master.kill()
    wait_for(lambda: told(replica, "master_link_status") == "down")
    assert found(await look(replica.tcp_url), "link").verdict == "warning"


@pytest.mark.parametrize("kind", [RedisStateBackend, RedisWorkerBackend])
async def test_the_documented_user_has_all_rights_and_may_be_told_little(
    look: Look, start: Start, server_name: str, kind: type
) -> None:
    server = start()
    keys = ["~here:*"] if kind is RedisStateBackend else ["~here:tw:*", "~here:aw:*"]
    add_user(server, *keys, *minimal(server_name))
    health = await look(server.tcp_url, kind, username="bob", password=PASSWORD)
    assert found(health, "permissions").verdict == "ok", str(health)
    assert set(not_ok(health)) == {
        "eviction",
        "losses",
        "memory",
        "persistence",
        "replicas",
        "role",
        "version",
    } | ({"types"} if kind is RedisStateBackend else set())
    assert health.verdict == "unknown"


async def test_what_is_unknown_is_known_once_its_remedy_was_followed(
    look: Look, start: Start, server_name: str
) -> None:
    server = start("--appendonly", "yes")
    add_user(server, "~here:*", *minimal(server_name))
    ask(server, "ACL", "SETUSER", "bob", "-time", "-command")
    as_bob = {"username": "bob", "password": PASSWORD}
    for finding in (await look(server.tcp_url, **as_bob)).findings:
        if finding.remedy:
            obey(server, finding.remedy)
    health = await look(server.tcp_url, **as_bob)
    assert health.verdict == "ok", str(health)


async def test_each_right_that_is_missing_is_named_and_the_remedy_grants_it(
    look: Look, start: Start, server_name: str
) -> None:
    server = start()
    granted = [rule for rule in minimal(server_name) if rule not in GUARD]
    add_user(server, "~here:*", *granted)
    as_bob = {"username": "bob", "password": PASSWORD}
    for right in granted:
        ask(server, "ACL", "SETUSER", "bob", f"-{right[1:].partition('|')[0]}")
        finding = found(await look(server.tcp_url, **as_bob), "permissions")
        assert finding.verdict == ("warning" if right == "+command|info" else "failure")
        assert right in finding.found.split()
        obey(server, finding.remedy)
    assert found(await look(server.tcp_url, **as_bob), "permissions").verdict == "ok"


@pytest.mark.parametrize("lacking", [GUARD, GUARD[:1], GUARD[1:]])
async def test_who_may_not_close_what_was_given_up_is_told_so(
    look: Look, start: Start, server_name: str, lacking: tuple[str, ...]
) -> None:
    server = start()
    add_user(server, "~here:*", *(rule for rule in minimal(server_name) if rule not in lacking))
    as_bob = {"username": "bob", "password": PASSWORD}
    health = await look(server.tcp_url, **as_bob)
    finding = found(health, "abandoned")
    assert finding.verdict == "warning"
    assert f"lacks {' '.join(lacking)}: a write that a network holds back" in finding.found
    assert found(health, "permissions").verdict == "ok"
    obey(server, finding.remedy)
    assert found(await look(server.tcp_url, **as_bob), "abandoned").verdict == "ok"


@pytest.mark.parametrize(
    ("allowed", "missing"),
    [
        ([], "~here:*"),
        (["~here:t:*", "~here:a:*"], "~here:tw:* ~here:aw:*"),
        (["~elsewhere:*"], "~here:*"),
    ],
)
async def test_keys_that_are_out_of_reach_are_named(
    look: Look, start: Start, server_name: str, allowed: list[str], missing: str
) -> None:
    server = start()
    add_user(server, *allowed, *minimal(server_name))
    as_bob = {"username": "bob", "password": PASSWORD}
    finding = found(await look(server.tcp_url, **as_bob), "permissions")
    assert finding.verdict == "failure"
    assert finding.found == f"the user bob lacks {missing}"
    obey(server, finding.remedy)
    assert found(await look(server.tcp_url, **as_bob), "permissions").verdict == "ok"


async def test_commands_that_a_provider_takes_away_are_unknown_and_no_error(
    look: Look, start: Start
) -> None:
    gone = ("INFO", "CONFIG", "ROLE", "ACL")
    server = start(*(part for name in gone for part in ("--rename-command", name, "")))
    health = await look(server.tcp_url)
    assert health.verdict == "unknown"
    assert "unknown command" in found(health, "memory").found
    assert "rename-command" in found(health, "memory").remedy
    assert found(health, "permissions").verdict == "ok"


@pytest.mark.parametrize("gone", [("INFO",), ("CONFIG",), ("COMMAND",), ("TIME",), ("PING",)])
async def test_whatever_is_taken_away_the_rest_is_told(
    look: Look, start: Start, gone: tuple[str, ...]
) -> None:
    if gone == ("PING",):
        server = start()
        ask(server, "ACL", "SETUSER", "default", "-ping")
    else:
        server = start("--rename-command", gone[0], "")
    health = await look(server.tcp_url)
    assert found(health, "reachability").verdict == "ok"
    assert found(health, "eviction").verdict == "ok"


async def test_a_needed_command_that_is_taken_away_is_a_failure(look: Look, start: Start) -> None:
    finding = found(await look(start("--rename-command", "PTTL", "").url), "commands")
    assert finding.verdict == "failure"
    assert "PTTL" in finding.found


async def test_a_server_that_is_not_there_is_a_failure(look: Look, start: Start) -> None:
    server = start()
    server.kill()
    health = await look(server.tcp_url)
    assert not_ok(health) == {"reachability": "failure"}
    assert found(health, "reachability").remedy


async def test_a_server_that_hangs_is_a_failure(look: Look, start: Start) -> None:
    server = start()
    server.pause()
    health = await look(server.tcp_url, **HASTY)
    assert not_ok(health) == {"reachability": "failure"}
    assert "did not answer" in found(health, "reachability").found


async def test_a_server_that_a_script_keeps_busy_is_a_failure(look: Look, start: Start) -> None:
    server = start("--lua-time-limit", "1")
    with known.raw_client(server) as client:
        connection = client.connection_pool.make_connection()
        connection.send_command("EVAL", "while true do end", 0)
        wait_for(lambda: _is_busy(server))
        health = await look(server.tcp_url)
        ask(server, "SCRIPT", "KILL")
        connection.disconnect()
    assert health.verdict == "failure"
    assert "BUSY" in str(health)


async def test_a_wrong_password_is_a_failure_and_is_not_shown(look: Look, start: Start) -> None:
    server = start("--requirepass", "another")
    health = await look(server.tcp_url, password=PASSWORD)
    assert not_ok(health) == {"reachability": "failure"}
    shown = f"{health}{health!r}{json.dumps(health.as_dict())}"
    assert PASSWORD not in shown
    assert "another" not in shown


async def test_a_password_that_is_right_is_not_shown_either(look: Look, start: Start) -> None:
    server = start("--requirepass", PASSWORD, "--masterauth", PASSWORD)
    health = await look(server.tcp_url, password=PASSWORD)
    assert found(health, "permissions").verdict == "ok"
    assert PASSWORD not in f"{health}{health!r}{json.dumps(health.as_dict())}"


async def test_each_node_of_a_cluster_is_looked_at(look: Look, servers: Deployments) -> None:
    cluster = servers["valkey91-cluster"]
    health = await look(cluster.url)
    assert set(not_ok(health).values()) <= {"warning"}
    for name, count in {"cluster": 6, "permissions": 6, "writes": 3, "replication": 3}.items():
        verdicts = [each.verdict for each in health.findings if each.name == name]
        assert verdicts == ["ok"] * count, str(health)


async def test_a_slot_that_nobody_serves_is_a_failure(look: Look) -> None:
    with Cluster("valkey91") as cluster:
        node = cluster.owner(0)
        node.ask("CLUSTER", "DELSLOTS", 0)
        wait_for(lambda: "cluster_state:fail" in node.ask("CLUSTER", "INFO"))
        # It tries the slot to the end of its budget.
        health = await look(cluster.url, budget=5.0, timeout=4.0)
        wrong = [each for each in health.findings if each.name == "cluster" if each.remedy]
        assert node.address in {each.subject for each in wrong}
        assert {each.verdict for each in wrong} == {"failure"}


async def test_a_node_of_a_cluster_behind_a_plain_url_is_a_failure(
    look: Look, servers: Deployments
) -> None:
    node = servers["valkey91-cluster"].masters[0]
    finding = found(await look(node.tcp_url), "cluster")
    assert finding.verdict == "failure"
    assert "redis+cluster://" in finding.remedy


async def test_sentinels_and_what_they_watch_are_looked_at(
    look: Look, servers: Deployments
) -> None:
    trio = servers["valkey91-sentinel"]
    health = await look(trio.url)
    verdicts = [each.verdict for each in health.findings if each.name == "sentinel"]
    assert verdicts == ["ok"] * 3
    assert found(health, "role", trio.master.address).found == "a master"
    assert found(health, "role", trio.replicas[0].address).verdict == "ok"
    # Nobody has set it, as in most deployments.
    assert "min-replicas-to-write is 0" in found(health, "replicas").found


async def test_sentinels_that_are_too_few_are_a_failure(look: Look) -> None:
    with SentinelTrio("valkey91") as trio:
        for sentinel in trio.sentinels[:2]:
            sentinel.kill()
        survivor = trio.sentinels[2]
        wait_for(lambda: _lacks_quorum(survivor))
        health = await look(trio.url)
        assert found(health, "sentinel", survivor.address).verdict == "failure"
        for sentinel in trio.sentinels[:2]:
            assert found(health, "sentinel", sentinel.address).verdict == "warning"
        # The master is found all the same.
        assert found(health, "role", trio.nodes[0].address).found == "a master"


async def test_no_sentinel_at_all_is_a_failure(look: Look) -> None:
    with SentinelTrio("valkey91") as trio:
        url = trio.url
    health = await look(url, **HASTY)
    assert found(health, "reachability").verdict == "failure"


def fill(backend: RedisStateBackend) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    for number in range(32):
        backend.set(TaskScope("dag", "run", f"{number}"), "key", "1" * 10**6, expires_at=soon)


def follow(master: EmbeddedServer) -> tuple[str, ...]:
    return ("--replicaof", "127.0.0.1", str(master.port))


def minimal(server_name: str) -> list[str]:
    unknown = () if server_name in matrix.FIELD_EXPIRY else FIELD_COMMANDS
    return [rule for rule in RULES if rule not in unknown]


def add_user(server: EmbeddedServer, *rules: str) -> None:
    ask(server, "ACL", "SETUSER", "bob", "on", f">{PASSWORD}", *rules)


def _is_busy(server: EmbeddedServer) -> bool:
    try:
        ask(server, "PING")
    except redis.ResponseError as error:
        return "BUSY" in str(error)
    return False


def _lacks_quorum(sentinel: Any) -> bool:
    try:
        sentinel.ask("SENTINEL", "CKQUORUM", SERVICE)
    except redis.ResponseError as error:
        return "NOQUORUM" in str(error)
    return False
