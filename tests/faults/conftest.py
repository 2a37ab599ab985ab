"""Faults on real servers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import matrix
from tests.faults.load import MODES
from tests.support.nodes import Node
from tests.support.ports import Ports


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=MODES if matrix.ALL_FAULTS else MODES[:1])
def either_mode(request: pytest.FixtureRequest) -> str:
    """Give one mode where `make test` has to be quick."""
    return str(request.param)


@pytest.fixture(params=matrix.ON_FAULTS, scope="module")
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
    with Node(matrix.FIELD_FORM, ports.take(), *keeps_all, *obeys) as node:
        yield node


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Tell figures: on the screen, and in a file where one is named."""

    def tell(**figures: Any) -> None:
        line = json.dumps({"test": request.node.name, **figures}, default=str) + "\n"
        sys.stdout.write(line)
        if path := matrix.FIGURES:
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(line)

    return tell
