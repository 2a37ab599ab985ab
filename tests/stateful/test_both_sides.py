"""Random methods on state and on what a worker keeps beside it, on a server of each form."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from redis_state import AssetScope, RedisWorkerBackend, StateScope
from redis_state.format import references
from tests.stateful.test_model import StoreMachine, keys, lives, scopes, values
from tests.support.waiting import PATIENT


class BothSidesMachine(StoreMachine):
    """The same with a worker whose values lie on the same server."""

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.worker = RedisWorkerBackend(url=self.server.url, namespace=self.namespace, **PATIENT)

    @rule(target=StoreMachine.written, scope=scopes, key=keys, value=values, life=lives)
    def store(
        self, scope: StateScope, key: str, value: str, life: timedelta | None
    ) -> tuple[StateScope, str]:
        expires_at = (
            None if life is None or isinstance(scope, AssetScope) else (datetime.now(UTC) + life)
        )
        of = "asset" if isinstance(scope, AssetScope) else "task"
        keep = getattr(self.worker, f"serialize_{of}_state_store_to_ref")
        fetch = getattr(self.worker, f"deserialize_{of}_state_store_from_ref")
        reference = keep(value=value, key=key, scope=scope)
        document = json.dumps({"__airflow_state_ref__": reference})
        self.backend.set(scope, key, document, expires_at=expires_at)
        self.model[scope, key] = (document, expires_at)
        found = fetch(reference)
        if expires_at is None or expires_at > datetime.now(UTC):
            assert found == value
        return scope, key

    @rule(scope=scopes)
    def worker_values_end_with_their_references(self, scope: StateScope) -> None:
        worker_values = self.worker.entries(scope)
        for key, entry in self.backend.entries(scope).items():
            # A document that is there now was so when its worker value was looked for.
            if references.referred(entry.value) is not None:
                assert worker_values[key].expires_at == entry.expires_at

    @rule(scope=scopes)
    def no_worker_value_is_left_without_its_state(self, scope: StateScope) -> None:
        assert self.worker.entries(scope).keys() <= {key for at, key in self.model if at == scope}

    def teardown(self) -> None:
        if hasattr(self, "worker"):
            self.worker.close()
        super().teardown()


def test_state_and_worker_values_stay_together(
    bound: dict[str, Any], machine_settings: settings
) -> None:
    machine = type("Machine", (BothSidesMachine,), bound)
    run_state_machine_as_test(machine, settings=machine_settings)
