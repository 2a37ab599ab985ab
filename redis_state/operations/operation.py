"""Operations: what a method sends and how the replies read, for each form of expiry; no I/O.

The sync and the async client run the same operations. Every operation is idempotent: it may be run
twice, from any point of its steps, also when the reply to the first run was lost, and the state is
that of one run. This is why the clients may retry. tests/lua/test_idempotence.py runs each one
twice and fails for one that is not; tests/worker/test_asset_steps.py has others come in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Generic, TypeAlias, TypeVar

from redis_state.config.durability import Durability
from redis_state.errors import DurabilityError
from redis_state.format.layout import Place
from redis_state.operations.scripts import Script

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What of native expiry the server has: per field at all, and in one command with the write."""

    field_expiry: bool
    hsetex: bool


Argument: TypeAlias = str | bytes | int
# As arguments, or as the bytes that Redis reads.
Command: TypeAlias = tuple[Argument, ...] | bytes


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """A script to run on pages; the client sends its SHA, and its text where that is unknown."""

    script: Script
    pages: tuple[str, ...]
    arguments: tuple[Argument, ...]


Batch: TypeAlias = list[Command | ScriptCall]
Replies: TypeAlias = list[Any]


class Operation(Generic[T]):
    """Commands for a server that can do this or that, and what their replies mean."""

    __slots__ = ()

    # Seconds that it may wait at the server: so it takes a connection of its own.
    lingers: float = 0.0
    # Done, it has shown that the server takes writes.
    writes = False
    # The errors of the server are among the replies, for the operation to read.
    reads_errors = False

    @property
    def page(self) -> str:
        """Return a page of the slot that all its commands work in."""
        raise NotImplementedError

    def begin(self, server: Capabilities) -> Batch:
        """Return what to send, which may be nothing."""
        raise NotImplementedError

    def end(self, replies: Replies) -> T | Operation[T]:
        """Return the result, or the operation that goes on from here."""
        raise NotImplementedError


# Asked of each connection; a server answers with nothing in the place of a command that it lacks.
PROBE: Batch = [("COMMAND", "INFO", "HPEXPIREAT", "HSETEX")]


def capabilities(replies: Replies) -> Capabilities:
    """Read the reply to `PROBE`; a server that will not tell is served in the form all have."""
    if not isinstance(replies[0], list):
        return Capabilities(field_expiry=False, hsetex=False)
    known = [bool(command) for command in replies[0]]
    return Capabilities(field_expiry=known[0], hsetex=all(known))


class Scripted(Operation[Any]):
    """Run a script, that of the hash form or that of the field form; its reply is the result."""

    __slots__ = ("_arguments", "_field", "_hash", "_places")

    def __init__(
        self,
        hash_form: Script,
        field_form: Script,
        places: Sequence[Place],
        arguments: tuple[Argument, ...],
    ) -> None:
        self._hash = hash_form
        self._field = field_form
        self._places = places
        self._arguments = arguments

    @property
    def page(self) -> str:
        return self._places[0].page

    def begin(self, server: Capabilities) -> Batch:
        script = self._field if server.field_expiry else self._hash
        return [ScriptCall(script, tuple(place.page for place in self._places), self._arguments)]

    def end(self, replies: Replies) -> Any:
        return replies[0]


class InTurn(Operation[None]):
    """Run operations one after the other."""

    __slots__ = ("_first", "_others")

    def __init__(self, first: Operation[None], *others: Operation[None]) -> None:
        self._first = first
        self._others = others

    @property
    def page(self) -> str:
        return self._first.page

    def begin(self, server: Capabilities) -> Batch:
        return self._first.begin(server)

    def end(self, replies: Replies) -> Operation[None] | None:
        going_on = self._first.end(replies)
        if isinstance(going_on, Operation):
            return InTurn(going_on, *self._others)
        return InTurn(*self._others) if self._others else None


class Together(Operation[list[T]]):
    """Run operations of one server, each of one step, in one round trip."""

    __slots__ = ("_lengths", "_operations")

    def __init__(self, operations: Sequence[Operation[T]]) -> None:
        self._operations = operations
        self._lengths: list[int] = []

    @property
    def page(self) -> str:
        return self._operations[0].page

    def begin(self, server: Capabilities) -> Batch:
        batches = [operation.begin(server) for operation in self._operations]
        self._lengths = list(map(len, batches))
        return list(chain.from_iterable(batches))

    def end(self, replies: Replies) -> list[T]:
        left = iter(replies)
        results: list[T] = []
        for operation, length in zip(self._operations, self._lengths, strict=True):
            result = operation.end(list(islice(left, length)))
            if isinstance(result, Operation):
                raise TypeError(f"{operation} has more than one step")
            results.append(result)
        return results


class Durable(Operation[T]):
    """An operation that counts as done when what it wrote is as safe as was asked."""

    __slots__ = ("_durability", "_failure", "_operation", "lingers")

    writes = True

    def __init__(
        self,
        operation: Operation[T],
        durability: Durability,
        failure: DurabilityError | None = None,
    ) -> None:
        self._operation = operation
        self._durability = durability
        self._failure = failure
        self.lingers = durability.seconds

    @property
    def page(self) -> str:
        return self._operation.page

    def begin(self, server: Capabilities) -> Batch:
        batch = self._operation.begin(server)
        return [*batch, self._durability.command] if batch else []

    def end(self, replies: Replies) -> T | Operation[T]:
        result = self._operation.end(replies[:-1])
        failure = self._failure
        if replies and failure is None:
            failure = self._durability.failure(replies[-1])
        if isinstance(result, Operation):
            # All steps are taken before anybody is told.
            return Durable(result, self._durability, failure)
        if failure is not None:
            raise failure
        return result
