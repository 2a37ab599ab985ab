"""The backend on fakeredis encrypts, compresses and rotates like the real one."""

from __future__ import annotations

import pytest

from redis_state import TaskScope
from redis_state.admin.rotation import RotationReport
from redis_state.testing import fake_backend
from tests.encryption.conftest import FIRST

TASK = TaskScope("dag", "run", "task")


@pytest.mark.parametrize("field_expiry", [True, False])
async def test_a_fake_rotates(field_expiry: bool) -> None:
    backend = fake_backend(
        field_expiry=field_expiry, encryption="own", encryption_keys=FIRST, compression_threshold=1
    )
    backend.set(TASK, "key", "x" * 100)
    assert backend.rotate() == RotationReport(seen=1, up_to_date=1)
    assert await backend.arotate() == RotationReport(seen=1, up_to_date=1)
    assert backend.get(TASK, "key") == "x" * 100
