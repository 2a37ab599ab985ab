"""Who and what the requests are about, and the tokens that they bring, right and wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import UUID, uuid4

import jwt
from airflow.models import TaskInstance

from redis_state import AssetScope
from tests.with_airflow.lane.asked import ANSWERED
from tests.with_airflow.server.airflow_home import Home
from tests.with_airflow.server.metadata import Asset, Instance, Metadata

AUDIENCE = "urn:airflow.apache.org:task"
# A name that a query has to escape.
ODD_NAME = "orders & + 100% é"
# Since 3.4, a task's earlier tries stay in its table.
HAS_ARCHIVE = hasattr(TaskInstance, "working_set")
# What the lane makes of what only one of the Airflows has.
BY_AIRFLOW = {
    "archived": "absent" if HAS_ARCHIVE else ANSWERED,
    "next version": ANSWERED if HAS_ARCHIVE else "version",
}


@dataclass
class World:
    """The content of the metadata database, and what marks in requests stand for."""

    home: Home
    metadata: Metadata
    ids: dict[str, UUID] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)
    scopes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dag_id = self.metadata.dag()
        self.metadata.run(dag_id)
        for name in ("ti", "other", "gone", "archived"):
            self._add(name, *self.metadata.instances(dag_id, task_id=name))
        mapped = self.metadata.instances(dag_id, 0, 3, 131, task_id="mapped")
        for name, instance in zip(("mapped zero", "mapped", "mapped far"), mapped, strict=True):
            self._add(name, instance)
        # Before 3.4 there are no regions, and no two of the same index.
        region, index = self.metadata.region(dag_id, task_id="expanded"), 3 if HAS_ARCHIVE else 4
        expanded = self.metadata.instances(dag_id, 3, task_id="expanded", region_id=region)
        self._add("expanded", *expanded)
        self._add("expanded before", *self.metadata.instances(dag_id, index, task_id="expanded"))
        archived = self.metadata.instances(dag_id, 5, task_id="expanded", region_id=region)
        self._add("expanded archived", *archived)
        self.dead_run = self.metadata.dag()
        self.metadata.run(self.dead_run)
        self._add("dead", *self.metadata.instances(self.dead_run))
        self.assets = {
            "asset": self.metadata.asset(),
            "odd": self.metadata.asset(ODD_NAME),
            "inactive": self.metadata.asset(active=False),
        }
        for name, asset in self.assets.items():
            self.scopes[name] = AssetScope(asset_id=asset.id)

    def let_some_go(self) -> None:
        """Delete a task instance and a run, which is made again, once they have state."""
        with self.metadata.session() as session:
            session.delete(session.get(TaskInstance, self.ids["gone"]))
            if HAS_ARCHIVE:
                for name in ("archived", "expanded archived"):
                    session.get(TaskInstance, self.ids[name]).working_set = None
        self.metadata.delete_run(self.dead_run)
        self.metadata.run(self.dead_run)
        self._add("born again", *self.metadata.instances(self.dead_run))

    def mark(self, name: str) -> bytes:
        """Return what a mark stands for."""
        if name in self.ids:
            return str(self.ids[name]).encode()
        if name == "upper":
            return str(self.ids["ti"]).upper().encode()
        if name == "no hyphens":
            return self.ids["ti"].hex.encode()
        if name == "plus name of odd":
            return quote_plus(ODD_NAME).encode()
        kind, _, of = name.partition(" of ")
        if of in self.assets:
            asset = self.assets[of]
            text = asset.name if kind == "name" else asset.uri
            return quote(text, safe="").encode()
        return self.token(name).encode()

    def token(self, name: str) -> str:
        """Sign a token that is right but for what its name says."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "jti": uuid4().hex,
            "sub": str(self.ids["ti"]),
            "scope": "execution",
            "aud": AUDIENCE,
            "iat": now,
            "nbf": now,
            "exp": now + 6000,
        }
        claims |= self._claims(name, now)
        claims = {name: value for name, value in claims.items() if value is not None}
        if name == "of no algorithm":
            return str(jwt.encode(claims, None, algorithm="none"))
        key = "x" * 64 if name == "of another key" else self.home.secret
        algorithm = "HS256" if name == "of a weaker algorithm" else "HS512"
        signed = jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "not-used"})
        return _broken(signed, name)

    def _claims(self, name: str, now: int) -> dict[str, Any]:
        kind, _, whose = name.partition(" to ")
        if kind == "good" and whose:
            return {"sub": str(self.ids[whose])}
        return _CLAIMS[name](self, now)

    def _add(self, name: str, instance: Instance) -> None:
        self.ids[name] = instance.id
        self.scopes[name] = instance.scope


