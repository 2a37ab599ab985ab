"""Whether the plug-in works, where Airflow's options say something that it cannot do."""

from __future__ import annotations

import pytest
from airflow import state

from redis_state import RedisStateBackend
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


class Broken(RedisStateBackend):
    def __init__(self) -> None:
        raise RuntimeError("the password is 1234")


def test_nor_does_a_subclass_that_cannot_be_built(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__STATE_STORE__BACKEND", f"{__name__}.Broken")
    monkeypatch.setattr(state, "_backend_instance", None)
    activation.does_work.cache_clear()
    try:
        assert activation.is_on()
        assert activation.does_work()
    finally:
        activation.does_work.cache_clear()
    assert "cannot work. RuntimeError." in caplog.text
    assert "1234" not in caplog.text
