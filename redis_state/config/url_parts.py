"""A URL cut into its parts, with nothing of a password in any other part, nor in an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from urllib.parse import unquote

Topology: TypeAlias = Literal["standalone", "sentinel", "cluster"]

_TOPOLOGIES: dict[str, Topology] = {
    "": "standalone",
    "+sentinel": "sentinel",
    "+cluster": "cluster",
}
# What a URL begins with: how the servers stand together, and whether they speak TLS.
SCHEMES: dict[str, tuple[Topology, bool]] = {
    f"{name}{ending}": (topology, name.endswith("s") and name != "redis")
    for ending, topology in _TOPOLOGIES.items()
    for name in ("redis", "rediss", "valkey", "valkeys")
} | {"unix": ("standalone", False)}
FORMS = {
    "standalone": "redis://[user:password@]host:port/db, rediss://... for TLS, "
    "or unix:///path/to/socket?db=0",
    "sentinel": "redis+sentinel://[user:password@]host:port,host:port/service/db, "
    "or rediss+sentinel://... for TLS",
    "cluster": "redis+cluster://[user:password@]host:port,host:port, "
    "or rediss+cluster://... for TLS",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """A URL, cut; nothing in it is decoded."""

    scheme: str
    credentials: str = field(repr=False)
    hosts: str
    path: str
    query: str


def cut(url: str) -> Parts:
    """Cut a URL; one that cannot be, without a doubt, is a ValueError."""
    scheme, separator, rest = url.strip().partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in SCHEMES:
        names = ", ".join(name for name in SCHEMES if not name.startswith("valkey"))
        raise ValueError(f"it begins with none of {names}; write {FORMS['standalone']}")
    topology, _ = SCHEMES[scheme]
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    is_unix = scheme == "unix"
    # A password that is not escaped would be read as something else, and shown.
    if "#" in url or "@" in query or ("@" in path and not is_unix):
        raise ValueError(
            "it cannot be read: in a user, a password or a path, write / as %2F, ? as %3F, # as "
            f"%23 and @ as %40; write {FORMS[topology]}"
        )
    if topology != "standalone" and "@" in credentials:
        raise ValueError(
            "it cannot be read: the user and password stand once, before the first host, and an @ "
            f"in them as %40; write {FORMS[topology]}"
        )
    return Parts(scheme, credentials, hosts, path if not is_unix else rest[len(authority) :], query)


def decoded(text: str) -> str:
    """Return a part of a URL without its percent-escapes."""
    try:
        return unquote(text, errors="strict")
    except ValueError:
        # The error would show the text.
        pass
    raise ValueError("it cannot be read: what follows a % is no UTF-8")


def options_of(query: str) -> dict[str, str]:
    """Return what stands behind the question mark."""
    options: dict[str, str] = {}
    for option in query.split("&") if query else ():
        name, separator, value = option.partition("=")
        if not separator or not name:
            raise ValueError("it cannot be read: behind the ? stand options such as db=0&...")
        name = decoded(name)
        if name in options:
            raise ValueError(f"it has an option twice: {name}")
        options[name] = decoded(value)
    return options