def _broken(token: str, name: str) -> str:
    head, claims, signature = token.split(".")
    match name:
        case "without signature":
            return f"{head}.{claims}."
        case "of two parts":
            return f"{head}.{claims}"
        case "of four parts":
            return f"{token}.{signature}"
        case "with another signature":
            return f"{head}.{claims}.{signature[::-1]}"
        case "padded":
            return f"{token}=="
        case _:
            return token


_CLAIMS: dict[str, Callable[[World, int], dict[str, Any]]] = {
    "good": lambda world, now: {},
    "of no algorithm": lambda world, now: {},
    "of another key": lambda world, now: {},
    "of a weaker algorithm": lambda world, now: {},
    "without signature": lambda world, now: {},
    "of two parts": lambda world, now: {},
    "of four parts": lambda world, now: {},
    "with another signature": lambda world, now: {},
    "padded": lambda world, now: {},
    "for another audience": lambda world, now: {"aud": "urn:somebody.else"},
    "for two audiences": lambda world, now: {"aud": ["urn:somebody.else", AUDIENCE]},
    "for no audience": lambda world, now: {"aud": None},
    "expired": lambda world, now: {"iat": now - 900, "nbf": now - 900, "exp": now - 300},
    # Airflow has some seconds of leeway.
    "just expired": lambda world, now: {"iat": now - 600, "nbf": now - 600, "exp": now - 2},
    "not yet valid": lambda world, now: {"nbf": now + 3000},
    "issued later": lambda world, now: {"iat": now + 3000},
    "without exp": lambda world, now: {"exp": None},
    "without iat": lambda world, now: {"iat": None},
    "without nbf": lambda world, now: {"nbf": None},
    "without jti": lambda world, now: {"jti": None},
    "with exp in words": lambda world, now: {"exp": "tomorrow"},
    "with exp as text": lambda world, now: {"exp": str(now + 6000)},
    "with exp of a fraction": lambda world, now: {"exp": now + 6000.5},
    "with exp beyond time": lambda world, now: {"exp": 10**30},
    "workload": lambda world, now: {"scope": "workload"},
    "callback": lambda world, now: {"scope": "callback"},
    "of an unknown scope": lambda world, now: {"scope": "everything"},
    "of an empty scope": lambda world, now: {"scope": ""},
    "of a listed scope": lambda world, now: {"scope": ["execution"]},
    "of an upper scope": lambda world, now: {"scope": "Execution"},
    "without scope": lambda world, now: {"scope": None},
    "with more claims": lambda world, now: {"team": "a", "nested": {"deep": [1]}},
    "without sub": lambda world, now: {"sub": None},
    "with an empty sub": lambda world, now: {"sub": ""},
    "with a sub of a name": lambda world, now: {"sub": "admin"},
    "with an upper sub": lambda world, now: {"sub": str(world.ids["ti"]).upper()},
    "with a sub without hyphens": lambda world, now: {"sub": world.ids["ti"].hex},
    "with a sub in braces": lambda world, now: {"sub": f"{{{world.ids['ti']}}}"},
    "with a sub as a urn": lambda world, now: {"sub": world.ids["ti"].urn},
    "with a sub and a space": lambda world, now: {"sub": f"{world.ids['ti']} "},
    "with a sub of a number": lambda world, now: {"sub": world.ids["ti"].int},
    "of nobody": lambda world, now: {"sub": str(UUID(int=0))},
    "of one who never was": lambda world, now: {"sub": str(UUID(int=7))},
    # Its last fifth; and half a minute before its end, whatever its life was.
    "in its last fifth": lambda world, now: {"iat": now - 5000, "exp": now + 1000},
    "before its last fifth": lambda world, now: {"iat": now - 5000, "exp": now + 2000},
    "of a short life": lambda world, now: {"exp": now + 25},
    "of half a minute more": lambda world, now: {"iat": now - 60, "exp": now + 60},
    "issued after its end": lambda world, now: {"iat": now, "exp": now - 2},
    "without life and scope": lambda world, now: {"exp": now + 25, "scope": None},
    "workload of a short life": lambda world, now: {"exp": now + 25, "scope": "workload"},
}
