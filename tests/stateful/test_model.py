"""Random methods, times and scopes against a dict with deadlines, on a server of each form."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from redis_state import AssetScope, RedisStateBackend, StateScope, TaskScope
from redis_state.operations.operation import Capabilities
from redis_state.testing import EmbeddedServer
from tests.support.inside import node_of
from tests.support.leaks import check_leaks
from tests.support.servers import Servers, raw_client
from tests.support.waiting import PATIENT

# Few names, so that methods meet each other; two map indices share a page.
SCOPES: list[StateScope] = [
    TaskScope("d", "r", "t"),
    TaskScope("d", "r", "t", 0),
    TaskScope("d", "r", "t", 1),
    TaskScope("d", "r", "t", 129),
    TaskScope("d", "r", "t:2", 1),
    AssetScope(asset_id=1),
    AssetScope(name="d/r"),
]
KEYS = ["a", "b", "\0", "1:a", ""]

scopes = st.sampled_from(SCOPES)
keys = st.sampled_from(KEYS)
values = st.text(max_size=5)
# Mostly what production has; short ones lapse during the run.
lives = st.one_of(
    st.none(),
    st.sampled_from([-10.0, 0.0, 0.05, 0.1, 60.0, 3600.0, 30 * 86400.0]).map(
        lambda seconds: timedelta(seconds=seconds)
    ),
    st.just(timedelta(days=900_000)),
)

Model = dict[tuple[StateScope, str], tuple[str, datetime | None]]


class StoreMachine(RuleBasedStateMachine):
    """Every method, in a mode drawn anew each time."""

    server: EmbeddedServer
    raw: Any
    field_form: bool

    written = Bundle("written")

    @initialize()
    def begin(self) -> None:
        self.namespace = f"model-{uuid4().hex[:12]}"
        self.backend = RedisStateBackend(url=self.server.url, namespace=self.namespace, **PATIENT)
        self.asked = datetime.now(UTC)
        self.loop = asyncio.new_event_loop()
        self.model: Model = {}

    def call(self, method: str, is_async: bool, *args: Any, **options: Any) -> Any:
        self.asked = datetime.now(UTC)
        if is_async:
            return self.loop.run_until_complete(
                getattr(self.backend, f"a{method}")(*args, **options)
            )
        return getattr(self.backend, method)(*args, **options)

    @rule(target=written, scope=scopes, key=keys, value=values, life=lives, is_async=st.booleans())
    def set(
        self, scope: StateScope, key: str, value: str, life: timedelta | None, is_async: bool
    ) -> tuple[StateScope, str]:
        expires_at = None if life is None else datetime.now(UTC) + life
        self.call("set", is_async, scope, key, value, expires_at=expires_at)
        self.model[scope, key] = (value, expires_at)
        return scope, key

    @rule(
        scope=scopes,
        values=st.dictionaries(keys, values, max_size=3),
        life=lives,
        is_async=st.booleans(),
    )
    def set_many(
        self, scope: StateScope, values: dict[str, str], life: timedelta | None, is_async: bool
    ) -> None:
        expires_at = None if life is None else datetime.now(UTC) + life
        self.call("set_many", is_async, scope, values, expires_at=expires_at)
        for key, value in values.items():
            self.model[scope, key] = (value, expires_at)

    @rule(entry=written, is_async=st.booleans())
    def get(self, entry: tuple[StateScope, str], is_async: bool) -> None:
        scope, key = entry
        self.compare(scope, key, self.call("get", is_async, scope, key))

    @rule(scope=scopes, is_async=st.booleans())
    def get_many(self, scope: StateScope, is_async: bool) -> None:
        found = self.call("get_many", is_async, scope, KEYS)
        for key in KEYS:
            self.compare(scope, key, found.get(key))

    @rule(entry=consumes(written), is_async=st.booleans())
    def delete(self, entry: tuple[StateScope, str], is_async: bool) -> None:
        self.call("delete", is_async, *entry)
        self.model.pop(entry, None)

    @rule(scope=scopes, all_map_indices=st.booleans(), is_async=st.booleans())
    def clear(self, scope: StateScope, all_map_indices: bool, is_async: bool) -> None:
        self.call("clear", is_async, scope, all_map_indices=all_map_indices)
        for other, key in list(self.model):
            if other == scope or (all_map_indices and same_task(other, scope)):
                del self.model[other, key]

    @rule(seconds=st.sampled_from([0.01, 0.06, 0.12]))
    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    @rule()
    def forget_connections(self) -> None:
        self.backend.close()
        self.raw.script_flush()

    @rule(scope=scopes, is_async=st.booleans())
    def entries(self, scope: StateScope, is_async: bool) -> None:
        entries = self.call("entries", is_async, scope)
        for key in KEYS:
            self.compare(scope, key, entries[key].value if key in entries else None)
            if key in entries:
                assert entries[key].expires_at == self.model[scope, key][1]

    def compare(self, scope: StateScope, key: str, seen: str | None) -> None:
        value, expires_at = self.model.get((scope, key), (None, None))
        if expires_at is not None and expires_at <= self.asked:
            value = None
        # Between the question and now, a value may have been seen or not.
        elif expires_at is not None and expires_at <= datetime.now(UTC) and seen is None:
            return
        assert seen == value

    @invariant()
    def nothing_leaks(self) -> None:
        if hasattr(self, "namespace"):
            check_leaks(self.raw, self.namespace, field_form=self.field_form)

    def teardown(self) -> None:
        if not hasattr(self, "namespace"):
            return
        for page in self.raw.scan_iter(match=f"{self.namespace}:*", count=1000):
            self.raw.unlink(page)
        self.loop.run_until_complete(self.backend.aclose())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        self.backend.close()


def same_task(one: StateScope, other: StateScope) -> bool:
    ids = ("dag_id", "run_id", "task_id")
    return isinstance(one, TaskScope) and all(
        getattr(one, name) == getattr(other, name, None) for name in ids
    )


class UpgradedMachine(StoreMachine):
    """The same while every other call believes that the server cannot expire fields."""

    @rule()
    def forget_the_upgrade(self) -> None:
        self.believe(Capabilities(field_expiry=False, hsetex=False))

    @rule()
    def notice_the_upgrade(self) -> None:
        self.believe(Capabilities(field_expiry=True, hsetex=True))

    def believe(self, capabilities: Capabilities) -> None:
        node = node_of(self.backend)
        for link in (node._lane, *node._idle):
            if link is not None:
                link.capabilities = capabilities

    @invariant()
    def nothing_leaks(self) -> None:
        """Mixed forms may keep a value's bytes for longer, never show them: see `compare`."""


def test_the_store_behaves_as_a_dict_with_deadlines(
    bound: dict[str, Any], machine_settings: settings
) -> None:
    machine = type("Machine", (StoreMachine,), bound)
    run_state_machine_as_test(machine, settings=machine_settings)


def test_a_store_whose_server_was_upgraded_behaves_so_too(
    servers: Servers, machine_settings: settings
) -> None:
    raw = raw_client(servers["valkey91"])
    bound = {"server": servers["valkey91"], "raw": raw, "field_form": True}
    machine = type("Machine", (UpgradedMachine,), bound)
    run_state_machine_as_test(machine, settings=machine_settings)
    raw.close()
