"""ACL users with the rights that the documentation gives them, and no others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import redis
from redis.cluster import RedisCluster

DOCS = Path(__file__).parents[2] / "docs"
PASSWORD = "the-password-of-the-suite"


def documented(user: str) -> list[str]:
    """Return the rules of a user, from all the lines that the pages show of it."""
    lines = re.compile(rf"^ACL SETUSER {re.escape(user)} (.*)$", re.MULTILINE)
    texts = [page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))]
    found = [rule for text in texts for line in lines.findall(text) for rule in line.split()]
    # Other lines change the password.
    found = [rule for rule in found if rule in ("on", ">password") or rule[0] in "+~"]
    assert found, f"no page shows the user {user}"
    return found


def make_user(raw: Any, user: str, rules: list[str], namespace: str) -> None:
    """Make a user by such rules for a namespace, without those that the server does not know."""
    _on_each(raw, "SETUSER", user, "reset")
    for rule in [*rules, *_rights_of_the_topology(raw)]:
        told = f">{PASSWORD}" if rule.startswith(">") else rule.replace("airflow:", f"{namespace}:")
        try:
            _on_each(raw, "SETUSER", user, told)
        except redis.ResponseError as error:
            if "Unknown command" not in str(error):
                raise


def remove_user(raw: Any, user: str) -> None:
    """Remove a user wherever it was made."""
    _on_each(raw, "DELUSER", user)


def _rights_of_the_topology(raw: Any) -> list[str]:
    if isinstance(raw, RedisCluster):
        return ["+cluster|slots"]
    return ["+role"] if raw.info("replication")["connected_slaves"] else []


def _on_each(raw: Any, *command: str) -> None:
    # Nodes do not tell each other of users.
    where = {"target_nodes": RedisCluster.ALL_NODES} if isinstance(raw, RedisCluster) else {}
    raw.execute_command("ACL", *command, **where)


def refusals(raw: redis.Redis, user: str) -> set[str]:
    """Return what the server has refused a user, but for what may be refused."""
    log: Any = raw.execute_command("ACL", "LOG")
    entries = [entry if isinstance(entry, dict) else _pairs(entry) for entry in log]
    refused = {_text(entry["object"]) for entry in entries if _text(entry["username"]) == user}
    # Servers before 7.0 name the container of a command alone.
    return refused - {"client|setinfo", "client"}


def _pairs(entry: list[Any]) -> dict[str, Any]:
    return {_text(name): value for name, value in zip(entry[::2], entry[1::2], strict=True)}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
