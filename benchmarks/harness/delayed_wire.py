"""A long wire on the loopback: ``python -m benchmarks.delayed_wire SERVER ROUND_TRIP``.

What comes in leaves again after half a round trip, in the order in which it came. Any amount may be
under way at once, as on a network that is long and wide. It runs in a process of its own, prints
the port it listens at, and ends with the process that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

_HOST = "127.0.0.1"


@contextlib.contextmanager
def delayed_wire(server: int | Path, round_trip: float) -> Iterator[int]:
    """Lay a wire to a local port or unix socket, and return the port at its other end."""
    command = [sys.executable, "-m", __name__, str(server), str(round_trip)]
    wire = subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert wire.stdout is not None
    try:
        yield int(wire.stdout.readline())
    finally:
        wire.communicate()


class _End(asyncio.Protocol):
    """One end of a connection; what it receives leaves at the other end, later."""

    def __init__(self, delay: float) -> None:
        self.other: _End | None = None
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._under_way: deque[tuple[float, bytes | None]] = deque()
        self._is_waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._deliver()

    def data_received(self, data: bytes) -> None:
        assert self.other is not None
        self.other.take(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        if self.other is not None:
            self.other.take(None)

    def take(self, data: bytes | None) -> None:
        """Deliver this later; None: the end of the connection."""
        self._under_way.append((self._loop.time() + self._delay, data))
        if not self._is_waiting:
            self._deliver()

    def _deliver(self) -> None:
        self._is_waiting = False
        now = self._loop.time()
        while self._transport is not None and self._under_way:
            due, data = self._under_way[0]
            if due > now:
                self._is_waiting = True
                self._loop.call_at(due, self._deliver)
                return
            self._under_way.popleft()
            if data is None:
                self._transport.close()
            else:
                self._transport.write(data)


async def _serve(target: str, delay: float) -> None:
    loop = asyncio.get_running_loop()
    connecting: set[asyncio.Task[None]] = set()

    def accept() -> _End:
        near, far = _End(delay), _End(delay)
        near.other, far.other = far, near
        task = loop.create_task(connect(near, far))
        connecting.add(task)
        task.add_done_callback(connecting.discard)
        return near

    async def connect(near: _End, far: _End) -> None:
        try:
            if target.isdecimal():
                await loop.create_connection(lambda: far, _HOST, int(target))
            else:
                await loop.create_unix_connection(lambda: far, target)
        except OSError:
            near.take(None)

    server = await loop.create_server(accept, _HOST, 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The end of its input is that of who started it.
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], float(sys.argv[2]) / 2))
