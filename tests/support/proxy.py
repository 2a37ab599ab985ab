"""A TCP proxy that passes bytes on, and does what networks do to them.

What it does is a `Weather`, which can change at any time, also for connections that stand. It
counts what it has done, so that a test can tell that its fault has happened.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.support.ports import HOST, Ports

UP, DOWN = "to the server", "to the client"
_READ_SIZE = 65_536
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Weather:
    """What happens to bytes on the way in the directions of ``ways``.

    ``delay``: seconds that each chunk waits. ``trickle``: so many bytes go at a time, with
    ``pause`` between them. ``cut_after``: the connection ends behind so many bytes since the
    weather changed; ``cut_short``: it ends just before the last byte of a chunk, which is within a
    reply. ``swallow``: bytes are taken and go nowhere. ``reset``: connections end with an RST.
    """

    delay: float = 0.0
    trickle: int = 0
    pause: float = 0.001
    cut_after: int | None = None
    cut_short: bool = False
    swallow: bool = False
    reset: bool = False
    ways: tuple[str, ...] = (UP, DOWN)


FAIR = Weather()


@dataclass(eq=False)
class _Pair:
    """The two connections of one client, and how much went each way in this weather."""

    client: socket.socket
    server: socket.socket
    weather: Weather = FAIR
    passed: Counter[str] = field(default_factory=Counter)
    ending: threading.Lock = field(default_factory=threading.Lock)

    def end(self, *, reset: bool) -> None:
        # Whoever comes first decides how it ends.
        if not self.ending.acquire(blocking=False):
            return
        # What has arrived here must not arrive there after what the client sends next.
        for one in (self.server, self.client):
            with contextlib.suppress(OSError):
                if reset:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                # This wakes the thread that reads from it; only sending would say goodbye.
                one.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            one.close()


class Proxy:
    """Stands before a server on a port of its own, which it keeps when it refuses."""

    def __init__(self, port: int) -> None:
        self._ports = Ports()
        self.port = self._ports.take()
        self._target = port
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._pairs: set[_Pair] = set()
        self._weather = FAIR
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self.accept()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.refuse()
        self.cut()
        self._ports.close()

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    @contextmanager
    def weather(self, weather: Weather) -> Iterator[None]:
        """Let something happen to all connections until the end of the block."""
        self._weather = weather
        try:
            yield
        finally:
            self._weather = FAIR

    def accept(self) -> None:
        """Take connections, again after `refuse`."""
        self._listener = socket.create_server((HOST, self.port))
        self._acceptor = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._acceptor.start()

    def refuse(self) -> None:
        """Refuse new connections; those that stand stay."""
        if self._listener is not None and self._acceptor is not None:
            # Closing alone would not wake the thread that accepts.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._acceptor.join()
            self._listener.close()
            self._listener = None

    def retarget(self, port: int) -> None:
        """Lead new connections elsewhere; those that stand stay where they are."""
        self._target = port

    def cut(self, *, reset: bool = False) -> int:
        """End all connections, and return how many there were."""
        pairs = list(self._pairs)
        for pair in pairs:
            self._end(pair, reset=reset)
        return len(pairs)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        self.counts["connections"] += 1
        try:
            server = socket.create_connection((HOST, self._target))
        except OSError:
            client.close()
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = _Pair(client, server)
        self._pairs.add(pair)
        for ends in ((client, server, UP), (server, client, DOWN)):
            threading.Thread(target=self._pump, args=(pair, *ends), daemon=True).start()

    def _pump(self, pair: _Pair, source: socket.socket, sink: socket.socket, way: str) -> None:
        with contextlib.suppress(OSError):
            while (data := source.recv(_READ_SIZE)) and self._pass_on(pair, data, sink, way):
                pass
        self._end(pair)

    def _pass_on(self, pair: _Pair, data: bytes, sink: socket.socket, way: str) -> bool:
        """Send what came, as the weather lets it, and tell whether the connection goes on."""
        weather = self._weather
        if way not in weather.ways:
            sink.sendall(data)
            return True
        if pair.weather is not weather:
            pair.weather, pair.passed = weather, Counter()
        if weather.swallow:
            self.counts["swallowed"] += 1
            return True
        allowed = _allowed(weather, pair.passed[way], len(data))
        pair.passed[way] += len(data)
        time.sleep(weather.delay)
        self.counts["delayed"] += weather.delay > 0
        self._send(weather, data[:allowed], sink)
        if allowed == len(data):
            return True
        self.counts["cut"] += 1
        self._end(pair, reset=weather.reset)
        return False

    def _send(self, weather: Weather, data: bytes, sink: socket.socket) -> None:
        if not weather.trickle:
            sink.sendall(data)
            return
        for start in range(0, len(data), weather.trickle):
            self.counts["trickled"] += 1
            sink.sendall(data[start : start + weather.trickle])
            time.sleep(weather.pause)

    def _end(self, pair: _Pair, *, reset: bool = False) -> None:
        self._pairs.discard(pair)
        pair.end(reset=reset)


def _allowed(weather: Weather, before: int, size: int) -> int:
    if weather.cut_short:
        return size - 1
    if weather.cut_after is None:
        return size
    return max(0, min(size, weather.cut_after - before))
