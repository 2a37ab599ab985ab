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
from redis_state.airflow.responses import answered
from tests.with_airflow.conftest import HAS_CORE

ANSWERS = {
    TooLargeError: (413, "too_large"),
    InvalidInputError: (422, "invalid"),
    InvalidKeyError: (422, "invalid"),
    InvalidScopeError: (422, "invalid"),
    InvalidValueError: (422, "invalid"),
    CorruptValueError: (409, "corrupt"),
    MisconfiguredError: (503, "misconfigured"),
    UnavailableError: (503, "unavailable"),
    OperationTimeoutError: (503, "unavailable"),
    StateStoreError: (503, "unavailable"),
}

if HAS_CORE:

    @pytest.mark.parametrize("kind", ANSWERS)
    def test_each_error_is_answered_with_its_status_and_message(
        kind: type[StateStoreError], caplog: pytest.LogCaptureFixture
    ) -> None:
        http_exception = import_module("fastapi").HTTPException
        status, reason = ANSWERS[kind]
        answer = answered(kind("what to do"))
        assert isinstance(answer, kind)
        assert isinstance(answer, http_exception)
        assert str(answer) == "what to do"
        assert answer.status_code == status
        assert answer.detail == {"reason": reason, "message": "what to do"}
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


def test_without_fastapi_an_error_stays_what_it_is() -> None:
    code = (
        "import sys; from redis_state import *; from redis_state.airflow.responses import answered;"
        "error = InvalidKeyError('x'); assert answered(error) is error;"
        "assert 'fastapi' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
