"""Who is asked about while it is deleted, and whether what was answered may be so."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import cycle
from typing import Any

from airflow.models import TaskInstance
from airflow.models.asset import AssetActive
from sqlalchemy import NullPool, create_engine, delete, text

from tests.support.waiting import wait_for
from tests.with_airflow.lane.asked import API_VERSION, message
from tests.with_airflow.lane.wire import Answer, Connection
from tests.with_airflow.server.airflow_home import Home
from tests.with_airflow.server.metadata import Instance, Metadata

_DONE = {HTTPStatus.OK, HTTPStatus.NO_CONTENT}
# Seconds for which a token is taken after its end.
_LEEWAY = 10
# Of those that have ended, some are asked for still.
_KEPT = 5

# Those of the metadata database as often as can be: for a token it has to wait.
_ORDER = ("instance", "run", "asset") * 5 + ("token",)


@dataclass(eq=False)
class Victim:
    """What can be asked for until something ends it; it alone writes its own word."""

    kind: str
    target: str
    token: str
    word: str
    # Makes it impossible, and returns when that is committed.
    end: Callable[[], None]
    # By the clock of the race.
    ended: float = float("inf")

    def request(self, method: str) -> bytes:
        headers = [("Airflow-API-Version", API_VERSION), ("Authorization", f"Bearer {self.token}")]
        if method != "PUT":
            return message(method, self.target, headers)
        body = json.dumps({"value": self.word}).encode()
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        return message(method, self.target, headers) + body


@contextmanager
def clock(metadata: Metadata) -> Iterator[Callable[[], float]]:
    """Give the time of the database in seconds, asked on a connection of one's own.

    SQLite has none of its own: it runs in the processes of this machine, by whose clock it is told.
    """
    if metadata.engine.dialect.name == "sqlite":
        yield time.monotonic
        return
    engine = create_engine(metadata.engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        asked = text("SELECT extract(epoch FROM clock_timestamp())")
        yield lambda: float(connection.execute(asked).scalar_one())


@dataclass
class Race:
    """Asks for victims from several threads, while another one ends them and finds new ones.

    One clock tells what was first: that of the database, where it is a server.
    """

    home: Home
    metadata: Metadata
    port: int
    how_many: int
    # What must not have been, in words.
    wrong: list[str] = field(default_factory=list)
    # By the kind of victim, whether it had ended, and the status.
    seen: Counter[tuple[str, bool, int]] = field(default_factory=Counter)

    def run(self) -> None:
        self._dag_id = self.metadata.dag()
        self._makers = {
            "instance": self._instance,
            "run": self._run,
            "asset": self._asset,
            "token": self._token,
        }
        self._alive = {kind: make() for kind, make in self._makers.items()}
        self._ended: list[Victim] = []
        self._left = self.how_many
        self._lock = threading.Lock()
        askers = [threading.Thread(target=self._ask, args=(each,)) for each in range(8)]
        ender = threading.Thread(target=self._end)
        for thread in (*askers, ender):
            thread.start()
        for thread in (*askers, ender):
            thread.join()

    def _instance(self) -> Victim:
        instance = self.metadata.instance()
        return self._victim("instance", instance, lambda: self._delete(instance))

    def _run(self) -> Victim:
        """Give an instance of a run that is deleted and made again each time."""
        self.metadata.run(self._dag_id)
        (instance,) = self.metadata.instances(self._dag_id)
        return self._victim("run", instance, lambda: self.metadata.delete_run(self._dag_id))

    def _asset(self) -> Victim:
        asset, instance = self.metadata.asset(), self.metadata.instance()

        def end() -> None:
            with self.metadata.session() as session:
                session.execute(delete(AssetActive).filter_by(name=asset.name))

        target = f"/execution/store/asset/by-name/value?name={asset.name}&key=key"
        return self._victim("asset", instance, end, target)

    def _token(self) -> Victim:
        """Give an instance whose token is valid for less than a second."""
        instance = self.metadata.instance()
        over = time.monotonic_ns() + 1e9
        victim = self._victim(
            "token", instance, lambda: wait_for(lambda: time.monotonic_ns() > over)
        )
        victim.token = self.home.token(instance.id, valid_for=1 - _LEEWAY)
        return victim

    def _victim(
        self, kind: str, instance: Instance, end: Callable[[], None], target: str = ""
    ) -> Victim:
        target = target or f"/execution/store/ti/{instance.id}/key"
        return Victim(kind, target, self.home.token(instance.id), str(instance.id), end)

    def _delete(self, instance: Instance) -> None:
        with self.metadata.session() as session:
            session.delete(session.get(TaskInstance, instance.id))

    def _ask(self, number: int) -> None:
        choose = random.Random(number)
        with Connection(self.port) as connection, clock(self.metadata) as now:
            while self._take():
                victim = choose.choice([*self._alive.values(), *self._ended])
                method = choose.choice(("GET", "PUT", "PUT", "DELETE"))
                begun = now()
                connection.send(victim.request(method))
                answer = connection.answer(method)
                assert answer is not None
                self._judge(victim, method, begun, answer)

    def _take(self) -> bool:
        with self._lock:
            self._left -= 1
            return not self._is_over()

    def _is_over(self) -> bool:
        """Tell whether enough was asked, also of each kind before its end and after it."""
        tried = {(kind, had_ended) for kind, had_ended, _ in self.seen}
        return self._left < 0 and len(tried) == 2 * len(self._makers)

    def _judge(self, victim: Victim, method: str, begun: float, answer: Answer) -> None:
        had_ended = begun > victim.ended
        body: Any = json.loads(answer.body) if answer.body else {}
        with self._lock:
            self.seen[victim.kind, had_ended, answer.status] += 1
            is_refused = answer.status not in _DONE and not _tells_of_a_key(body)
            if had_ended and not is_refused:
                self.wrong.append(f"{method} of {victim.kind} that had ended: {answer}")
            if answer.status == HTTPStatus.OK and body["value"] != victim.word:
                self.wrong.append(f"{victim.kind} got another's value: {answer}")

    def _end(self) -> None:
        with clock(self.metadata) as now:
            for kind in cycle(_ORDER):
                with self._lock:
                    if self._is_over():
                        break
                victim = self._alive[kind]
                victim.end()
                victim.ended = now()
                self._ended = [*self._ended, victim][-_KEPT:]
                self._alive[kind] = self._makers[kind]()


def _tells_of_a_key(body: Any) -> bool:
    detail = body.get("detail")
    return isinstance(detail, dict) and "key" in detail.get("message", "")
