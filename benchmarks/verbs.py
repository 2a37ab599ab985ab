"""Each verb on one thread, beside its command by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks import workload
from benchmarks.contenders import Store
from benchmarks.effort import Effort
from benchmarks.progress import track
from benchmarks.rounds import Comparison, Record, Round, turns

_SIZES = {"20 B": 20, "1 KiB": 1024}
_SMALL = workload.value(20)


@dataclass(frozen=True)
class Verb:
    """A verb to measure: what has to be there before a round, and the call with its number."""

    name: str
    prepare: Callable[[Store, int], None]
    call: Callable[[Store, int], object]


def measure(stores: Mapping[str, Store], effort: Effort, expiry_by_hand: str) -> list[Comparison]:
    """Measure all verbs; ``expiry_by_hand`` names what sets a value with expiry by hand."""
    return [_measure_verb(verb, stores, effort) for verb in _verbs(expiry_by_hand)]


def _measure_verb(verb: Verb, stores: Mapping[str, Store], effort: Effort) -> Comparison:
    record = Record(verb.name)
    for turn in track(verb.name, turns(effort.verb_rounds, effort.warm_up_rounds)):
        store = stores[turn.contender]
        verb.prepare(store, effort.calls_per_round)
        record.add(turn, _time_calls(verb.call, store, effort.calls_per_round))
    return record.compare()


def _time_calls(call: Callable[[Store, int], object], store: Store, count: int) -> Round:
    times = []
    for number in range(count):
        begun = time.perf_counter()
        call(store, number)
        times.append(time.perf_counter() - begun)
    return Round(times, sum(times))


def _verbs(expiry_by_hand: str) -> list[Verb]:
    values = {name: workload.value(size) for name, size in _SIZES.items()}
    return [
        *(_get(size, value) for size, value in values.items()),
        *(_set(size, value) for size, value in values.items()),
        *(_set_with_expiry(size, value, expiry_by_hand) for size, value in values.items()),
        _delete(),
        _get_many(),
        _clear(),
    ]


def _get(size: str, value: str) -> Verb:
    return Verb(
        f"get {size} / HGET",
        lambda store, _: _fill(store, value),
        lambda store, number: store.get(workload.scope(0), _key(number)),
    )


def _set(size: str, value: str) -> Verb:
    return Verb(
        f"set {size} permanent / HSET",
        lambda store, _: _fill(store, value),
        lambda store, number: store.set(workload.scope(0), _key(number), value),
    )


def _set_with_expiry(size: str, value: str, by_hand: str) -> Verb:
    expires_at = workload.deadline()
    return Verb(
        f"set {size} with expiry / {by_hand}",
        lambda store, _: _fill(store, value),
        lambda store, number: store.set(
            workload.scope(0), _key(number), value, expires_at=expires_at
        ),
    )


def _delete() -> Verb:
    def prepare(store: Store, count: int) -> None:
        store.set_many(workload.scope(0), {f"key_{number}": _SMALL for number in range(count)})

    return Verb(
        "delete / HDEL",
        prepare,
        lambda store, number: store.delete(workload.scope(0), f"key_{number}"),
    )


def _get_many() -> Verb:
    return Verb(
        "get_many of 10 / HMGET",
        lambda store, _: _fill(store, _SMALL),
        lambda store, _: store.get_many(workload.scope(0), workload.KEYS),
    )


def _clear() -> Verb:
    def prepare(store: Store, count: int) -> None:
        for number in range(count):
            store.set_many(workload.scope(number), dict.fromkeys(workload.KEYS, _SMALL))

    return Verb(
        "clear of 10 keys / UNLINK",
        prepare,
        lambda store, number: store.clear(workload.scope(number)),
    )


def _fill(store: Store, value: str) -> None:
    store.clear(workload.scope(0))
    store.set_many(workload.scope(0), dict.fromkeys(workload.KEYS, value))


def _key(number: int) -> str:
    return workload.KEYS[number % len(workload.KEYS)]
