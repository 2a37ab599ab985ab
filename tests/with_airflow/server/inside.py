"""The API server inside the test's own process, where its queries can be counted."""

from __future__ import annotations

import gc
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import pytest
import svcs
import uvicorn
from airflow import settings, state
from airflow.state import BaseStoreBackend
from sqlalchemy import event
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import scoped_session

from tests.with_airflow.server.airflow_home import BASE_URL, Home, free_port
from tests.with_airflow.server.metadata import Metadata

_STARTS_WITHIN = 180.0


class InsideServer:
    """Serves Airflow's APIs over HTTP from a thread, with any backend."""

    def __init__(self, app: Any, metadata: Metadata) -> None:
        port = free_port()
        self.root = f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/execution/"
        self._metadata = metadata
        self._server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
        self._thread = threading.Thread(target=self._server.run)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        deadline = time.monotonic() + _STARTS_WITHIN
        while not self._server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        try:
            yield
        finally:
            self._server.should_exit = True
            self._thread.join()

    @contextmanager
    def queries(self) -> Iterator[list[str]]:
        """Collect the statements that reach the database meanwhile."""
        statements: list[str] = []

        def note(_: Any, __: Any, statement: str, *___: Any) -> None:
            statements.append(statement)

        event.listen(self._metadata.engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            event.remove(self._metadata.engine, "before_cursor_execute", note)


@contextmanager
def inside_server(
    home: Home, metadata: Metadata, apps: str = "execution", **more: str
) -> Iterator[InsideServer]:
    """Run a server on the tests' database; what it takes from Airflow is put back.

    ``more`` adds to the environment, or takes its place.
    """
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # Airflow's own imports warn of each other.
        warnings.simplefilter("ignore")
        for name, value in (home.options | more).items():
            patch.setenv(name, value)
        use(patch, None)
        patch.setattr(settings, "NonScopedSession", metadata.sessions)
        patch.setattr(settings, "Session", scoped_session(metadata.sessions))
        async_engine = metadata.async_engine()
        patch.setattr(settings, "async_engine", async_engine)
        patch.setattr(settings, "AsyncSession", async_sessionmaker(async_engine))
        app = import_module("airflow.api_fastapi.app")
        # What Airflow's module has read from the environment when it was imported.
        patch.setattr(app, "API_ROOT_PATH", f"{urlsplit(more.get(BASE_URL, '')).path}/")
        # Its lines would mix with those of the test run.
        patch.setattr(app, "init_access_logging", lambda _: None)
        patch.setattr(app._AuthManagerState, "instance", None)
        # All servers of a process would share one, which each empties when it ends.
        execution = import_module("airflow.api_fastapi.execution_api.app")
        patch.setattr(execution.lifespan, "registry", svcs.Registry())
        managers = import_module("airflow.api_fastapi.auth.managers.base_auth_manager")
        for cached in ("_get_token_signer", "_get_token_validator"):
            # They hold the secret of the server that was here before.
            getattr(managers.BaseAuthManager, cached).cache_clear()
        # What a plug-in has to offer depends on the configuration.
        plugins = import_module("airflow.plugins_manager")
        for cached in ("_get_plugins", "get_fastapi_plugins"):
            getattr(plugins, cached).cache_clear()
        import_module("redis_state.plugin.activation").does_work.cache_clear()
        server = InsideServer(app.create_app(apps), metadata)
        try:
            with server.running():
                yield server
        finally:
            # The express lane has frozen what was there.
            gc.unfreeze()


def use(patch: pytest.MonkeyPatch, backend: BaseStoreBackend | None) -> None:
    """Let Airflow use a backend; none: the one that the configuration names, made when needed."""
    patch.setattr(state, "_backend_instance", backend)
