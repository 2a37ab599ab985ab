"""TLS: certificates are checked, always; in front of a server, and by a server itself."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from redis_state import MisconfiguredError, RedisStateBackend, StateStoreError, TaskScope
from redis_state.client.io import tls
from redis_state.client.policy.certificates import Validity, untrusted_certificate
from redis_state.config.url import Server
from redis_state.testing.server import _free_port
from tests.matrix import FIELD_FORM, ON_PATH
from tests.support.budgets import few_attempts
from tests.support.methods import MODES, Methods
from tests.support.peers import tls_proxy
from tests.support.servers import Servers, server
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")
UNTRUSTED = "certificate that is not trusted.*ssl_ca_certs"


@dataclass
class Certificates:
    """The authority of the server and its clients, and files of what it issued."""

    folder: Path
    authority: trustme.CA

    @property
    def ca(self) -> Path:
        return self.written("ca.pem", self.authority.cert_pem)

    def written(self, name: str, *blobs: trustme.Blob) -> Path:
        path = self.folder / name
        path.write_bytes(b"".join(blob.bytes() for blob in blobs))
        return path

    def pair(self, name: str, leaf: trustme.LeafCert) -> tuple[Path, Path]:
        certificate = self.written(f"{name}.pem", *leaf.cert_chain_pems)
        return certificate, self.written(f"{name}.key", leaf.private_key_pem)

    def query(self, leaf: trustme.LeafCert) -> str:
        certificate, key = self.pair("client", leaf)
        return f"ssl_ca_certs={self.ca}&ssl_certfile={certificate}&ssl_keyfile={key}"


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path, trustme.CA())


Serve = Callable[..., int]


@pytest.fixture(params=["proxy", *(["server"] if ON_PATH else [])])
def serve(
    request: pytest.FixtureRequest, servers: Servers, certificates: Certificates
) -> Iterator[Serve]:
    """Serve TLS with a certificate, and return the port."""
    with ExitStack() as stack:

        def by_proxy(leaf: trustme.LeafCert, *, asks_clients: bool = False) -> int:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            leaf.configure_cert(context)
            if asks_clients:
                certificates.authority.configure_trust(context)
                context.verify_mode = ssl.CERT_REQUIRED
            return stack.enter_context(tls_proxy(servers[FIELD_FORM].port, context))

        def by_server(leaf: trustme.LeafCert, *, asks_clients: bool = False) -> int:
            certificate, key = certificates.pair("server", leaf)
            options = {
                "tls-port": str(_free_port()),
                "tls-cert-file": str(certificate),
                "tls-key-file": str(key),
                "tls-ca-cert-file": str(certificates.ca),
                "tls-auth-clients": "yes" if asks_clients else "no",
            }
            flat = [part for name, value in options.items() for part in (f"--{name}", value)]
            stack.enter_context(server("path", *flat))
            return int(options["tls-port"])

        yield by_server if request.param == "server" else by_proxy


@pytest.fixture(params=MODES)
def methods_at(request: pytest.FixtureRequest) -> Iterator[Callable[..., Methods]]:
    made: list[RedisStateBackend] = []

    def make(url: str, **options: Any) -> Methods:
        made.append(RedisStateBackend(url=url, **(PATIENT | {"namespace": "tls"} | options)))
        return Methods(made[-1], request.param)

    yield make
    for backend in made:
        backend.close()


async def check(methods: Methods) -> None:
    await methods.set(TASK, "key", '"sealed in transit"')
    assert await methods.get(TASK, "key") == '"sealed in transit"'
    await methods.clear(TASK)
    await methods.backend.aclose()


async def test_a_certificate_of_a_known_authority_is_accepted(
    serve: Serve, certificates: Certificates, methods_at: Callable[..., Methods], fast_lane: bool
) -> None:
    port = serve(certificates.authority.issue_cert("localhost"))
    url = f"rediss://localhost:{port}/0?ssl_ca_certs={certificates.ca}"
    await check(methods_at(url, fast_lane=fast_lane))


async def test_a_client_shows_its_certificate(
    serve: Serve, certificates: Certificates, methods_at: Callable[..., Methods], fast_lane: bool
) -> None:
    port = serve(certificates.authority.issue_cert("localhost"), asks_clients=True)
    query = certificates.query(certificates.authority.issue_cert("airflow"))
    await check(methods_at(f"rediss://localhost:{port}/0?{query}", fast_lane=fast_lane))


async def test_a_client_without_a_certificate_is_refused(
    serve: Serve, certificates: Certificates, methods_at: Callable[..., Methods]
) -> None:
    port = serve(certificates.authority.issue_cert("localhost"), asks_clients=True)
    methods = methods_at(f"rediss://localhost:{port}/0?ssl_ca_certs={certificates.ca}")
    with few_attempts(), pytest.raises(StateStoreError):
        await methods.get(TASK, "key")


async def test_a_client_of_another_authority_is_refused(
    serve: Serve, certificates: Certificates, methods_at: Callable[..., Methods]
) -> None:
    port = serve(certificates.authority.issue_cert("localhost"), asks_clients=True)
    query = certificates.query(trustme.CA().issue_cert("airflow"))
    with few_attempts(), pytest.raises(StateStoreError):
        await methods_at(f"rediss://localhost:{port}/0?{query}").get(TASK, "key")


async def test_a_certificate_of_an_unknown_authority_is_refused(
    serve: Serve, certificates: Certificates, methods_at: Callable[..., Methods]
) -> None:
    port = serve(certificates.authority.issue_cert("localhost"))
    with pytest.raises(MisconfiguredError, match=UNTRUSTED):
        await methods_at(f"rediss://localhost:{port}/0").get(TASK, "key")


async def test_a_certificate_of_another_host_is_refused(
    serve: Serve, certificates: Certificates, methods_at: Callable[..., Methods]
) -> None:
    port = serve(certificates.authority.issue_cert("redis.example"))
    url = f"rediss://localhost:{port}/0?ssl_ca_certs={certificates.ca}"
    with pytest.raises(MisconfiguredError, match="a certificate for another host: write the"):
        await methods_at(url).get(TASK, "key")


async def test_a_certificate_of_another_host_is_accepted_where_names_are_not_checked(
    serve: Serve, certificates: Certificates, methods_at: Callable[..., Methods]
) -> None:
    port = serve(certificates.authority.issue_cert("redis.example"))
    query = f"ssl_ca_certs={certificates.ca}&ssl_check_hostname=false"
    await check(methods_at(f"rediss://localhost:{port}/0?{query}"))


async def test_another_authority_is_refused_even_where_names_are_not_checked(
    serve: Serve, certificates: Certificates, methods_at: Callable[..., Methods]
) -> None:
    port = serve(trustme.CA().issue_cert("localhost"))
    query = f"ssl_ca_certs={certificates.ca}&ssl_check_hostname=false"
    with pytest.raises(MisconfiguredError, match=UNTRUSTED):
        await methods_at(f"rediss://localhost:{port}/0?{query}").get(TASK, "key")


async def test_an_expired_certificate_is_refused(
    serve: Serve, certificates: Certificates, methods_at: Callable[..., Methods]
) -> None:
    ended = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    port = serve(certificates.authority.issue_cert("localhost", not_after=ended))
    for query in ("", "&ssl_check_hostname=false"):
        url = f"rediss://localhost:{port}/0?ssl_ca_certs={certificates.ca}{query}"
        with pytest.raises(MisconfiguredError) as caught:
            await methods_at(url).get(TASK, "key")
        said = f"shows a certificate that has expired since {ended:%Y-%m-%dT%H:%M:%SZ}: renew it"
        assert said in str(caught.value)[:100]


async def test_a_certificate_that_is_not_valid_yet_is_refused_with_when_it_is(
    serve: Serve, certificates: Certificates, methods_at: Callable[..., Methods]
) -> None:
    begins = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    port = serve(certificates.authority.issue_cert("localhost", not_before=begins))
    methods = methods_at(f"rediss://localhost:{port}/0?ssl_ca_certs={certificates.ca}")
    with pytest.raises(MisconfiguredError) as caught:
        await methods.get(TASK, "key")
    said = f"that is not valid before {begins:%Y-%m-%dT%H:%M:%SZ}: see the clocks"
    assert said in str(caught.value)[:100]


@pytest.mark.parametrize("hours", [None, 1], ids=["not-told", "an-authoritys-has-expired"])
def test_an_expiry_that_is_not_the_certificates_own_is_not_dated(hours: int | None) -> None:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_code, error.verify_message = 10, "certificate has expired"
    now = dt.datetime.now(dt.UTC)
    valid = None if hours is None else Validity(now, now + dt.timedelta(hours=hours))
    said = untrusted_certificate(error, Server("redis.example", 6380), valid)
    assert said.startswith("redis.example:6380 shows a certificate that has expired: renew it")


async def test_the_authorities_of_the_system_will_do(
    serve: Serve,
    certificates: Certificates,
    methods_at: Callable[..., Methods],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    tls._context.cache_clear()
    port = serve(certificates.authority.issue_cert("localhost"))
    await check(methods_at(f"rediss://localhost:{port}/0"))
    tls._context.cache_clear()


async def test_who_names_an_authority_trusts_none_of_the_systems(
    serve: Serve,
    certificates: Certificates,
    methods_at: Callable[..., Methods],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    public = trustme.CA()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.written("public.pem", public.cert_pem)))
    port = serve(public.issue_cert("localhost"))
    url = f"rediss://localhost:{port}/0?ssl_ca_certs={certificates.ca}"
    with pytest.raises(MisconfiguredError, match=UNTRUSTED):
        await methods_at(url).get(TASK, "key")


async def test_certificates_that_were_replaced_are_shown_by_new_connections(
    serve: Serve, certificates: Certificates, methods_at: Callable[..., Methods]
) -> None:
    port = serve(certificates.authority.issue_cert("localhost"), asks_clients=True)
    query = certificates.query(trustme.CA().issue_cert("airflow"))
    methods = methods_at(f"rediss://localhost:{port}/0?{query}")
    with few_attempts(), pytest.raises(StateStoreError):
        await methods.get(TASK, "key")
    certificates.query(certificates.authority.issue_cert("airflow"))
    await check(methods)


async def test_a_file_that_is_gone_by_the_time_of_connecting_is_named(
    serve: Serve, certificates: Certificates, methods_at: Callable[..., Methods]
) -> None:
    port = serve(certificates.authority.issue_cert("localhost"))
    methods = methods_at(f"rediss://localhost:{port}/0?ssl_ca_certs={certificates.ca}")
    certificates.ca.unlink()
    with pytest.raises(MisconfiguredError, match="ssl_ca_certs: the file .*ca.pem cannot be read"):
        await methods.get(TASK, "key")


async def test_a_server_without_tls_is_no_server_with_it(
    servers: Servers, methods_at: Callable[..., Methods]
) -> None:
    with pytest.raises(StateStoreError):
        await methods_at(f"rediss://localhost:{servers[FIELD_FORM].port}/0", budget=0.5).get(
            TASK, "key"
        )
