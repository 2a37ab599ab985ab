"""The files of exports: written whole or not at all, and read line by line."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

import anyio
import anyio.to_thread

from redis_state.admin.archive import lines
from redis_state.errors import InvalidInputError, StateStoreError

Write: TypeAlias = Callable[[bytes], Awaitable[None]]
# How many bytes are done, of how many.
OnProgress: TypeAlias = Callable[[int, int], None]
_CHUNK = 262_144


@contextmanager
def writing(path: Path | None) -> Iterator[Write]:
    """Give a function that writes to a file, or to stdout; the file has its name once it is whole.

    Nobody but its user may read it.
    """
    if path is None:
        yield _write_to(sys.stdout.buffer, "stdout")
        return
    if path.exists() and not path.is_file():
        raise InvalidInputError(f"{path} is no file that could be replaced: use stdout for it.")
    with _errors_of(path):
        # With mode 0600.
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            yield _write_to(file, path)
            with _errors_of(path):
                file.flush()
                os.fsync(number)
        with _errors_of(path):
            Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _write_to(file: BinaryIO, name: object) -> Write:
    def write_now(data: bytes) -> None:
        file.write(data)
        file.flush()

    async def write(data: bytes) -> None:
        with _errors_of(name):
            # Whoever reads a pipe may take their time.
            await anyio.to_thread.run_sync(write_now, data)

    return write


class Source:
    """A file to read, or stdin, whose lines have at most so many bytes."""

    def __init__(self, path: Path | None, longest: int, on_progress: OnProgress) -> None:
        self._path = path
        self._longest = longest
        self._on_progress = on_progress

    async def lines(self) -> AsyncGenerator[tuple[int, bytes]]:
        """Read the lines with their numbers, from 1."""
        started: list[bytes] = []
        number, size = 1, 0
        with self._open() as file:
            async for chunk in self._chunks(file.fileno()):
                first, *others = chunk.split(b"\n")
                started.append(first)
                size += len(first)
                for other in others:
                    yield number, b"".join(started)
                    started, size, number = [other], len(other), number + 1
                if size > self._longest:
                    raise lines.damaged(
                        number,
                        "it is longer than that of any value. If a value is that large, raise "
                        "[redis_state] max_value_bytes.",
                    )
        if size:
            yield number, b"".join(started)

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        if self._path is None:
            yield sys.stdin.buffer
            return
        with _errors_of(self._path):
            file = self._path.open("rb")
        with file:
            yield file

    async def _chunks(self, number: int) -> AsyncIterator[bytes]:
        with _errors_of(self._path or "stdin"):
            kind, done, size = os.fstat(number).st_mode, 0, os.fstat(number).st_size
            waits = stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) or os.isatty(number)
            while True:
                if waits:
                    # So that Ctrl-C ends it, though nobody writes.
                    await anyio.wait_readable(number)
                chunk = os.read(number, _CHUNK)
                if not chunk:
                    return
                done += len(chunk)
                if size:
                    self._on_progress(done, size)
                yield chunk


@contextmanager
def _errors_of(name: object) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except FileNotFoundError as error:
        raise InvalidInputError(f"{name}: {error.strerror}.") from error
    except OSError as error:
        raise StateStoreError(f"{name}: {error.strerror or error}.") from error
