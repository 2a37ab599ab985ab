"""Which servers may be connected to that others name: nodes of a cluster, and sentinels."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TypeAlias

from redis_state.config.url import Deployment, Server

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAME = re.compile(r"(\*\.)?[\w-]+(\.[\w-]+)*")
# Names look like this and no other way, or "10.1" would be one.
_DIGITS = re.compile(r"[0-9.]+")
_HELP = "write hosts, networks and *.suffixes, separated by commas: 10.1.0.0/16, *.redis.example"


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Names, endings of names, and networks."""

    names: frozenset[str]
    endings: tuple[str, ...]
    networks: tuple[_Network, ...]
    is_open: bool = False

    def admits(self, server: Server) -> bool:
        """Tell whether a server is one of them; a name is compared, and not looked up."""
        if self.is_open or server.path is not None:
            return True
        address = _address(server.host)
        if address is not None:
            return any(address in network for network in self.networks)
        name = server.host.rstrip(".").lower()
        return name in self.names or name.endswith(self.endings)


def read_allowed(text: str | None, deployment: Deployment | None = None) -> AllowedHosts:
    """Read the option, and add the hosts of a deployment; without a text, all are allowed."""
    if text is None or not text.strip():
        return AllowedHosts(frozenset(), (), (), is_open=True)
    entries = [entry.strip().lower() for entry in text.split(",")]
    for entry in entries:
        if _network(entry) is None and (not _NAME.fullmatch(entry) or _DIGITS.fullmatch(entry)):
            raise ValueError(f"{entry!r} is no host, network or *.suffix; {_HELP}")
    entries += [server.host.rstrip(".") for server in deployment.servers] if deployment else []
    networks = {entry: _network(entry) for entry in entries}
    names = [entry for entry, network in networks.items() if network is None]
    return AllowedHosts(
        frozenset(names),
        tuple(name[1:] for name in names if name.startswith("*")),
        tuple(network for network in networks.values() if network is not None),
    )


def _network(entry: str) -> _Network | None:
    try:
        return ipaddress.ip_network(entry.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _address(host: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
