"""What operators get wrong, made on real servers; and what has to be told of each.

Airflow's UI cuts a message after about a hundred characters: by then it says what to do.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from redis_state import (
    CorruptValueError,
    MisconfiguredError,
    StateStoreError,
    TaskScope,
    UnavailableError,
)
from tests.matrix import FIELD_FORM
from tests.support.peers import tls_proxy
from tests.support.servers import raw_client, server
from tests.support.waiting import PATIENT

SHOWN = 100
TASK = TaskScope("dag", "run", "task")
PAGE = "airflow:t:{dag/run/task}:-1"
_HOST = "127.0.0.1"
_ADDRESS = x509.IPAddress(ipaddress.ip_address(_HOST))
_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
# No server waits for anything here, but one without TLS for the end of a line.
OPTIONS = PATIENT | {"connect_timeout": 0.5}


@dataclass(frozen=True)
class Mistake:
    """``made`` gives a url that has the mistake; ``says`` what is wrong, ``remedy`` what to do."""

    made: Callable[[], AbstractContextManager[str]]
    error: type[StateStoreError]
    says: str
    remedy: str
    # Of Airflow's API server: its client tries again after a 5xx, and gives up after a 4xx.
    status: int
    # The finding of the health check that tells it, and what it says, if that is something else.
    finding: str
    found: str = ""


@contextmanager
def _plain_port() -> Iterator[str]:
    with server(FIELD_FORM) as running:
        yield f"rediss://{_HOST}:{running.port}"


@contextmanager
def _tls_port() -> Iterator[str]:
    with server(FIELD_FORM) as running, _in_front_of(running.port, _in(dt.timedelta(days=1))) as at:
        yield f"redis://{_HOST}:{at[0]}"


@contextmanager
def _expired() -> Iterator[str]:
    with server(FIELD_FORM) as running, _in_front_of(running.port, _in(-dt.timedelta(1))) as at:
        yield f"rediss://{_HOST}:{at[0]}?ssl_ca_certs={at[1]}"


@contextmanager
def _replica() -> Iterator[str]:
    with (
        server(FIELD_FORM) as master,
        server(FIELD_FORM, "--replicaof", _HOST, str(master.port)) as replica,
    ):
        yield replica.tcp_url


@contextmanager
def _other_type() -> Iterator[str]:
    with server(FIELD_FORM) as running:
        with raw_client(running) as raw:
            raw.set(PAGE, "of another program")
        yield running.tcp_url


@contextmanager
def _nobody() -> Iterator[str]:
    yield f"redis://{_HOST}:1"


@contextmanager
def _wrong_password() -> Iterator[str]:
    with server(FIELD_FORM, "--requirepass", "the right one") as running:
        yield f"redis://:wrong@{_HOST}:{running.port}"


@contextmanager
def _no_permission() -> Iterator[str]:
    with server(FIELD_FORM) as running:
        with raw_client(running) as raw:
            raw.execute_command("ACL", "SETUSER", "default", "-hset", "-hsetex", "-hget")
        yield running.tcp_url


MISTAKES = {
    "TLS asked of a plain port": Mistake(
        _plain_port, MisconfiguredError, "speaks no TLS", "url with redis ", 424, "reachability"
    ),
    "a plain connection to a port of TLS": Mistake(
        _tls_port, MisconfiguredError, "wants TLS", "url with rediss ", 424, "reachability"
    ),
    "an expired certificate": Mistake(
        _expired, MisconfiguredError, "has expired", "renew it", 424, "reachability"
    ),
    "a replica": Mistake(
        _replica, MisconfiguredError, "is a replica", "name its master", 424, "role", "a replica of"
    ),
    "a key of another type": Mistake(
        _other_type, CorruptValueError, "not redis-state's", "delete it", 409, ""
    ),
    "a port where nobody listens": Mistake(
        _nobody, UnavailableError, "Nothing listens at", "start Redis", 503, "reachability"
    ),
    "a wrong password": Mistake(
        _wrong_password,
        MisconfiguredError,
        "refused the user or password",
        "correct [redis_state] username",
        424,
        "reachability",
    ),
    "a permission that is missing": Mistake(
        _no_permission,
        MisconfiguredError,
        "lacks a right",
        "grant it",
        424,
        "permissions",
        "lacks +hget",
    ),
}


def _in(time: dt.timedelta) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + time


@contextmanager
def _in_front_of(port: int, ends: dt.datetime) -> Iterator[tuple[int, Path]]:
    """Serve TLS with a certificate that ends then; give the port, and what trusts it."""
    with TemporaryDirectory() as folder:
        certificate, key = Path(folder, "server.pem"), Path(folder, "server.key")
        _issue(certificate, key, ends)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        with tls_proxy(port, context) as at:
            yield at, certificate


def _issue(certificate: Path, key: Path, ends: dt.datetime) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis-state's tests")])
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(ends - dt.timedelta(days=2))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_ADDRESS]), critical=False)
        # Python 3.13 asks for these two.
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False
        )
        .add_extension(_USAGE, critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
