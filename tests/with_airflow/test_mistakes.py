"""What an operator got wrong, as Airflow's API server answers it."""

from __future__ import annotations

import pytest

from redis_state import RedisStateBackend, StateStoreError
from tests.support.budgets import few_attempts
from tests.support.mistakes import MISTAKES, OPTIONS, SHOWN, TASK
from tests.with_airflow.conftest import HAS_CORE

if HAS_CORE:
    # As in the API server.
    import fastapi

    @pytest.mark.parametrize("name", MISTAKES)
    def test_a_mistake_is_answered_so_that_the_client_gives_up(
        name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        mistake = MISTAKES[name]
        with mistake.made() as url:
            backend = RedisStateBackend(url=url, **OPTIONS)
            with few_attempts(), pytest.raises(StateStoreError) as caught:
                backend.set(TASK, "key", "1", session=object())
            backend.close()
        answer = caught.value
        assert isinstance(answer, fastapi.HTTPException)
        assert answer.status_code == mistake.status
        assert mistake.says in str(answer.detail)[:SHOWN]
        assert mistake.remedy in str(answer.detail)[:SHOWN]
        assert str(answer.detail) in caplog.text
