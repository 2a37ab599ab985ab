"""Encryption with the keys that Airflow's configuration holds."""

from __future__ import annotations

import base64
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from redis_state import MisconfiguredError, RedisStateBackend, TaskScope

FIRST, SECOND = (base64.urlsafe_b64encode(bytes([byte] * 32)).decode() for byte in (1, 2))
TASK = TaskScope("dag", "run", "task")
Make = Callable[..., RedisStateBackend]


def test_airflow_s_fernet_keys_encrypt_and_rotate(
    monkeypatch: pytest.MonkeyPatch, make_backend: Make, raw: redis.Redis, namespace: str
) -> None:
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__ENCRYPTION", "airflow")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", FIRST)
    make_backend().set(TASK, "key", '"secret"')
    (value,) = raw.hvals(f"{namespace}:t:{{dag/run/task}}:-1")
    assert (value[0], b"secret" in value) == (0xB2, False)
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", f"{SECOND},{FIRST}")
    assert make_backend().rotate().reencrypted == 1
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", SECOND)
    assert make_backend().get(TASK, "key") == '"secret"'


def test_without_a_fernet_key_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")
    with pytest.raises(MisconfiguredError, match="needs .core. fernet_key, which is empty"):
        RedisStateBackend(encryption="airflow")


def test_keys_of_one_s_own_may_come_from_a_command(
    monkeypatch: pytest.MonkeyPatch, make_backend: Make, tmp_path: Path, caplog: Any
) -> None:
    command = tmp_path / "keys"
    command.write_text(f"#!/bin/sh\necho {FIRST}\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__ENCRYPTION", "own")
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__ENCRYPTION_KEYS_CMD", str(command))
    make_backend().set(TASK, "key", "1")
    monkeypatch.delenv("AIRFLOW__REDIS_STATE__ENCRYPTION_KEYS_CMD")
    assert make_backend(encryption_keys=FIRST).get(TASK, "key") == "1"
    assert "no option of redis-state" not in caplog.text
