"""Two API servers on one metadata database, one with the lane: asked the same, byte for byte."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import jwt
import redis

from redis_state.format.owner import owner_key
from redis_state.plugin.express_lane.counts import COUNTS
from tests.support.waiting import wait_for
from tests.with_airflow.lane.asked import ELSEWHERE, Asked
from tests.with_airflow.lane.wire import Answer, Exchange, exchange
from tests.with_airflow.lane.world import World

# Errors tell of them: of the same length, so that what tells them is.
PLAIN, LANE = "plain", "laned"
# What tells of one moment alone.
_OF_THE_MOMENT = {"date"}
_RENEWED = "refreshed-api-token"


@dataclass
class Pair:
    """The two servers, by the namespace of each, and the state that both begin with."""

    world: World
    redis: redis.Redis
    ports: dict[str, int]
    # A page without its namespace, as Redis dumps it.
    _begin: dict[bytes, bytes] = field(default_factory=dict)
    _updated: int = 0

    def keep(self, namespace: str = PLAIN) -> None:
        """Let both begin anew with what one of them has now, see `begin`."""
        pages = self._pages(namespace)
        dumps = self._at_once(("DUMP", namespace.encode() + page) for page in pages)
        self._begin = dict(zip(pages, dumps, strict=True))
        self._updated = max(
            (
                each["updated_at"]
                for page in self.state(namespace).values()
                for each in page.values()
            ),
            default=0,
        )

    def begin(self) -> None:
        """Give both the state that was kept, and no other."""
        for namespace in (PLAIN, LANE):
            name = namespace.encode()
            old = [("DEL", name + page) for page in self._pages(namespace)]
            new = [("RESTORE", name + page, 0, dump) for page, dump in self._begin.items()]
            self._at_once([*old, *new])

    def ask(self, asked: Asked) -> tuple[Exchange, Counter[str]]:
        """Ask both, and return the answers that both gave, and what the lane counted."""
        sent = asked.filled(self.world.mark)
        before = _counted()
        exchanges = [exchange(self.ports[name], sent, asked.methods) for name in (PLAIN, LANE)]
        plain, lane = exchanges
        assert told(lane) == told(plain)
        # What clients asked that have gone may be counted later.
        expected = len([each for each in asked.lane if each != ELSEWHERE])
        wait_for(lambda: (_counted() - before).total() >= expected, "a count")
        assert lane.stayed_open == plain.stayed_open
        if len(plain.answers) < len(asked.methods):
            # Behind the end of its connection, a request may still be under way.
            wait_for(lambda: self._comparable(LANE) == self._comparable(PLAIN), "the same state")
        assert self._comparable(LANE) == self._comparable(PLAIN)
        return lane, _counted() - before

    def state(self, namespace: str) -> dict[bytes, dict[bytes, dict[str, Any]]]:
        """Return all values of a namespace, by page and field."""
        pages = sorted(self._pages(namespace))
        keys = [namespace.encode() + page for page in pages]
        # As the client gives them: by field.
        contents = self._at_once(("HGETALL", key) for key in keys)
        asked = zip(keys, contents, strict=True)
        deadlines = self._at_once(
            ("HPEXPIRETIME", key, "FIELDS", len(fields), *fields) for key, fields in asked
        )
        told = zip(contents, deadlines, strict=True)
        return dict(zip(pages, (_values(*each) for each in told), strict=True))

    def _comparable(self, namespace: str) -> Any:
        return {
            page: {
                name: value | {"updated_at": value["updated_at"] > self._updated}
                for name, value in fields.items()
            }
            for page, fields in self.state(namespace).items()
        }

    def _pages(self, namespace: str) -> list[bytes]:
        prefix, owner = namespace.encode(), owner_key(namespace).encode()
        found = self.redis.scan_iter(match=f"{namespace}:*", count=1000)
        return [page.removeprefix(prefix) for page in found if page != owner]

    def _at_once(self, commands: Iterable[tuple[Any, ...]]) -> list[Any]:
        pipeline = self.redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return pipeline.execute()


def _values(fields: dict[bytes, bytes], deadlines: list[int]) -> dict[bytes, dict[str, Any]]:
    return {
        name: {
            "updated_at": int.from_bytes(raw[1:7], "big"),
            "rest": raw[:1] + raw[7:],
            "deadline": deadline,
        }
        for (name, raw), deadline in zip(fields.items(), deadlines, strict=True)
    }


def told(exchange: Exchange) -> list[Any]:
    """Return what the answers say, in a form that can be compared."""
    return [_told(answer) for answer in exchange.answers]


def _told(answer: Answer) -> Any:
    headers = sorted((name, value) for name, value in answer.headers if name not in _OF_THE_MOMENT)
    if (token := answer.header(_RENEWED)) is not None:
        claims = jwt.decode(token, options={"verify_signature": False})
        lifetime = claims.pop("exp") - claims.pop("iat")
        kept = {name: value for name, value in claims.items() if name not in {"jti", "nbf"}}
        headers = [pair for pair in headers if pair[0] != _RENEWED]
        headers.append((_RENEWED, f"{kept} for {lifetime}"))
    body: Any = answer.body
    if answer.header("content-encoding") == "gzip":
        # When it was compressed may be told, too.
        body = gzip.decompress(body)
        headers = [pair for pair in headers if pair[0] != "content-length"]
    if answer.header("content-type") == "application/json" and body:
        body = json.loads(body)
    return answer.status, headers, repr(body).replace(f"'{LANE}:", f"'{PLAIN}:")


def _counted() -> Counter[str]:
    return Counter({"answered": COUNTS.answered}) + COUNTS.passed
