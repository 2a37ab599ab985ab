"""The state that both servers begin with, some of which Airflow itself would not write."""

from __future__ import annotations

import json
from typing import Any

import redis

from redis_state.format import layout
from tests.with_airflow.lane.asked import put
from tests.with_airflow.lane.pair import PLAIN
from tests.with_airflow.lane.wire import exchange
from tests.with_airflow.lane.world import World

_TI = "/execution/store/ti/<{0}>/{1}"
_ASSET = "/execution/store/asset/by-name/value?name=<name of {0}>&key={1}"
_LARGE = {str(number): "é" * 10 for number in range(2_000)}
# Texts that no route of Airflow's would store, as the envelope of an ordinary value has them.
_RAW = {
    "no json": b"{nope",
    "nan": b"NaN",
    "nested nan": b'{"a": [NaN, -Infinity]}',
    "surrogate": rb'"\ud800"',
    "too deep": b"[" * 100_000 + b"]" * 100_000,
    "huge": b"9" * 5_000,
    "twice": b'{"a": 1, "a": 2}',
}


def seed(world: World, port: int, client: redis.Redis) -> None:
    """Set what there is at the beginning, through the server without the lane."""
    values: dict[str, Any] = {
        "key": {"a": [1, "é", None]},
        "a/b": 1,
        "é": 2,
        "large": _LARGE,
        "unicode": "é𝄞\u2028\u0000",
        "deep": json.loads("[" * 150 + "]" * 150),
    }
    for key, value in values.items():
        _set(world, port, "ti", key, {"value": value})
    _set(world, port, "ti", "expiring", {"value": 1, "expires_at": "2099-01-01T00:00:00Z"})
    mapped = ("mapped", "mapped zero", "mapped far", "expanded", "expanded before")
    for name in ("other", "gone", "archived", "dead", "expanded archived", *mapped):
        _set(world, port, name, "key", {"value": f"of {name}"})
    for name in ("asset", "odd"):
        _set(world, port, name, "key", {"value": f"of {name}"}, _ASSET)
        _set(world, port, name, "other", {"value": 2}, _ASSET)
    for scope in (world.scopes["ti"], world.scopes["asset"]):
        _spoil(client, scope)


def _set(world: World, port: int, name: str, key: str, body: Any, form: str = _TI) -> None:
    authorization = f"Bearer <good to {name}>" if form is _TI else "Bearer <good>"
    asked = put(
        "seed",
        "",
        form.format(name, _escaped(key)),
        body=json.dumps(body).encode(),
        authorization=authorization,
    )
    (answer,) = exchange(port, asked.filled(world.mark), ["PUT"]).answers
    assert answer.status == 204, answer


def _escaped(key: str) -> str:
    return key.replace("é", "%C3%A9")


def _spoil(client: redis.Redis, scope: Any) -> None:
    place = layout.place(PLAIN, scope)
    raw: Any = client.hget(place.page, place.field("key"))
    header = raw[:19]
    for key, text in _RAW.items():
        client.hset(place.page, place.field(key), header + text)
    client.hset(place.page, place.field("corrupt"), b"\x00nonsense")
    client.hset(place.page, place.field("later"), b"\x85" + raw[1:])
    past = (10**15).to_bytes(8, "big")
    client.hset(place.page, place.field("expired"), raw[:7] + past + raw[15:])
