"""The calls of a soak: all methods, on mapped tasks, a task that is not mapped, and assets."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis_state import AssetScope, StateScope, TaskScope
from tests.chaos.registers import GONE

KEYS = ("cursor", "job", "lease")
# Two of them share a page, as 5 and 133 are the same modulo 128.
_INDICES = (0, 5, 133)
# No value is ever written twice.
_numbers = itertools.count()


@dataclass(frozen=True)
class Family:
    """The scopes that a clear of all map indices removes together, which have one writer."""

    name: str
    scopes: dict[str, StateScope]

    def __hash__(self) -> int:
        return hash(self.name)


def families(writers: int) -> list[Family]:
    """Make one family for each writer: mapped tasks, a task that is not mapped, an asset."""
    found = []
    for number in range(writers):
        name = f"family-{number}"
        if number % 4 == 3:
            scopes: dict[str, StateScope] = {f"{name}/asset": AssetScope(asset_id=number)}
        elif number % 4 == 2:
            scopes = {f"{name}/task": TaskScope("chaos", "run", name)}
        else:
            scopes = {
                f"{name}/{index}": TaskScope("chaos", "run", name, index) for index in _INDICES
            }
        found.append(Family(name, scopes))
    return found


@dataclass(frozen=True)
class Call:
    """One call of a method, with the keys that it changes or reads."""

    method: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    changes: dict[str, str | None]
    reads: tuple[str, ...] = ()
    deadline: float = math.inf


def change(family: Family, chance: random.Random) -> Call:
    where, scope = chance.choice(list(family.scopes.items()))
    dice = chance.random()
    if dice < 0.04:
        gone = [f"{each}/{key}" for each in family.scopes for key in KEYS]
        return Call("clear", (scope,), {"all_map_indices": True}, dict.fromkeys(gone))
    if dice < 0.10:
        return Call("clear", (scope,), {}, dict.fromkeys(f"{where}/{key}" for key in KEYS))
    if dice < 0.20:
        key = chance.choice(KEYS)
        return Call("delete", (scope, key), {}, {f"{where}/{key}": GONE})
    options, deadline = {}, math.inf
    if chance.random() < 0.3:
        life = chance.uniform(0.02, 3.0)
        deadline = time.monotonic() + life
        options = {"expires_at": datetime.now(UTC) + timedelta(seconds=life)}
    keys = chance.sample(KEYS, 1 if dice < 0.7 else 2)
    values = {key: f"{where}/{key}:{next(_numbers)}{_filling(chance)}" for key in keys}
    changes: dict[str, str | None] = {f"{where}/{key}": values[key] for key in keys}
    if len(keys) > 1:
        return Call("set_many", (scope, values), options, changes, (), deadline)
    return Call("set", (scope, keys[0], values[keys[0]]), options, changes, (), deadline)


def reads(family: Family, chance: random.Random, count: int) -> Iterator[Call]:
    for _ in range(count):
        where, scope = chance.choice(list(family.scopes.items()))
        method = chance.choice(("get", "get", "get_many", "entries"))
        keys = (chance.choice(KEYS),) if method == "get" else KEYS
        arguments = {"get": (scope, keys[0]), "get_many": (scope, keys), "entries": (scope,)}
        names = tuple(f"{where}/{key}" for key in keys)
        yield Call(method, arguments[method], {}, {}, names)


def seen(call: Call, answer: Any) -> dict[str, str | None]:
    """Return what a reading call has shown of each key that it asked for."""
    if call.method == "get":
        return {call.reads[0]: answer}
    if call.method == "get_many":
        return {name: answer.get(name.rpartition("/")[2]) for name in call.reads}
    if call.method == "entries":
        held = {key: entry.value for key, entry in answer.items()}
        return {name: held.get(name.rpartition("/")[2]) for name in call.reads}
    return {}


def _filling(chance: random.Random) -> str:
    return " " * chance.choice((0, 0, 0, 50, 3000))
