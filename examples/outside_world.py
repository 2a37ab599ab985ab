"""What the example DAGs talk to: a job service and a shop, with accidents on demand."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

# How often a job answers that it is running, counted over all who ask.
RUNNING_ANSWERS = 3
LAST_PAGE = 7


@dataclass(frozen=True)
class Request:
    """A request that came in."""

    at: float
    line: str
    token: str = ""


class OutsideWorld:
    """A web server in this process; ``requests`` is what came in, in order."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.sales = 0
        self.news = 0
        self._accident_at: dict[str, int] = {}
        self._accidents: dict[str, Callable[[], None]] = {}
        self._submitted: Counter[str] = Counter()
        self._answers_of_jobs: dict[str, int] = {}
        self._tokens = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def connections(self) -> dict[str, str]:
        """The Airflow connections that lead here, as environment variables."""
        host, port = self._server.server_address[:2]
        connection = json.dumps({"conn_type": "http", "host": f"http://{host!s}:{port}"})
        return {"AIRFLOW_CONN_JOB_SERVICE": connection, "AIRFLOW_CONN_SHOP": connection}

    def at_first(self, line: str, accident: Callable[[], None]) -> None:
        """Let something happen at the first request of that line, which gets no answer."""
        self._accidents[line] = accident

    def submissions(self, name: str) -> int:
        """Return how many jobs of that name were submitted."""
        return self._submitted[name]

    def before_and_after(self, line: str, pattern: str) -> tuple[list[str], list[str]]:
        """Return the matching requests up to the accident at that line, and those after it."""
        cut = self._accident_at[line] + 1
        return _matches(pattern, self.requests[:cut]), _matches(pattern, self.requests[cut:])

    def answer(self, line: str, token: str, body: Any) -> Any:
        """Return the answer to a request, None for no answer."""
        with self._lock:
            self.requests.append(Request(time.monotonic(), line, token))
            accident = self._accidents.pop(line, None)
            if accident is None:
                return self._regular_answer(line, body)
            self._accident_at[line] = len(self.requests) - 1
        accident()
        return None

    def _regular_answer(self, line: str, body: Any) -> Any:
        target = urlsplit(line.split(" ")[1])
        query = {name: int(values[0]) for name, values in parse_qs(target.query).items()}
        answer: dict[str, Any] = {}
        match target.path.split("/")[1:]:
            case ["jobs"]:
                answer = {"id": self._submit(body["name"])}
            case ["jobs", job]:
                answer = {"status": self._status(job)}
            case ["orders"]:
                answer = {"orders": [{"page": query["page"]}] * 10, "last_page": LAST_PAGE}
            case ["sales"]:
                new = range(query["after"] + 1, self.sales + 1)
                answer = {"sales": [{"id": number} for number in new]}
            case ["news"]:
                answer = {"news": list(range(query["after"] + 1, self.news + 1))}
            case ["tokens"]:
                self._tokens += 1
                answer = {"token": f"token-{self._tokens}"}
        return answer

    def _submit(self, name: str) -> str:
        self._submitted[name] += 1
        job = f"{name}-{self._submitted[name]}"
        self._answers_of_jobs[job] = 0
        return job

    def _status(self, job: str) -> str:
        self._answers_of_jobs[job] += 1
        return "RUNNING" if self._answers_of_jobs[job] < RUNNING_ANSWERS else "SUCCEEDED"


def _matches(pattern: str, requests: Sequence[Request]) -> list[str]:
    found = (re.fullmatch(pattern, each.line) for each in requests)
    return [match.group(match.lastindex or 0) for match in found if match]


def _handler(world: OutsideWorld) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_PUT(self) -> None:
            self._serve()

        def log_message(self, *_: Any) -> None:
            """Stay quiet: `requests` holds what came in."""

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            line = f"{self.command} {self.path}"
            answer = world.answer(line, token, json.loads(body or "null"))
            if answer is None:
                return
            text = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    return Handler
