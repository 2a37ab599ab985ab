"""Faults on real servers.

REDIS_STATE_TEST_FAULTS=all takes minutes: it adds the failovers by the dozen, Redis beside Valkey,
and both colours everywhere. REDIS_STATE_TEST_FIGURES=FILE collects what was counted, a JSON
document per line.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.load import COLOURS
from tests.support import servers
from tests.support.nodes import Node
from tests.support.ports import Ports

IS_THOROUGH = os.environ.get("REDIS_STATE_TEST_FAULTS") == "all"
OTHERS = (servers.HASH_FORM, "path" if servers.ON_PATH else None)
NAMES = [servers.FIELD_FORM, *(name for name in OTHERS if name and IS_THOROUGH)]

collect_ignore = [] if IS_THOROUGH else ["test_failovers.py"]


@pytest.fixture(params=COLOURS)
def colour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=COLOURS if IS_THOROUGH else COLOURS[:1])
def either_colour(request: pytest.FixtureRequest) -> str:
    """Give one colour where `make test` has to be quick."""
    return str(request.param)


@pytest.fixture(params=NAMES, scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ports() -> Iterator[Ports]:
    ports = Ports()
    yield ports
    ports.close()


@pytest.fixture
def node(ports: Ports) -> Iterator[Node]:
    """Start a server that keeps what it has acknowledged, and takes orders from a test."""
    keeps_all = ("--appendonly", "yes", "--appendfsync", "always")
    # Replicas need not wait for others before they get everything.
    obeys = ("--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0")
    with Node(servers.FIELD_FORM, ports.take(), *keeps_all, *obeys) as node:
        yield node


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Tell figures: on the screen, and in a file where one is named."""

    def tell(**figures: Any) -> None:
        line = json.dumps({"test": request.node.name, **figures}, default=str) + "\n"
        sys.stdout.write(line)
        if path := os.environ.get("REDIS_STATE_TEST_FIGURES"):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(line)

    return tell
