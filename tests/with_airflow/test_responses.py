"""Errors in a process that runs FastAPI, as Airflow's API server does."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from redis_state import (
    CorruptValueError,
    InvalidInputError,
    InvalidKeyError,
    InvalidScopeError,
    InvalidValueError,
    MisconfiguredError,
    OperationTimeoutError,
    RedisStateBackend,
    StateStoreError,
    TaskScope,
    TooLargeError,
    UnavailableError,
)
from redis_state.airflow.http_errors import as_http_error
from tests.with_airflow.conftest import HAS_CORE

ANSWERS = {
    TooLargeError: 413,
    InvalidInputError: 422,
    InvalidKeyError: 422,
    InvalidScopeError: 422,
    InvalidValueError: 422,
    CorruptValueError: 409,
    MisconfiguredError: 424,
    UnavailableError: 503,
    OperationTimeoutError: 503,
    StateStoreError: 503,
}

if HAS_CORE:

    @pytest.mark.parametrize("kind", ANSWERS)
    def test_each_error_is_answered_with_its_status_and_message(
        kind: type[StateStoreError], caplog: pytest.LogCaptureFixture
    ) -> None:
        http_exception = import_module("fastapi").HTTPException
        answer = as_http_error(kind("what to do"))
        assert isinstance(answer, kind)
        assert isinstance(answer, http_exception)
        assert str(answer) == "what to do"
        assert answer.status_code == ANSWERS[kind]
        assert answer.detail == "what to do"
        assert ("what to do" in caplog.text) is (not issubclass(kind, InvalidInputError))

    def test_only_a_call_with_airflow_s_session_is_answered() -> None:
        http_exception = import_module("fastapi").HTTPException
        backend = RedisStateBackend()
        scope = TaskScope("d", "r", "t")
        with pytest.raises(InvalidKeyError) as plain:
            backend.get(scope, "k" * 513)
        assert not isinstance(plain.value, http_exception)
        with pytest.raises(InvalidKeyError) as given:
            backend.get(scope, "k" * 513, session=object())
        assert isinstance(given.value, http_exception)

    def test_a_wrong_option_is_answered_too(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW__REDIS_STATE__TIMEOUT", "soon")
        with pytest.raises(MisconfiguredError, match="timeout is wrong") as raised:
            RedisStateBackend()
        assert isinstance(raised.value, import_module("fastapi").HTTPException)


def test_without_fastapi_an_error_stays_what_it_is() -> None:
    code = (
        "import sys; from redis_state import *;"
        "from redis_state.airflow.http_errors import as_http_error;"
        "error = InvalidKeyError('x'); assert as_http_error(error) is error;"
        "assert 'fastapi' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
