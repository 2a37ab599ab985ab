"""What is made of the replies to a health check, whatever they are."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hiredis import ReplyError
from hypothesis import given
from hypothesis import strategies as st

from redis_state import MisconfiguredError, StateStoreError, UnavailableError
from redis_state.admin.health import Finding, Health, permissions
from redis_state.admin.health.airflows import Surroundings
from redis_state.admin.health.check import check
from redis_state.admin.health.probes import BEATS
from redis_state.admin.steps import run
from redis_state.airflow.express_lane import LaneState
from redis_state.airflow.state_store import Configured
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.operations import scripts
from redis_state.operations.operation import Capabilities, Operation

HERE = Server("here", 6379)
THERE = Server("10.0.0.2", 6380)
WELL = """# Server
redis_version:8.2.3
loading:0
role:master
connected_slaves:0
aof_enabled:1
maxmemory_policy:noeviction
maxmemory:0
used_memory:1000
total_system_memory:100000
"""
NOT_PERMITTED = ReplyError("NOPERM User bob has no permissions to run the 'info' command")


class FakeClient:
    """Answers for some servers, by the beginning of a command or with what a server would say."""

    def __init__(self, *servers: Server, fields: bool = True, **answers: Any) -> None:
        self.known = list(servers or (HERE,))
        self.answers = {"INFO": WELL.encode(), "ACL": b"bob"} | answers
        self.errors: dict[Server, StateStoreError] = {}
        self.capabilities = Capabilities(field_expiry=fields, hsetex=fields)
        self.owner: Any = [None, None]

    def run(self, operation: Operation[Any]) -> Any:
        if isinstance(self.owner, StateStoreError):
            raise self.owner
        return operation.end([self.owner])

    def servers(self) -> list[Server]:
        return self.known

    def run_at(self, server: Server, operation: Operation[Any]) -> Any:
        if server in self.errors:
            raise self.errors[server]
        result: Any = operation
        while isinstance(result, Operation):
            result = result.end([self._answer(command) for command in self._batch(result)])
        return result

    def _batch(self, operation: Operation[Any]) -> list[Any]:
        return list(operation.begin(self.capabilities))

    def _answer(self, command: tuple[Any, ...]) -> Any:
        line = "_".join(map(str, command)).replace("-", "_")
        for beginning, answer in self.answers.items():
            if line.startswith(beginning):
                return answer() if callable(answer) else answer
        return now() if command == ("TIME",) else b"OK"


def now(ahead: float = 0.0) -> list[bytes]:
    seconds, _, microseconds = f"{time.time() + ahead:.6f}".partition(".")
    return [seconds.encode(), microseconds.encode()]


def info(**changes: object) -> bytes:
    told = dict(line.split(":", 1) for line in WELL.splitlines() if ":" in line)
    return "".join(
        f"{name}:{value}\r\n" for name, value in (told | changes).items() if value is not None
    ).encode()


def look(client: Any, **options: Any) -> Health:
    return run(client, check(Settings(**options), worker=False))


def found(health: Health, name: str, subject: str = "here:6379") -> Finding:
    return next(each for each in health.findings if (each.name, each.subject) == (name, subject))


def test_the_worst_verdict_counts() -> None:
    ok = Finding("a", "here", "ok", "fine")
    findings = [ok]
    for verdict in ("ok", "unknown", "warning", "failure"):
        findings.insert(0, replace(ok, verdict=verdict))
        assert Health(tuple(findings)).verdict == verdict


def test_a_health_of_nothing_is_unknown() -> None:
    assert Health(()).verdict == "unknown"
    assert str(Health(())) == "redis-state: unknown"


def test_a_report_is_aligned_and_says_what_to_do() -> None:
    health = Health(
        (
            Finding("role", "here:1", "ok", "a master"),
            Finding("eviction", "here:1", "failure", "allkeys-lru", "Set noeviction."),
            Finding("role", "there:2", "unknown", "hidden", "Ask."),
        )
    )
    assert str(health).splitlines() == [
        "redis-state: failure",
        "here:1",
        "  ok       role      a master",
        "  failure  eviction  allkeys-lru",
        "                     -> Set noeviction.",
        "there:2",
        "  unknown  role      hidden",
        "                     -> Ask.",
    ]


def test_json_can_hold_it_all() -> None:
    health = look(FakeClient())
    shown = json.loads(json.dumps(health.as_dict()))
    assert shown["verdict"] == health.verdict
    assert [Finding(**each) for each in shown["findings"]] == list(health.findings)


def test_only_what_is_ok_needs_no_remedy() -> None:
    health = look(FakeClient(INFO=NOT_PERMITTED, TIME=NOT_PERMITTED))
    assert {bool(each.remedy) == (each.verdict != "ok") for each in health.findings} == {True}


@pytest.mark.parametrize(("ahead", "verdict"), [(0, "ok"), (5, "warning"), (-5, "warning")])
def test_clocks_that_differ_by_more_than_a_second_are_a_warning(ahead: int, verdict: str) -> None:
    finding = found(look(FakeClient(TIME=lambda: now(ahead))), "clock")
    assert finding.verdict == verdict
    # Of clocks that agree, either may be a microsecond ahead.
    expected = {0: "ms", 5: "ahead of", -5: "behind"}[ahead]
    assert expected in finding.found


def test_a_slow_reply_is_no_difference_of_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    def late() -> list[bytes]:
        told = now()
        clock["shift"] += 4.0
        return told

    clock = {"shift": 0.0}
    real, real_counter = time.time, time.perf_counter
    monkeypatch.setattr(time, "time", lambda: real() + clock["shift"])
    monkeypatch.setattr(time, "perf_counter", lambda: real_counter() + clock["shift"])
    health = look(FakeClient(TIME=late))
    assert found(health, "clock").verdict == "ok"
    assert found(health, "reachability").verdict == "warning"
    assert f"median of {BEATS}" in found(health, "reachability").found


@pytest.mark.parametrize(
    ("told", "verdict", "name"),
    [
        ({"redis_version": "6.2.0"}, "ok", "Redis 6.2.0"),
        ({"redis_version": "6.0.16"}, "failure", "Redis 6.0.16"),
        ({"redis_version": "255.255.255"}, "ok", "Redis 255.255.255"),
        ({"redis_version": "unstable"}, "failure", "Redis unstable"),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2"}, "ok", "Valkey 9.1.2"),
        ({"redis_version": "7.2.4", "valkey_version": "9.0.1"}, "failure", "Valkey 9.0.1"),
        ({"redis_version": "7.2.4", "valkey_version": "9.0.2"}, "ok", "Valkey 9.0.2"),
        ({"redis_version": "7.2.4", "redict_version": "7.3.6"}, "ok", "Redict 7.3.6"),
        ({"redis_version": None}, "unknown", ""),
    ],
)
def test_the_version_tells_what_cannot_work(
    told: Mapping[str, object], verdict: str, name: str
) -> None:
    finding = found(look(FakeClient(INFO=info(**told))), "version")
    assert finding.verdict == verdict
    assert name in finding.found


@pytest.mark.parametrize("code", ["LOADING", "BUSY", "MASTERDOWN"])
def test_a_server_that_cannot_serve_yet_is_a_failure(code: str) -> None:
    health = look(FakeClient(PING=ReplyError(f"{code} not now")))
    assert found(health, "readiness").verdict == "failure"


def test_how_far_a_server_has_loaded_is_told() -> None:
    health = look(FakeClient(INFO=info(loading=1, loading_loaded_perc="12.30")))
    assert found(health, "readiness").verdict == "failure"
    assert "12.30 %" in found(health, "readiness").found


@pytest.mark.parametrize(
    ("told", "verdict", "words"),
    [
        ({"aof_last_write_status": "err"}, "failure", "last write of the AOF"),
        ({"aof_last_bgrewrite_status": "err"}, "failure", "last rewrite of the AOF"),
        ({"rdb_last_bgsave_status": "err"}, "failure", "last snapshot"),
        ({"aof_enabled": 0}, "unknown", "whether state outlives a restart"),
        ({"aof_enabled": None}, "unknown", "whether state outlives a restart"),
    ],
)
def test_persistence_that_fails_or_is_hidden_is_told(
    told: Mapping[str, object], verdict: str, words: str
) -> None:
    finding = found(look(FakeClient(INFO=info(**told))), "persistence")
    assert finding.verdict == verdict
    assert words in finding.found


def test_a_snapshot_that_fails_does_no_harm_where_none_is_wanted() -> None:
    client = FakeClient(INFO=info(rdb_last_bgsave_status="err"), CONFIG_GET_save=[b"save", b""])
    assert found(look(client), "persistence").verdict == "ok"


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ({"CONFIG_GET_appendonly": [b"appendonly", b"yes"]}, "unknown"),
        ({"CONFIG_GET_maxmemory_policy": [b"maxmemory-policy", b"allkeys-lru"]}, "failure"),
    ],
)
def test_what_info_does_not_tell_config_may(options: Mapping[str, Any], verdict: str) -> None:
    name = "eviction" if "CONFIG_GET_maxmemory_policy" in options else "persistence"
    finding = found(look(FakeClient(INFO=NOT_PERMITTED, **options)), name)
    assert finding.verdict == verdict
    assert "CONFIG" not in finding.found


@pytest.mark.parametrize(
    ("told", "verdict", "words"),
    [
        ({"evicted_keys": 0}, "ok", "no keys were evicted, and no write rejected"),
        ({"evicted_keys": 7}, "warning", "7 keys were evicted, and no write rejected"),
        (
            {"evicted_keys": 0, "errorstat_OOM": "count=3", "errorstat_NOREPLICAS": "count=1"},
            "warning",
            "no keys were evicted, and writes rejected: 3 by OOM, 1 by NOREPLICAS",
        ),
        ({}, "unknown", "whether keys were evicted"),
    ],
)
def test_what_was_evicted_or_rejected_since_the_start_is_told(
    told: Mapping[str, object], verdict: str, words: str
) -> None:
    finding = found(look(FakeClient(INFO=info(**told))), "losses")
    assert finding.verdict == verdict
    assert words in finding.found


def test_who_may_not_ask_learns_which_permission_would_tell_of_evictions() -> None:
    refused = FakeClient(INFO=NOT_PERMITTED, CONFIG=ReplyError("NOPERM no 'config|get'"))
    policy, losses = (found(look(refused), name) for name in ("eviction", "losses"))
    assert (policy.verdict, losses.verdict) == ("unknown", "unknown")
    assert policy.remedy == "ACL SETUSER bob +info +config|get lets it be known."
    assert losses.remedy == "ACL SETUSER bob +info lets it be known."
    # INFO alone tells that it happened, where nobody says by which policy.
    told = info(maxmemory_policy=None, evicted_keys=7)
    partly = look(FakeClient(INFO=told, CONFIG=ReplyError("NOPERM no 'config|get'")))
    assert found(partly, "eviction").remedy == "ACL SETUSER bob +config|get lets it be known."
    assert "7 keys were evicted" in found(partly, "losses").found


OURS = Configured("redis_state.RedisStateBackend", is_ours=True)


@pytest.mark.parametrize(
    ("store", "verdict", "words", "remedy"),
    [
        (OURS, "ok", "is redis_state.RedisStateBackend", ""),
        (
            Configured("airflow.state.metastore.MetastoreBackend"),
            "warning",
            "not in Redis",
            "Set [state_store] backend = redis_state.RedisStateBackend.",
        ),
        (
            Configured("no", why_not="ImportError: no"),
            "failure",
            "[state_store] backend is wrong (ImportError: no)",
            f"Write {OURS.path}, or a class that is there, in place of 'no', and restart.",
        ),
    ],
)
def test_it_is_told_whether_airflow_uses_this_backend(
    store: Configured, verdict: str, words: str, remedy: str
) -> None:
    around = Surroundings(store=store)
    health = run(FakeClient(), check(Settings(), worker=False, around=around))
    finding = found(health, "backend", "this Airflow")
    assert finding.verdict == verdict
    assert words in finding.found
    assert finding.remedy == remedy


@pytest.mark.parametrize(
    ("lifetimes", "options", "verdict", "words"),
    [
        ((30 * 86_400, 300), {}, "ok", "state lives for 30 days, 0:00:00, a retry waits for 0:05"),
        ((0, 300), {}, "ok", "state lives for ever"),
        ((86_400, 86_400), {}, "warning", "[state_store] default_retention_days is no more than"),
        ((0, 300), {"default_retention": 60}, "warning", "[redis_state] default_retention is no"),
        (
            (86_400, 100_000),
            {"worker_retention_days": 0.5},
            "warning",
            "[state_store] default_retention_days and [redis_state] worker_retention_days is no",
        ),
    ],
)
def test_state_that_ends_before_a_retry_begins_is_a_warning(
    lifetimes: tuple[int, int], options: dict[str, Any], verdict: str, words: str
) -> None:
    around = Surroundings(store=OURS, lifetimes=lifetimes)
    health = run(FakeClient(), check(Settings(**options), worker=False, around=around))
    finding = found(health, "retention", "this Airflow")
    assert finding.verdict == verdict
    assert words in finding.found


def test_where_airflow_is_not_there_nothing_is_said_of_it() -> None:
    names = {each.name for each in look(FakeClient()).findings}
    assert names.isdisjoint({"backend", "retention"})


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ({"used_memory": 80_000}, "warning"),
        ({"used_memory": 70_000}, "ok"),
        ({"used_memory": 80_000, "maxmemory": 100_000}, "ok"),
        ({"used_memory": 90_000, "maxmemory": 100_000}, "warning"),
        ({"used_memory": 110_000, "maxmemory": 100_000}, "failure"),
        ({"total_system_memory": None}, "unknown"),
        ({"used_memory": None}, "unknown"),
    ],
)
def test_memory_is_measured_by_its_limit_or_the_machine(
    told: Mapping[str, object], verdict: str
) -> None:
    assert found(look(FakeClient(INFO=info(**told))), "memory").verdict == verdict


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("state=online,offset=900,lag=0", "ok"),
        ("state=online,offset=900,lag=1,type=replica", "ok"),
        ("state=online,offset=900,lag=9", "warning"),
        ("state=wait_bgsave,offset=0,lag=0", "warning"),
        ("state=online,offset=-1", "ok"),
    ],
)
def test_a_replica_is_judged_by_what_its_master_tells(state: str, verdict: str) -> None:
    told = info(
        connected_slaves=1, slave0=f"ip=10.0.0.2,port=6380,{state}", master_repl_offset=1000
    )
    finding = found(look(FakeClient(INFO=told)), "replication", "10.0.0.2:6380")
    assert finding.verdict == verdict


def test_a_replica_is_judged_by_the_role_where_info_is_refused() -> None:
    role = [b"master", 3_000_000, [[b"10.0.0.2", b"6380", b"5"], [b"::1", b"6381", b"2999999"]]]
    health = look(FakeClient(INFO=NOT_PERMITTED, ROLE=role))
    assert found(health, "replication", "10.0.0.2:6380").verdict == "warning"
    assert found(health, "replication", "[::1]:6381").verdict == "ok"
    assert found(health, "role").found == "a master"


def test_a_role_that_is_none_of_ours_is_a_failure() -> None:
    assert found(look(FakeClient(INFO=info(role="sentinel"))), "role").verdict == "failure"


def test_a_replica_whose_link_is_hidden_is_unknown() -> None:
    health = look(FakeClient(INFO=NOT_PERMITTED, ROLE=[b"slave", b"there", 6379, b"connected", 5]))
    assert found(health, "role").verdict == "failure"
    assert found(health, "link").verdict == "unknown"


def test_a_replica_that_cannot_be_reached_is_a_warning() -> None:
    told = info(connected_slaves=1, slave0="ip=10.0.0.2,port=6380,state=online,offset=5,lag=0")
    client = FakeClient(INFO=told)
    client.errors[THERE] = UnavailableError("nobody there. See whether it runs.")
    finding = found(look(client), "reachability", "10.0.0.2:6380")
    assert finding.verdict == "warning"
    assert finding.remedy.startswith("See whether it runs. ")
    assert "replica-announce-ip" in finding.remedy


def test_a_replica_that_has_become_a_master_is_a_warning() -> None:
    told = info(connected_slaves=1, slave0="ip=10.0.0.2,port=6380,state=online,offset=5,lag=0")
    assert found(look(FakeClient(INFO=told)), "role", "10.0.0.2:6380").verdict == "warning"


def test_each_server_is_told_of_once_and_together() -> None:
    told = info(connected_slaves=1, slave0="ip=10.0.0.2,port=6380,state=online,offset=5,lag=0")
    health = look(FakeClient(HERE, THERE, INFO=told))
    subjects = [each.subject for each in health.findings]
    assert subjects == sorted(subjects, key=["here:6379", "10.0.0.2:6380"].index)
    assert len([each for each in health.findings if each.name == "version"]) == 2


OWNER = [b"d1", b"2026-01-01T00:00:00+00:00"]


@pytest.mark.parametrize(
    ("mark", "database", "verdict", "found"),
    [
        (OWNER, None, "ok", "that of the metadata database d1, since 2026-01-01T00:00:00"),
        (OWNER, "d1", "ok", "this Airflow's, since 2026"),
        (
            OWNER,
            "d2",
            "failure",
            "belongs to another Airflow, .* d1 since 2026.*; this one's is d2",
        ),
        (
            MisconfiguredError("refused (NOPERM). Grant it."),
            "d1",
            "unknown",
            "whose it is: refused",
        ),
    ],
)
def test_whose_the_namespace_is_is_told(
    mark: Any, database: str | None, verdict: str, found: str
) -> None:
    client = FakeClient()
    client.owner = mark
    health = run(
        client, check(Settings(namespace="team-a"), worker=False, around=Surroundings(database))
    )
    (finding,) = [each for each in health.findings if each.name == "owner"]
    assert (finding.subject, finding.verdict) == ("namespace team-a", verdict)
    assert re.search(found, finding.found)
    assert bool(finding.remedy) is (verdict != "ok")
    assert ("`DEL team-a:{owner}`" in finding.remedy) is (verdict == "failure")


def test_a_namespace_that_nobody_has_marked_is_not_spoken_of() -> None:
    health = run(FakeClient(), check(Settings(), worker=False, around=Surroundings("d1")))
    assert not [each for each in health.findings if each.name == "owner"]


def test_a_worker_does_not_look_whose_the_namespace_is() -> None:
    client = FakeClient()
    client.owner = OWNER
    health = run(client, check(Settings(), worker=True))
    assert not [each for each in health.findings if each.name == "owner"]


ON = LaneState()
OFF = LaneState("[traces] otel_on is True, and it makes no spans.")


@pytest.mark.parametrize(
    ("lane", "wanted", "verdict", "said"),
    [
        (ON, True, "ok", "on: "),
        (OFF, True, "warning", r"off: \[traces\] otel_on"),
        (OFF, False, "ok", "off: "),
        (None, True, "ok", "switched on; each API server's log says"),
    ],
)
def test_whether_the_express_lane_is_on_is_told(
    lane: LaneState | None, wanted: bool, verdict: str, said: str
) -> None:
    health = run(
        FakeClient(),
        check(Settings(express_lane=wanted), worker=False, around=Surroundings(lane=lane)),
    )
    (finding,) = [each for each in health.findings if each.name == "express lane"]
    assert finding.verdict == verdict
    assert re.match(said, finding.found)
    assert bool(finding.remedy) is (verdict == "warning")


def test_an_express_lane_that_nobody_wants_is_not_spoken_of_outside_an_api_server() -> None:
    health = run(FakeClient(), check(Settings(), worker=False))
    assert not [each for each in health.findings if each.name == "express lane"]


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (UnavailableError("gone (refused. Yes.). See whether it runs."), "See whether it runs."),
        (MisconfiguredError("no password (NOAUTH Authentication required.)."), "Correct what"),
        (UnavailableError("gone"), "See whether the server runs"),
    ],
)
def test_why_a_server_cannot_be_asked_is_told(error: StateStoreError, remedy: str) -> None:
    client = FakeClient()
    client.errors[HERE] = error
    health = look(client)
    (finding,) = health.findings
    assert (finding.name, finding.verdict) == ("reachability", "failure")
    assert finding.remedy.startswith(remedy)
    assert finding.found in str(error)


def test_a_deployment_that_cannot_be_found_is_a_failure() -> None:
    class Lost(FakeClient):
        def servers(self) -> list[Server]:
            raise UnavailableError("nobody knows")

    health = look(Lost(), url="redis+cluster://one,two")
    assert [each.verdict for each in health.findings] == ["failure"]
    assert health.findings[0].subject == "one:6379,two:6379"


@pytest.mark.parametrize(
    "refused",
    [
        "NOPERM this user has no permissions to run the 'hget' command or its subcommand",
        "NOPERM this user has no permissions to run the 'hget' command",
        "NOPERM User bob has no permissions to run the 'hget' command",
    ],
)
def test_a_command_that_is_refused_is_told_by_any_server(refused: str) -> None:
    finding = found(look(FakeClient(HGET_=ReplyError(refused))), "permissions")
    assert finding.verdict == "failure"
    assert finding.remedy == "ACL SETUSER bob +hget"


@pytest.mark.parametrize(
    "refused",
    [
        "NOPERM this user has no permissions to access one of the keys used as arguments",
        "NOPERM No permissions to access a key",
    ],
)
def test_keys_that_are_refused_are_told_by_any_server(refused: str) -> None:
    finding = found(
        look(FakeClient(HGET_=ReplyError(refused), HSET=ReplyError(refused))), "permissions"
    )
    assert finding.remedy == "ACL SETUSER bob ~airflow:*"


@pytest.mark.parametrize(
    ("options", "user"),
    [
        ({"username": "bob", "password": "p"}, "bob"),
        ({"url": "redis://eve:p@here"}, "eve"),
        ({}, "default"),
        ({"credential_provider": "redis.credentials.CredentialProvider"}, "<user>"),
    ],
)
def test_the_user_is_the_settings_where_the_server_does_not_tell(
    options: dict[str, Any], user: str
) -> None:
    client = FakeClient(ACL=NOT_PERMITTED, TIME=NOT_PERMITTED, HGET_=NOT_PERMITTED)
    assert found(look(client, **options), "permissions").remedy == f"ACL SETUSER {user} +hget +time"


@pytest.mark.parametrize(
    ("options", "right"),
    [
        ({"url": "redis://here/2"}, "SELECT"),
        ({"durability": "replicas:1"}, "WAIT"),
        ({"durability": "aof"}, "WAITAOF"),
        ({"url": "redis+cluster://here"}, "CLUSTER_SLOTS"),
    ],
)
def test_what_an_option_needs_is_looked_for(options: dict[str, Any], right: str) -> None:
    refused = ReplyError(f"NOPERM User bob has no permissions to run the '{right}' command")
    answers: dict[str, Any] = {right: refused}
    finding = found(look(FakeClient(**answers), **options), "permissions")
    assert f"+{right.lower().replace('_', '|')}" in finding.remedy.split()


@pytest.mark.parametrize("fields", [True, False])
def test_no_command_of_the_scripts_is_forgotten(fields: bool) -> None:
    able = Capabilities(field_expiry=fields, hsetex=fields)
    looked_for = {each.command for each in permissions.needed(Settings(), able, worker=False)}
    form = "FIELD_" if fields else "HASH_"
    for name, script in vars(scripts).items():
        # Rotation needs more, of whoever rotates.
        if name == "ENTRIES" or (name.startswith(form) and "REENCRYPT" not in name):
            called = set(re.findall(r"redis\.call\('([A-Z]+)'", script.text))
            assert called
            assert called <= looked_for, name


def test_a_server_without_the_command_that_closes_connections_is_told() -> None:
    unknown = ReplyError("ERR unknown command 'CLIENT', with args beginning with: 'INFO'")
    finding = found(look(FakeClient(CLIENT=unknown)), "abandoned")
    assert (finding.verdict, finding.remedy) == (
        "warning",
        "Take away rename-command for CLIENT.",
    )
    assert finding.found.startswith("no CLIENT INFO, CLIENT KILL here: a write that")


def test_a_cluster_that_hides_its_state_is_unknown() -> None:
    health = look(FakeClient(CLUSTER_INFO=NOT_PERMITTED), url="redis+cluster://here")
    assert found(health, "cluster").verdict == "unknown"


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (b"cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_fail:0\r\n", "ok"),
        (b"cluster_state:ok\r\ncluster_slots_assigned:16000\r\n", "failure"),
        (b"cluster_state:fail\r\ncluster_slots_assigned:16384\r\n", "failure"),
        (b"cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_fail:9", "failure"),
    ],
)
def test_a_cluster_has_to_serve_all_slots(told: bytes, verdict: str) -> None:
    health = look(FakeClient(CLUSTER_INFO=told), url="redis+cluster://here")
    assert found(health, "cluster").verdict == verdict


SENTINELS = "redis+sentinel://one,two/state"


def sentinel(**answers: Any) -> FakeClient:
    said = {"SENTINEL_GET": [b"here", b"6379"], "SENTINEL_CKQUORUM": b"OK 2 usable Sentinels"}
    return FakeClient(**(said | answers))


def test_sentinels_that_are_well_are_told_of_one_by_one() -> None:
    health = look(sentinel(), url=SENTINELS)
    assert found(health, "sentinel", "one:26379").found == "2 usable Sentinels"
    assert found(health, "sentinel", "two:26379").verdict == "ok"


def test_sentinels_that_disagree_are_a_warning() -> None:
    answers = iter([[b"here", b"6379"], [b"10.0.0.2", b"6380"]])
    health = look(sentinel(SENTINEL_GET=lambda: next(answers)), url=SENTINELS)
    assert (
        "here:6379, 10.0.0.2:6380"
        in found(health, "sentinels", "one:26379,two:26379/state/0").found
    )


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"SENTINEL_GET": None}, "warning"),
        ({"SENTINEL_GET": ReplyError("NOAUTH Authentication required.")}, "warning"),
        ({"SENTINEL_CKQUORUM": ReplyError("NOQUORUM 1 usable Sentinels.")}, "failure"),
        ({"SENTINEL_CKQUORUM": NOT_PERMITTED}, "unknown"),
    ],
)
def test_a_sentinel_that_is_of_no_use_is_told(said: dict[str, Any], verdict: str) -> None:
    assert found(look(sentinel(**said), url=SENTINELS), "sentinel", "two:26379").verdict == verdict


def test_what_a_server_says_cannot_draw_on_a_terminal() -> None:
    told = info(redis_version="7.0\x1b[31m\x07")
    assert "\x1b" not in str(look(FakeClient(INFO=told)))
    assert "\x1b" not in str(look(FakeClient(INFO=ReplyError("ERR \x1b[31m no"))))


TEXTS = st.binary(max_size=20) | st.sampled_from([b"master", b"slave", b"OK", b"1", b"-1"])
ANYTHING = st.recursive(
    st.none() | st.integers() | TEXTS | st.text(max_size=20).map(ReplyError),
    lambda parts: st.lists(parts, max_size=4),
    max_leaves=8,
)
COMMANDS = ("INFO", "ROLE", "CONFIG", "ACL", "COMMAND", "CLUSTER", "SENTINEL", "PING", "TIME", "H")
NAMES = st.sampled_from(
    [*(line.partition(":")[0] for line in WELL.splitlines()), "slave0", "master_link_status"]
)
LINES = st.lists(st.tuples(NAMES, st.text(max_size=12)), max_size=8)
INFOS = LINES.map(lambda lines: "\r\n".join(":".join(line) for line in lines).encode())


@given(
    answers=st.dictionaries(st.sampled_from(COMMANDS), ANYTHING),
    told=INFOS,
    url=st.sampled_from(["redis://here", SENTINELS, "redis+cluster://here"]),
    fields=st.booleans(),
)
def test_no_reply_is_an_error(answers: dict[str, Any], told: bytes, url: str, fields: bool) -> None:
    health = look(FakeClient(fields=fields, **({"INFO": told} | answers)), url=url)
    assert json.dumps(health.as_dict())
    assert str(health).startswith(f"redis-state: {health.verdict}")
