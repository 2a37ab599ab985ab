"""When the express lane is on: only where all that a request would meet on its way is known."""

from __future__ import annotations

import gc
import logging
import sys
import warnings
from importlib import import_module
from types import ModuleType
from typing import Any

import airflow
import pytest
from airflow import state
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from redis_state import RedisStateBackend
from redis_state.airflow import express_lane as lane_state
from redis_state.plugin.express_lane.begin import express_lane

OPTION = "AIRFLOW__REDIS_STATE__EXPRESS_LANE"


class OwnBackend(RedisStateBackend):
    """A user's own, whose `set` may do more."""


class Stranger:
    """Somebody's middleware."""

    def __init__(self, app: Any) -> None:
        self.app = app


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "x" * 64)
    monkeypatch.setenv("AIRFLOW__STATE_STORE__BACKEND", "redis_state.RedisStateBackend")
    monkeypatch.setenv(OPTION, "True")
    monkeypatch.setattr(state, "_backend_instance", None)
    with warnings.catch_warnings():
        # Airflow's own imports warn of each other.
        warnings.simplefilter("ignore")
        made: FastAPI = import_module("airflow.api_fastapi.app").create_app("execution")
    return made


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "redis_state.plugin")
    monkeypatch.setattr(lane_state, "_known", [])


def innermost(app: FastAPI) -> Any:
    """Return what a plug-in's middleware is given to stand in front of."""
    app.user_middleware.clear()
    return app.build_middleware_stack().app


def execution_api(app: FastAPI) -> Any:
    (mount,) = [each for each in app.routes if isinstance(each, Mount)]
    return mount.app


def assert_off(inner: Any, why: str, caplog: pytest.LogCaptureFixture) -> None:
    assert express_lane(inner) is inner
    (line,) = [each for each in caplog.records if "express lane" in each.getMessage()]
    assert line.getMessage().startswith("redis-state's express lane is off: ")
    assert why in line.getMessage()
    assert line.levelno == logging.WARNING
    known = lane_state.known()
    assert known is not None
    assert why in known.why_off


def test_it_is_on_where_it_is_wanted(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    inner = innermost(app)
    assert express_lane(inner) is not inner
    assert "redis-state's express lane is on" in caplog.text
    known = lane_state.known()
    assert known is not None
    assert known.is_on


def test_it_is_off_by_default(
    app: FastAPI, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(OPTION)
    inner = innermost(app)
    assert express_lane(inner) is inner
    (line,) = [each for each in caplog.records if "express lane" in each.getMessage()]
    assert "[redis_state] express_lane is False" in line.getMessage()
    assert line.levelno == logging.INFO


@pytest.mark.parametrize("backend", ["airflow.state.metastore.MetastoreBackend", "no.such.Backend"])
def test_another_backend_has_none(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv("AIRFLOW__STATE_STORE__BACKEND", backend)
    inner = innermost(app)
    assert express_lane(inner) is inner
    assert lane_state.known() is None


def test_a_subclass_is_not_bypassed(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__STATE_STORE__BACKEND", f"{__name__}.OwnBackend")
    assert_off(innermost(app), "OwnBackend, whose methods it bypasses", caplog)


def test_another_airflow_has_none(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(airflow, "__version__", "3.3.99")
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__UNTESTED_AIRFLOW", "True")
    assert_off(innermost(app), "was not compared with Airflow 3.3.99, only with 3.3.2", caplog)


def test_traces_have_all_their_spans(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__TRACES__OTEL_ON", "True")
    assert_off(innermost(app), "[traces] otel_on is True", caplog)


@pytest.mark.parametrize("name", ["asgi", "fastapi", "starlette"])
def test_so_has_the_instrumentation_of_others(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    module = f"opentelemetry.instrumentation.{name}"
    monkeypatch.setitem(sys.modules, module, ModuleType(module))
    assert_off(innermost(app), f"{module} is loaded", caplog)


def test_the_middleware_of_another_plugin_is_not_bypassed(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    assert_off(Stranger(innermost(app)), f"it would bypass {__name__}.Stranger", caplog)


def test_nor_is_one_inside_the_execution_api(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    execution_api(app).user_middleware.append(Middleware(Stranger))
    assert_off(innermost(app), f"it would bypass {__name__}.Stranger", caplog)


def test_nor_are_dependencies_that_somebody_has_put_in_place_of_airflows(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    execution_api(app).dependency_overrides[print] = print
    assert_off(innermost(app), "dependencies of the Execution API are overridden", caplog)


@pytest.mark.parametrize("path", ["/execution/store", "/execution", ""])
def test_nor_is_an_app_that_takes_the_requests_before_airflows(
    app: FastAPI, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    app.router.routes.insert(0, Mount(path, Starlette().router))
    assert_off(innermost(app), "takes its requests", caplog)


def test_a_process_without_the_execution_api_has_none(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    assert_off(innermost(FastAPI()), "no Execution API", caplog)


async def test_what_is_loaded_for_good_is_out_of_the_collectors_sight(app: FastAPI) -> None:
    lane = express_lane(innermost(app))
    sent: list[str] = []

    async def started(_: Any, __: Any, send: Any) -> None:
        assert gc.get_freeze_count() == 0
        await send({"type": "lifespan.startup.complete"})

    async def send(message: Any) -> None:
        assert gc.get_freeze_count() > 0
        sent.append(message["type"])

    lane._app = started
    try:
        await lane({"type": "lifespan"}, None, send)
    finally:
        gc.unfreeze()
    assert sent == ["lifespan.startup.complete"]
