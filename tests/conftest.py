"""Fixtures of the suite: servers, backends in both modes, the leak checker after each test."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any
from uuid import uuid4

import pytest
import redis

from redis_state import RedisStateBackend
from tests import matrix
from tests.support import rights, topologies
from tests.support.leaks import check_leaks
from tests.support.methods import MODES, Methods
from tests.support.waiting import PATIENT

# They have environments of their own: see `make airflow`, `make pictures` and the lane `browser`.
OWN_ENVIRONMENTS = {
    "airflow": "with_airflow",
    "matplotlib": "with_matplotlib",
    "playwright": "with_browser",
}
collect_ignore = [folder for name, folder in OWN_ENVIRONMENTS.items() if not find_spec(name)]

# The second looks through all that the tests show for secrets.
pytest_plugins = ["pytester", "tests.support.secrets"]

# A shell lets what runs in its background ignore Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Far from UTC, so that no time is right by chance.
os.environ["TZ"] = "Asia/Kathmandu"
time.tzset()

if find_spec("hypothesis"):
    from hypothesis import settings

    settings.register_profile("same", derandomize=True, deadline=None)
    settings.register_profile("new", deadline=None)
    settings.load_profile(matrix.EXAMPLES)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is for other lanes, and mark what is run without measuring coverage."""
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        params = getattr(getattr(item, "callspec", None), "params", {})
        (left_out if matrix.is_left_out(item.path, params) else kept).append(item)
        if matrix.is_unmeasured(item.path, params):
            item.add_marker("unmeasured")
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


@pytest.fixture(autouse=True)
def _no_options_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "NAMESPACE", "PASSWORD", "USERNAME"):
        monkeypatch.delenv(f"REDIS_STATE_{name}", raising=False)


@pytest.fixture(scope="session")
def servers() -> Iterator[topologies.Deployments]:
    running = topologies.Deployments()
    yield running
    running.stop()


@pytest.fixture(params=matrix.SERVERS)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(servers: topologies.Deployments, server_name: str) -> Any:
    return servers[server_name]


@pytest.fixture
def has_field_expiry(raw: redis.Redis) -> bool:
    try:
        raw.execute_command("HPEXPIRETIME", "no such key", "FIELDS", 1, "no such field")
    except (redis.ConnectionError, redis.TimeoutError):
        raise
    except redis.RedisError:
        return False
    return True


@pytest.fixture
def raw(server: topologies.Deployment) -> Iterator[redis.Redis]:
    client = topologies.raw_client(server)
    yield client
    client.close()


@pytest.fixture
def namespace(raw: redis.Redis, has_field_expiry: bool) -> Iterator[str]:
    """Give a namespace of the test's own, and check it for leaks after the test."""
    name = f"test-{uuid4().hex[:12]}"
    yield name
    check_leaks(raw, name, field_form=has_field_expiry)
    for page in raw.scan_iter(match=f"{name}:*", count=1000):
        raw.unlink(page)


@pytest.fixture
def fast_lane() -> bool:
    """Tell whether backends have the fast lane: all but in a run of `make test-slow`."""
    return matrix.FAST_LANE


@pytest.fixture
def login(raw: redis.Redis) -> Iterator[Callable[[dict[str, Any]], dict[str, str]]]:
    """Say who logs in for some options: in one run of `make test-slow`, a user of few rights."""
    users: set[str] = set()

    def make(options: dict[str, Any]) -> dict[str, str]:
        if not matrix.MINIMAL_RIGHTS:
            return {}
        namespace, rules = options["namespace"], rights.documented("airflow-state")
        user = f"user-of-{namespace}"
        if "encryption" in "".join(options):
            user, rules = f"rotator-of-{namespace}", rules + rights.documented("airflow-rotation")
        if user not in users:
            rights.make_user(raw, user, rules, namespace)
            users.add(user)
        return {"username": user, "password": rights.PASSWORD}

    yield make
    for user in users:
        rights.remove_user(raw, user)


@pytest.fixture
def make_backend(
    server: topologies.Deployment,
    namespace: str,
    fast_lane: bool,
    login: Callable[[dict[str, Any]], dict[str, str]],
) -> Iterator[Callable[..., Any]]:
    made: list[RedisStateBackend] = []
    own = {"url": server.url, "namespace": namespace, "fast_lane": fast_lane}
    defaults: dict[str, Any] = PATIENT | own

    def make(**options: Any) -> RedisStateBackend:
        wanted = defaults | options
        made.append(RedisStateBackend(**(login(wanted) | wanted)))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def backend(make_backend: Callable[..., RedisStateBackend]) -> RedisStateBackend:
    return make_backend()


@pytest.fixture(params=MODES)
def methods(request: pytest.FixtureRequest, backend: RedisStateBackend) -> Methods:
    return Methods(backend, request.param)
