"""The URL of a deployment, read; no error about it quotes it, because it may hold a password."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from redis_state.config.url_parts import FORMS, SCHEMES, Parts, Topology, cut, decoded, options_of

_PORTS: dict[Topology, int] = {"standalone": 6379, "sentinel": 26379, "cluster": 6379}
_TLS_OPTIONS = (
    "ssl_ca_certs",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
)
_LAST_PORT = 65_535
_NUMBER = re.compile(r"[0-9]{1,9}")
_HOST = re.compile(r"[\w.-]+")
_ADDRESS = re.compile(r"(\[(?P<ip>[^\[\]]*)\]|(?P<name>[^\[\]:]*))(:(?P<port>[^\[\]:]*))?")


@dataclass(frozen=True, slots=True)
class Server:
    """Where one server is."""

    host: str = "localhost"
    port: int = 6379
    path: str | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return self.path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust, and how to show who one is."""

    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None
    check_hostname: bool = True


@dataclass(frozen=True, slots=True)
class Deployment:
    """The server, the sentinels of a service, or the seeds of a cluster; without a password."""

    topology: Topology
    servers: tuple[Server, ...]
    service: str = ""
    db: int = 0
    tls: Tls | None = None

    def __str__(self) -> str:
        servers = ",".join(map(str, self.servers))
        if self.topology == "cluster":
            return servers
        return "/".join(part for part in (servers, self.service, str(self.db)) if part)

    def is_sentinel(self, server: Server) -> bool:
        """Tell whether a server is one of the sentinels, which have credentials of their own."""
        return self.topology == "sentinel" and server in self.servers


def read_url(url: str) -> Deployment:
    """Read a URL; a mistake in it is a ValueError."""
    parts = cut(url)
    decoded(parts.credentials)
    topology, is_tls = SCHEMES[parts.scheme]
    options = options_of(parts.query)
    tls = _tls(options) if is_tls else None
    misplaced = sorted(options.keys() & set(_TLS_OPTIONS))
    if misplaced:
        raise ValueError(
            f"{', '.join(misplaced)}: there is no TLS without a scheme such as rediss://"
        )
    db = options.pop("db", None)
    if options:
        # As it may hold what no text can show.
        names = ", ".join(sorted(options)).encode("ascii", "backslashreplace").decode()
        raise ValueError(f"it has options that nothing would read: {names}")
    if parts.scheme == "unix":
        return Deployment("standalone", (_socket(parts),), "", _db(db, topology))
    service, in_path = _service(parts.path) if topology == "sentinel" else ("", parts.path)
    if db is not None and in_path:
        raise ValueError("it names the database twice: behind a slash, and as db=")
    servers = _servers(parts.hosts, topology)
    return Deployment(topology, servers, service, _db(in_path or db, topology), tls)


def read_credentials(url: str) -> tuple[str | None, str | None]:
    """Return the user and the password of a URL."""
    username, _, password = cut(url).credentials.partition(":")
    return decoded(username) or None, decoded(password) or None


def _tls(options: dict[str, str]) -> Tls:
    if options.pop("ssl_cert_reqs", "required") != "required":
        raise ValueError(
            "ssl_cert_reqs: only 'required' will do, because whoever shows a certificate that "
            "nobody checks gets the password and the state; name your authority in ssl_ca_certs"
        )
    check_hostname = options.pop("ssl_check_hostname", "true").lower()
    if check_hostname not in ("true", "false"):
        raise ValueError("ssl_check_hostname: write true or false")
    tls = Tls(
        options.pop("ssl_ca_certs", None) or None,
        options.pop("ssl_certfile", None) or None,
        options.pop("ssl_keyfile", None) or None,
        check_hostname == "true",
    )
    if tls.key is not None and tls.certificate is None:
        raise ValueError("ssl_keyfile: it needs the certificate of that key, as ssl_certfile")
    if not tls.check_hostname and tls.ca_file is None:
        raise ValueError(
            "ssl_check_hostname: it is false only beside ssl_ca_certs, because otherwise "
            "a certificate of any public authority, for any host, would pass"
        )
    return tls


def _socket(parts: Parts) -> Server:
    if parts.hosts:
        raise ValueError("a path begins with a slash of its own: unix:///path/to/socket")
    if not parts.path:
        raise ValueError(f"it names no socket; write {FORMS['standalone']}")
    return Server(path=decoded(parts.path))


def _service(path: str) -> tuple[str, str]:
    service, _, db = path.partition("/")
    if not service:
        raise ValueError(f"it names no service behind the hosts; write {FORMS['sentinel']}")
    return decoded(service), db


def _db(text: str | None, topology: Topology) -> int:
    digits = (text or "").strip("/") or "0"
    if not _NUMBER.fullmatch(digits):
        raise ValueError(f"the database behind the slash is a number; write {FORMS[topology]}")
    if topology == "cluster" and int(digits):
        raise ValueError(
            "a cluster has the database 0 only, so leave it out; "
            "Airflows that share a cluster differ by their namespace"
        )
    return int(digits)


def _servers(hosts: str, topology: Topology) -> tuple[Server, ...]:
    if topology == "standalone":
        if "," in hosts:
            raise ValueError(
                "it names several servers: write redis+sentinel:// before sentinels, "
                "redis+cluster:// before nodes of a cluster"
            )
        # Without a host, it is the one that redis-py takes.
        hosts = f"localhost{hosts}" if not hosts or hosts.startswith(":") else hosts
    servers = tuple(_server(text, topology) for text in hosts.split(","))
    if len(set(servers)) < len(servers):
        raise ValueError("it names a server twice")
    return servers


def _server(text: str, topology: Topology) -> Server:
    found = _ADDRESS.fullmatch(text)
    help_ = f"write {FORMS[topology]}"
    if found is None:
        raise ValueError(f"a host is a name, an address, or an IPv6 address in brackets; {help_}")
    port = found["port"] if found["port"] is not None else str(_PORTS[topology])
    if not _NUMBER.fullmatch(port) or int(port) > _LAST_PORT:
        raise ValueError(f"a port is no number from 1 to 65535; {help_}")
    if int(port) == 0:
        raise ValueError(f"there is no port 0; {help_}")
    if found["ip"] is not None:
        return Server(_ipv6(decoded(found["ip"]), help_), int(port))
    if not found["name"]:
        raise ValueError(f"a host is empty; {help_}")
    if not _HOST.fullmatch(found["name"]):
        raise ValueError(f"a host has characters that no host has; {help_}")
    return Server(found["name"].lower(), int(port))


def _ipv6(text: str, help_: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        # The error would show the text.
        pass
    raise ValueError(f"what stands in brackets is no IPv6 address; {help_}")
