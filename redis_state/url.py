"""The URL of a server, read; no error about it quotes it, because it may hold a password."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

_SCHEMES = ("redis", "rediss", "unix")
_HELP = (
    "write redis://[user:password@]host:port/db, rediss://... for TLS, "
    "or unix:///path/to/socket?db=0"
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is, read from the URL; a password is not part of it."""

    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    db: int = 0
    tls: bool = False
    ca_file: str | None = None

    def __str__(self) -> str:
        where = self.path or f"{self.host}:{self.port}"
        return f"{where}/{self.db}"


def read_url(url: str) -> Server:
    """Read a URL; a mistake in it is a ValueError."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise ValueError(f"it cannot be read as a URL; {_HELP}") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"it begins with none of {', '.join(_SCHEMES)}; {_HELP}")
    tls = parts.scheme == "rediss"
    ca_file = options.pop("ssl_ca_certs", None)
    if ca_file is not None and not tls:
        raise ValueError("ssl_ca_certs needs a rediss:// URL")
    is_unix = parts.scheme == "unix"
    db = options.pop("db", None) or ("0" if is_unix else parts.path.strip("/") or "0")
    if options:
        raise ValueError(f"it has options that nothing would read: {', '.join(sorted(options))}")
    if not db.isdecimal():
        raise ValueError(f"the database behind the slash is a number; {_HELP}")
    if is_unix:
        if parts.hostname:
            raise ValueError("a path begins with a slash of its own: unix:///path/to/socket")
        return _read_socket(parts.path, int(db))
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"its port is no number from 0 to 65535; {_HELP}") from None
    if port == 0:
        raise ValueError(f"there is no port 0; {_HELP}")
    return Server(host or "localhost", port or 6379, None, int(db), tls, ca_file)


def _read_socket(path: str, db: int) -> Server:
    if not path:
        raise ValueError(f"it names no socket; {_HELP}")
    return Server(path=unquote(path), db=db)


def read_credentials(url: str) -> tuple[str | None, str | None]:
    """Return the user and the password of a URL."""
    parts = urlsplit(url)
    return (
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )
