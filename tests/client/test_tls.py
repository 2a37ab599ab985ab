"""TLS: certificates are checked, always."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from redis_state import MisconfiguredError, RedisStateBackend, TaskScope
from tests.support.peers import tls_proxy
from tests.support.servers import FIELD_FORM, Servers
from tests.support.verbs import COLOURS, Verbs

TASK = TaskScope("dag", "run", "task")

Make = Callable[[str], Verbs]


@pytest.fixture(params=COLOURS)
def colour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def port(servers: Servers, authority: trustme.CA) -> Iterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    with tls_proxy(servers[FIELD_FORM].port, context) as port:
        yield port


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def verbs_at(colour: str, fast_lane: bool) -> Make:
    options: dict[str, Any] = {"budget": 20.0, "timeout": 10.0, "connect_timeout": 10.0}
    options |= {"namespace": "tls", "fast_lane": fast_lane}
    return lambda url: Verbs(RedisStateBackend(url=url, **options), colour)


async def test_a_certificate_of_a_known_authority_is_accepted(
    port: int, ca_file: Path, verbs_at: Make
) -> None:
    verbs = verbs_at(f"rediss://localhost:{port}/0?ssl_ca_certs={ca_file}")
    await verbs.set(TASK, "key", '"sealed in transit"')
    assert await verbs.get(TASK, "key") == '"sealed in transit"'
    await verbs.clear(TASK)
    await verbs.backend.aclose()
    verbs.backend.close()


async def test_a_certificate_of_an_unknown_authority_is_refused(port: int, verbs_at: Make) -> None:
    with pytest.raises(MisconfiguredError, match="certificate that is not trusted.*ssl_ca_certs"):
        await verbs_at(f"rediss://localhost:{port}/0").get(TASK, "key")


async def test_a_certificate_of_another_host_is_refused(
    port: int, ca_file: Path, verbs_at: Make
) -> None:
    with pytest.raises(MisconfiguredError, match="certificate that is not trusted.*ssl_ca_certs"):
        await verbs_at(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={ca_file}").get(TASK, "key")
