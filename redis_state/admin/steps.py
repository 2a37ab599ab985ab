"""What takes many calls, as a generator of steps: the same for threads and for event loops.

It yields what the client is to do next, and is sent the answer; an error is raised in it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from redis_state.config.url import Server
from redis_state.errors import StateStoreError
from redis_state.operations.operation import Operation

T = TypeVar("T")


class Client(Protocol):
    """A sync or an async client: what it returns is the result, or is awaited for it."""

    def servers(self) -> Any:
        """List the servers that have the state."""

    def run(self, operation: Operation[Any]) -> Any:
        """Run an operation at the server that has its page."""

    def run_at(self, server: Server, operation: Operation[Any]) -> Any:
        """Run an operation at one server, without a second try."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Run an operation at a server, or at the one that has its page; without any, list servers."""

    operation: Operation[Any] | None = None
    server: Server | None = None

    def of(self, client: Client) -> Any:
        """Return the answer of a client, or what is awaited for it."""
        if self.operation is None:
            return client.servers()
        if self.server is None:
            return client.run(self.operation)
        return client.run_at(self.server, self.operation)


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for some seconds."""

    seconds: float


Step: TypeAlias = Ask | Pause
Steps: TypeAlias = Generator[Step, Any, T]


def run(client: Client, steps: Steps[T]) -> T:
    """Take all steps, and return what they come to."""
    answer, error = None, None
    while not isinstance(step := _proceed(steps, answer, error), _End):
        answer, error = None, None
        try:
            answer = _take(step, client)
        except StateStoreError as raised:
            error = raised
    return step.result


async def arun(current: Callable[[], Client], steps: Steps[T]) -> T:
    """Do as ``run`` does, on the running loop, by the client that is current at each step."""
    answer, error = None, None
    while not isinstance(step := _proceed(steps, answer, error), _End):
        answer, error = None, None
        try:
            answer = await _atake(step, current())
        except StateStoreError as raised:
            error = raised
    return step.result


@dataclass(frozen=True, slots=True)
class _End(Generic[T]):
    result: T


def _proceed(steps: Steps[T], answer: Any, error: StateStoreError | None) -> Step | _End[T]:
    try:
        return steps.send(answer) if error is None else steps.throw(error)
    except StopIteration as end:
        return _End(end.value)


def _take(step: Step, client: Client) -> Any:
    if isinstance(step, Ask):
        return step.of(client)
    time.sleep(step.seconds)
    return None


async def _atake(step: Step, client: Client) -> Any:
    if isinstance(step, Ask):
        return await step.of(client)
    await asyncio.sleep(step.seconds)
    return None
