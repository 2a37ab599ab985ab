"""Whether the plug-in works, where Airflow's options say something that it cannot do."""

from __future__ import annotations

import pytest

from redis_state.plugin import activation


@pytest.mark.parametrize("backend", ["no.such.Backend", "", "pathlib.Path"])
def test_a_backend_that_cannot_be_used_does_not_end_the_api_server(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv("AIRFLOW__STATE_STORE__BACKEND", backend)
    activation.does_work.cache_clear()
    try:
        assert not activation.is_on()
        assert not activation.does_work()
    finally:
        activation.does_work.cache_clear()
