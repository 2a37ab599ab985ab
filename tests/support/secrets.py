"""Watches the suite for secrets: nothing that a test logs, raises, prints or shows may hold one.

The secrets are those that `secret` made, and every password, key and URL that settings were given.
Looked through are, for each test: all log records, all errors of the library with those that led
to them, all that was printed, and the representation of settings, backends and what they consist
of. A test that lets one out fails, whatever it asserts.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Iterator
from functools import wraps
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4
from weakref import WeakSet

import pytest

from redis_state.backends.base import RedisBackend
from redis_state.backends.call import Call
from redis_state.config.settings import SENSITIVE, Settings

# A shorter one would be found by chance, in any text.
_SHORTEST = 8
_IN_URL = re.compile(r"://[^@/?#]*?:(.*)@", re.DOTALL)
_DEEPEST = 12


class Watch:
    """What is secret, and what the running test has shown."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._shown: list[tuple[str, str]] = []
        self._backends: WeakSet[RedisBackend] = WeakSet()

    def learn(self, *texts: str) -> None:
        """Take texts for secrets, in all the ways that they are written."""
        for text in texts:
            if len(text) >= _SHORTEST:
                self._secrets |= {text, unquote(text), quote(text, safe="", errors="replace")}

    def learn_options(self, options: dict[str, Any]) -> None:
        for name in SENSITIVE & options.keys():
            value = options[name]
            text = str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)
            self.learn(*(_IN_URL.findall(text) if name == "url" else text.split(",")))

    def see(self, where: str, *texts: str) -> None:
        self._shown += [(where, text) for text in texts]

    def see_error(self, where: str, error: BaseException | None) -> None:
        """See an error as a traceback shows it, but for lines of code."""
        while error is not None:
            notes = getattr(error, "__notes__", ())
            self.see(where, str(error), repr(error), *map(repr, error.args), *notes)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)

    def see_backend(self, backend: RedisBackend) -> None:
        self._backends.add(backend)

    def see_living(self) -> None:
        """See the backends that there are, with all of ours and of redis-py's in them."""
        seen: set[int] = set()
        for backend in list(self._backends):
            for part in _parts(backend, seen, _DEEPEST):
                self.see("representation", repr(part))

    def leaks(self) -> list[str]:
        """Return where the running test showed a secret, and forget what it showed."""
        shown, self._shown = self._shown, []
        found: dict[str, None] = {}
        for where, text in shown:
            for secret in self._secrets:
                if secret in text:
                    found[f"{where}: {text.replace(secret, '<the secret>')}"] = None
        return list(found)


WATCH = Watch()


def secret() -> str:
    """Make a secret for a test: whatever shows it, fails."""
    made = f"secret-{uuid4().hex}"
    WATCH.learn(made)
    return made


def _parts(thing: object, seen: set[int], depth: int) -> Iterator[object]:
    if id(thing) in seen or not depth:
        return
    seen.add(id(thing))
    if isinstance(thing, dict):
        inside = [*thing.keys(), *thing.values()]
    elif isinstance(thing, (list, tuple, set, frozenset)):
        inside = list(thing)
    elif type(thing).__module__.split(".")[0] in ("redis_state", "redis"):
        yield thing
        inside = _attributes(thing)
    else:
        return
    for part in inside:
        yield from _parts(part, seen, depth - 1)


def _attributes(thing: object) -> list[object]:
    slots = {
        name
        for kind in type(thing).__mro__
        for name in getattr(kind, "__slots__", ())
        if not name.startswith("__")
    }
    found = [getattr(thing, name, None) for name in slots]
    return [*found, *list(getattr(thing, "__dict__", {}).values())]


def _watch_settings(settings: Any) -> None:
    made = settings.__init__

    @wraps(made)
    def make(self: Settings, **options: Any) -> None:
        WATCH.learn_options(options)
        made(self, **options)
        WATCH.see("representation", repr(self), str(self), str(self.deployment))

    settings.__init__ = make


def _watch_backends(backends: Any) -> None:
    made = backends.__init__

    @wraps(made)
    def make(self: RedisBackend, *args: Any, **options: Any) -> None:
        made(self, *args, **options)
        WATCH.see_backend(self)

    backends.__init__ = make


def _watch_errors(context: Any) -> None:
    leave = context.__exit__

    @wraps(leave)
    def leaving(self: Any, kind: Any, error: BaseException | None, traceback: Any) -> Any:
        WATCH.see_error("error", error)
        return leave(self, kind, error, traceback)

    context.__exit__ = leaving


def _watch_logs(logger: Any) -> None:
    handle = logger.handle

    @wraps(handle)
    def handling(self: logging.Logger, record: logging.LogRecord) -> None:
        WATCH.see("log", record.getMessage(), repr(record.args))
        if record.exc_info:
            WATCH.see_error("log", record.exc_info[1])
        handle(self, record)

    logger.handle = handling
    for name in ("redis_state", "redis"):
        logging.getLogger(name).setLevel(logging.DEBUG)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    try:
        yield
    finally:
        WATCH.see_living()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for title, text in report.sections:
        # What is in the log was seen before.
        if not title.startswith("Captured log"):
            WATCH.see(title, text)
    if call.when == "teardown" and (leaks := WATCH.leaks()):
        report.outcome = "failed"
        report.longrepr = "\n".join(["The test shows a secret:", *leaks])
    return report


_watch_settings(Settings)
_watch_backends(RedisBackend)
_watch_errors(Call)
_watch_errors(pytest.RaisesExc)
_watch_logs(logging.Logger)
