"""Where a value lies: the Redis key of its page, and its field in that page.

A *page* is one Redis hash. A task that is not mapped and an asset have a page of their own, with a
field per state key. The instances of a mapped task share ``PAGES`` pages, map index modulo
``PAGES``, with fields ``<map index>:<state key>``; so all of a mapped task is a fixed, known list
of keys, and clearing it is one ``UNLINK`` with nothing to look up first.

Names are percent-escaped, so no two scopes share a page and every key can be parsed back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from redis_state.errors import InvalidScopeError
from redis_state.format.escapes import escape
from redis_state.scopes import ZERO_REGION

PAGES = 128
UNMAPPED = -1

# A field of bookkeeping that no state key maps to: see `Place.field`.
SUMMARY = b"\0"

# Python refuses to read numbers of thousands.
MOST_DIGITS = 100
_LARGEST = 10**MOST_DIGITS
# The places of the tasks that were lately used: to find one takes less than to make it.
_MOST_PLACES = 4096
_NO_REGION = object()
_places: dict[tuple[object, ...], Place] = {}


def argument(data: bytes) -> bytes:
    """Return one argument of a command."""
    return b"$%d\r\n%b\r\n" % (len(data), data)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the values of one scope lie: a page, and what its fields begin with."""

    page: str
    prefix: str = ""
    # The page as an argument of a command; a scope's place is made once and used often.
    argument: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "argument", argument(self.page.encode()))

    def field(self, key: str) -> bytes:
        """Return the field of a state key; a leading NUL is doubled, to keep `SUMMARY` apart."""
        if self.prefix:
            key = self.prefix + key
        elif key[:1] == "\0":
            key = "\0" + key
        return key.encode("utf-8", "surrogatepass")

    def key(self, field: bytes) -> str | None:
        """Return the state key of a field, or None for a field that is not this scope's."""
        return read_key(self.prefix, field)


def read_key(prefix: str, field: bytes) -> str | None:
    """Return the state key of a field that begins so, or None for another one."""
    text = field.decode("utf-8", "surrogatepass")
    if prefix:
        return text.removeprefix(prefix) if text.startswith(prefix) else None
    if text.startswith("\0"):
        return text[1:] if field != SUMMARY else None
    return text


def place(namespace: str, scope: Any, *, of_worker: bool = False) -> Place:
    """Find the place of a scope of any family: it is told by its attributes, not its class.

    ``of_worker``: of what a worker keeps there, apart from the state itself.
    """
    known = None
    try:
        index, region = scope.map_index, getattr(scope, "region_id", _NO_REGION)
        known = (namespace, of_worker, scope.dag_id, scope.run_id, scope.task_id, index, region)
        # True is no map index, though it equals 1.
        if type(index) is int and (found := _places.get(known)) is not None:
            return found
    except (AttributeError, TypeError):
        pass  # an asset's, or one that lacks something, or has something that no key can have
    if is_task(scope):
        found = _task_place(namespace, scope, of_worker=of_worker)
        if known is not None:
            if len(_places) >= _MOST_PLACES:
                _places.clear()
            _places[known] = found
        return found
    if hasattr(scope, "asset_id"):
        return Place(_asset_page(namespace, scope, of_worker=of_worker))
    if hasattr(scope, "dag_id"):
        raise InvalidScopeError(
            f"A {type(scope).__name__} is a dag run's: redis-state keeps the state of tasks and "
            "assets. Use a task's scope, or another backend."
        )
    raise InvalidScopeError(
        f"A {type(scope).__name__} is no scope: pass a TaskScope or an AssetScope."
    )


def task_pages(namespace: str, scope: object, *, of_worker: bool = False) -> list[str]:
    """List every page that a task can have in the region of the scope."""
    stem = _task_stem(namespace, scope, of_worker=of_worker)
    return [f"{stem}{UNMAPPED}", *(f"{stem}{number}" for number in range(PAGES))]


def is_task(scope: object) -> bool:
    """Tell whether the scope is a task's."""
    return hasattr(scope, "task_id")


def _task_place(namespace: str, scope: Any, *, of_worker: bool) -> Place:
    index = _map_index(scope)
    stem = _task_stem(namespace, scope, of_worker=of_worker)
    if index == UNMAPPED:
        return Place(f"{stem}{UNMAPPED}")
    return Place(f"{stem}{index % PAGES}", f"{index}:")


def _task_stem(namespace: str, scope: Any, *, of_worker: bool) -> str:
    names = "/".join(escape(_name(scope, part)) for part in ("dag_id", "run_id", "task_id"))
    return f"{namespace}:{'tw' if of_worker else 't'}:{{{names}}}:{_region(scope)}"


def _asset_page(namespace: str, scope: object, *, of_worker: bool) -> str:
    start = f"{namespace}:{'aw' if of_worker else 'a'}"
    asset_id = getattr(scope, "asset_id", None)
    if asset_id is not None:
        if not isinstance(asset_id, int) or isinstance(asset_id, bool):
            raise InvalidScopeError(f"asset_id is an int, not {type(asset_id).__name__}.")
        if abs(asset_id) >= _LARGEST:
            raise InvalidScopeError(f"asset_id has at most {MOST_DIGITS} digits.")
        return f"{start}:{{id:{asset_id}}}"
    for kind in ("name", "uri"):
        if getattr(scope, kind, None) is not None:
            return f"{start}:{{{kind}:{escape(_name(scope, kind))}}}"
    raise InvalidScopeError("An asset scope needs an asset_id, a name or a uri.")


def _map_index(scope: object) -> int:
    index = getattr(scope, "map_index", UNMAPPED)
    if not isinstance(index, int) or isinstance(index, bool):
        raise InvalidScopeError(f"map_index is an int, not {type(index).__name__}.")
    if abs(index) >= _LARGEST:
        raise InvalidScopeError(f"map_index has at most {MOST_DIGITS} digits.")
    if index < UNMAPPED:
        raise InvalidScopeError(f"map_index is -1 for a task that is not mapped, never {index}.")
    return index


def _region(scope: object) -> str:
    region = getattr(scope, "region_id", ZERO_REGION)
    if not isinstance(region, UUID):
        raise InvalidScopeError(f"region_id is a UUID, not {type(region).__name__}.")
    return "" if region == ZERO_REGION else f"{region.hex}:"


def _name(scope: object, part: str) -> str:
    name = getattr(scope, part, None)
    if not isinstance(name, str):
        raise InvalidScopeError(f"{part} is a str, not {type(name).__name__}.")
    return name
