"""Begins to watch what Airflow deletes; found by the entry point ``airflow.policy``.

Airflow imports that in every process, also where it loads no plug-ins: ``airflow dags delete`` and
``airflow db clean`` are such. So this imports next to nothing, and sets no policy.
"""

from __future__ import annotations

from redis_state.plugin.watch import watch_sessions

watch_sessions()
