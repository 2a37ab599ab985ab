"""A stand-in for a cloud's token service: tokens that end soon, and a server that knows of them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import redis

RIGHTS = ("on", "+@all", "~*", "resetpass")


class TokenService:
    """Gives a user of Redis a new password each ``period`` seconds, and tells it by HTTP.

    ``overlap``: the password before is still good for a period.
    """

    def __init__(self, raw: redis.Redis, user: str, *, period: float, overlap: bool) -> None:
        self._raw = raw
        self.user = user
        self.period = period
        self._overlap = overlap
        self.tokens: list[str] = []
        self.fetched = 0
        self.is_down = False
        self._ends_at = 0.0
        self._stopped = threading.Event()
        raw.execute_command("ACL", "SETUSER", user, "reset", *RIGHTS)
        self.rotate()

    def rotate(self) -> None:
        token = f"token-{uuid4().hex}"
        known = [token, *(self.tokens[-1:] if self._overlap else [])]
        passwords = [f">{each}" for each in known]
        self._raw.execute_command("ACL", "SETUSER", self.user, "resetpass", *passwords)
        self.tokens.append(token)
        self._ends_at = time.monotonic() + self.period

    def keep_rotating(self) -> None:
        while not self._stopped.wait(max(0.0, self._ends_at - time.monotonic())):
            self.rotate()

    def stop(self) -> None:
        self._stopped.set()

    def answer(self) -> bytes:
        self.fetched += 1
        left = max(0.0, self._ends_at - time.monotonic())
        return json.dumps({"access_token": self.tokens[-1], "expires_in": left}).encode()


@contextmanager
def token_service(
    raw: redis.Redis, *, period: float, overlap: bool
) -> Iterator[tuple[TokenService, str]]:
    """Run the service, and give it with its URL."""
    service = TokenService(raw, f"user-{uuid4().hex[:8]}", period=period, overlap=overlap)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"{}" if service.is_down else service.answer()
            self.send_response(503 if service.is_down else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as http:
        threads = [
            threading.Thread(target=run) for run in (http.serve_forever, service.keep_rotating)
        ]
        for thread in threads:
            thread.start()
        try:
            yield service, f"http://127.0.0.1:{http.server_port}/token"
        finally:
            service.stop()
            http.shutdown()
            for thread in threads:
                thread.join()
            raw.execute_command("ACL", "DELUSER", service.user)
