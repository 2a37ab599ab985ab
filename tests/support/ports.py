"""Ports that stay free while a server is down, so that it can come back where it was.

They lie below those that the system gives to outgoing connections. Test processes beside each
other keep apart by the UDP port of the same number: whoever has that owns the TCP port, too.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

HOST = "127.0.0.1"
# A Redis before 7.0 has its cluster bus at this distance, and others can.
TO_THE_BUS = 10_000
_FIRST, _LAST = 11_000, 19_999
_ATTEMPTS = 1000


class Ports:
    """Reserves ports until it is closed, each with the one of its cluster bus."""

    def __init__(self) -> None:
        self._reserved = ExitStack()
        # The examples of Hypothesis, which seeds the ordinary one, would all begin alike.
        self._random = random.SystemRandom()

    def take(self) -> int:
        for _ in range(_ATTEMPTS):
            port = self._random.randint(_FIRST, _LAST)
            if self._reserve(port):
                return port
        raise OSError("no free port was found")

    def close(self) -> None:
        self._reserved.close()

    def _reserve(self, port: int) -> bool:
        with ExitStack() as taking:
            try:
                owner = taking.enter_context(socket.socket(type=socket.SOCK_DGRAM))
                owner.bind((HOST, port))
                for number in (port, port + TO_THE_BUS):
                    socket.create_server((HOST, number)).close()
            except OSError:
                return False
            self._reserved.push(taking.pop_all())
            return True
