"""The URL: what it says about servers, and what a mistake in it is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from redis_state import MisconfiguredError
from redis_state.config.settings import load
from redis_state.config.url import Deployment, Server, Tls, read_credentials, read_url

SECRET = "hunter2-very-secret"


def one(host: str = "cache", port: int = 6379, db: int = 0, tls: Tls | None = None) -> Deployment:
    return Deployment("standalone", (Server(host, port),), "", db, tls)


@pytest.mark.parametrize(
    ("url", "deployment"),
    [
        ("redis://", one("localhost")),
        ("redis://:7000", one("localhost", 7000)),
        ("redis://cache", one()),
        ("REDIS://Cache/", one()),
        ("redis://cache:7000/3", one("cache", 7000, 3)),
        ("redis://cache?db=4", one(db=4)),
        ("redis://cache/?db=4", one(db=4)),
        ("redis://cache?", one()),
        ("redis://[::1]:7000", one("::1", 7000)),
        ("redis://[0:0::1]", one("::1")),
        ("redis://[fe80::1%25eth0]", one("fe80::1%eth0")),
        ("redis://u:p@ss@cache", one()),
        ("valkey://cache/1", one(db=1)),
        ("rediss://cache:6380/1", one("cache", 6380, 1, Tls())),
        ("valkeys://cache", one(tls=Tls())),
        ("rediss://cache?ssl_ca_certs=/my%20own/c+a.pem", one(tls=Tls("/my own/c+a.pem"))),
        (
            "rediss://cache?ssl_ca_certs=/ca&ssl_certfile=/cert&ssl_keyfile=/key&db=2",
            one(db=2, tls=Tls("/ca", "/cert", "/key")),
        ),
        ("rediss://cache?ssl_certfile=/both", one(tls=Tls(certificate="/both"))),
        ("rediss://cache?ssl_cert_reqs=required&ssl_check_hostname=True", one(tls=Tls())),
        (
            "rediss://cache?ssl_ca_certs=/ca&ssl_check_hostname=false",
            one(tls=Tls("/ca", check_hostname=False)),
        ),
        ("unix:///run/redis.sock", Deployment("standalone", (Server(path="/run/redis.sock"),))),
        (
            "unix://user:pw@/run/my%20r@dis.sock?db=2",
            Deployment("standalone", (Server(path="/run/my r@dis.sock"),), db=2),
        ),
    ],
)
def test_a_url_says_where_the_server_is(url: str, deployment: Deployment) -> None:
    assert read_url(url) == deployment


SENTINELS = (Server("a", 26379), Server("b", 7001), Server("::1", 26379))


@pytest.mark.parametrize(
    ("url", "deployment"),
    [
        (
            "redis+sentinel://u:p@a,b:7001,[::1]/my%20service",
            Deployment("sentinel", SENTINELS, "my service"),
        ),
        ("valkey+sentinel://a/service/3", Deployment("sentinel", SENTINELS[:1], "service", 3)),
        ("redis+sentinel://a/service/?db=3", Deployment("sentinel", SENTINELS[:1], "service", 3)),
        (
            "rediss+sentinel://a/service?ssl_ca_certs=/ca",
            Deployment("sentinel", SENTINELS[:1], "service", 0, Tls("/ca")),
        ),
        (
            "valkeys+sentinel://a/service",
            Deployment("sentinel", SENTINELS[:1], "service", 0, Tls()),
        ),
    ],
)
def test_a_url_names_sentinels_and_their_service(url: str, deployment: Deployment) -> None:
    assert read_url(url) == deployment


SEEDS = (Server("a", 6379), Server("b", 7001))


@pytest.mark.parametrize(
    ("url", "deployment"),
    [
        ("redis+cluster://u:p@a,b:7001", Deployment("cluster", SEEDS)),
        ("valkey+cluster://a,b:7001/0", Deployment("cluster", SEEDS)),
        ("rediss+cluster://a,b:7001/?db=0", Deployment("cluster", SEEDS, tls=Tls())),
        ("valkeys+cluster://a,b:7001", Deployment("cluster", SEEDS, tls=Tls())),
    ],
)
def test_a_url_names_nodes_of_a_cluster(url: str, deployment: Deployment) -> None:
    assert read_url(url) == deployment


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://u:p@cache/2", "cache:6379/2"),
        ("redis://[::1]", "[::1]:6379/0"),
        ("unix://u:p@/run/redis.sock", "/run/redis.sock/0"),
        ("redis+sentinel://u:p@a,b/service/1", "a:26379,b:26379/service/1"),
        ("rediss+cluster://u:p@a,b:7000", "a:6379,b:7000"),
    ],
)
def test_it_is_shown_without_who_logs_in(url: str, shown: str) -> None:
    assert str(read_url(url)) == shown


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("redis://cache", (None, None)),
        ("redis://u:p%40%2F%3A%23s@h", ("u", "p@/:#s")),
        ("redis://:p@h", (None, "p")),
        ("redis://u@h", ("u", None)),
        ("redis://u:p:q@h", ("u", "p:q")),
        ("redis://u:p@ss@h", ("u", "p@ss")),
        ("unix://u:p@/socket", ("u", "p")),
        ("redis+sentinel://u:p@a,b/service", ("u", "p")),
        ("redis+cluster://u:p@a,b", ("u", "p")),
    ],
)
def test_a_url_says_who_logs_in(url: str, credentials: tuple[str | None, str | None]) -> None:
    assert read_credentials(url) == credentials


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "begins with none of redis, rediss, redis\\+sentinel,"),
        ("localhost:6379", "begins with none of"),
        ("http://cache", "begins with none of"),
        ("sentinel://cache", "begins with none of"),
        ("redis+unix://cache", "begins with none of"),
        ("redis://cache:port", "a port is no number from 1 to 65535; write redis://"),
        ("redis://cache:", "a port is no number"),
        ("redis://cache:99999", "a port is no number"),
        ("redis://cache:-1", "a port is no number"),
        ("redis://cache:\u0661", "a port is no number"),
        ("redis://cache:0", "no port 0"),
        ("redis://cache:1:2", "IPv6 address in brackets"),
        ("redis://::1", "IPv6 address in brackets"),
        ("redis://[::1", "IPv6 address in brackets"),
        ("redis://[::1]x", "IPv6 address in brackets"),
        ("redis://[cache]", "no IPv6 address"),
        ("redis://[]", "no IPv6 address"),
        ("redis://my cache", "characters that no host has"),
        ("redis://cache/zero", "database behind the slash is a number"),
        ("redis://cache/\u0661", "database behind the slash is a number"),
        ("redis://cache/-1", "database behind the slash is a number"),
        ("redis://cache?db=x", "database behind the slash is a number"),
        ("redis://cache/1?db=1", "the database twice"),
        ("redis://cache#x", "# as %23"),
        ("redis://cache?x", "behind the \\? stand options"),
        ("redis://cache?=1", "behind the \\? stand options"),
        ("redis://cache?db=1&db=2", "an option twice: db"),
        ("redis://cache?socket_timeout=5&retry=1", "nothing would read: retry, socket_timeout"),
        ("redis://cache?db=%ff", "no UTF-8"),
        ("redis://a,b", "several servers: write redis\\+sentinel:// before sentinels"),
        ("unix://", "names no socket"),
        ("unix://tmp/socket", "unix:///path/to/socket"),
        ("redis+sentinel://a,b", "no service behind the hosts; write redis\\+sentinel://"),
        ("redis+sentinel://a,b//1", "no service"),
        ("redis+sentinel://a,b/service/x", "database behind the slash is a number"),
        ("redis+sentinel:///service", "a host is empty"),
        ("redis+sentinel://a,,b/service", "a host is empty"),
        ("redis+sentinel://a,:7000/service", "a host is empty"),
        ("redis+sentinel://a,b:x/service", "a port is no number"),
        ("redis+sentinel://a,A:26379/service", "names a server twice"),
        ("redis+sentinel://u:p@a,u:p@b/service", "once, before the first host"),
        ("redis+cluster://", "a host is empty"),
        ("redis+cluster://a,", "a host is empty"),
        ("redis+cluster://[::1],[0::1]", "names a server twice"),
        ("redis+cluster://a/1", "a cluster has the database 0 only"),
        ("redis+cluster://a?db=1", "a cluster has the database 0 only"),
        ("redis+cluster://u:p@a,u:p@b", "once, before the first host"),
    ],
)
def test_a_wrong_url_is_told_what_to_write(url: str, says: str) -> None:
    with pytest.raises(MisconfiguredError, match=says) as caught:
        load(url=url)
    assert str(caught.value).startswith("url= is wrong: ")


@pytest.mark.parametrize("scheme", ["redis", "unix", "redis+sentinel", "valkey+cluster"])
@pytest.mark.parametrize(
    "option",
    [
        "ssl_ca_certs=/ca",
        "ssl_certfile=/cert",
        "ssl_keyfile=/key",
        "ssl_check_hostname=true",
        "ssl_cert_reqs=required",
    ],
)
def test_an_option_of_tls_without_tls_is_an_error(scheme: str, option: str) -> None:
    where = "/socket" if scheme == "unix" else "a/0"
    name = option.partition("=")[0]
    with pytest.raises(ValueError, match=f"{name}: there is no TLS without"):
        read_url(f"{scheme}://{where}?{option}")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("ssl_cert_reqs=none", "only 'required' will do, because"),
        ("ssl_cert_reqs=optional", "only 'required' will do, because"),
        ("ssl_check_hostname=no&ssl_ca_certs=/ca", "write true or false"),
        ("ssl_check_hostname=false", "false only beside ssl_ca_certs, because"),
        ("ssl_keyfile=/key", "needs the certificate of that key"),
        ("ssl_keyfile=/key&ssl_certfile=", "needs the certificate of that key"),
        ("ssl_password=x", "nothing would read: ssl_password"),
        ("ssl_ca_path=/certs", "nothing would read: ssl_ca_path"),
    ],
)
def test_tls_that_would_check_less_than_it_seems_is_an_error(query: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_url(f"rediss://cache?{query}")


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:{}@cache:port",
        "redis://user:{}@cache,other",
        "http://user:{}@cache",
        "redis://user:{}@[::1",
        "redis://user:{}@[{}]",
        "redis://user:{}@cache?x=1",
        "redis://user:{}@cache?x",
        "redis://user:{}@cache/zero",
        "redis://user:a/{}@cache/0",
        "redis://user:a?{}=b@cache/0",
        "redis://user:a?db={}@cache/0",
        "redis://user:a#{}@cache/0",
        "redis://user:a@{}:x@cache:0/0",
        "redis://user:{}%ff@cache/0",
        "redis://user:[{}]",
        "redis://user:{}",
        "redis+sentinel://user:{}@a,user:{}@b/service",
        "redis+sentinel://user:{}@a",
        "redis+sentinel://user:{}@a/service/{}",
        "redis+cluster://user:a,{}@b,c:x",
        "redis+cluster://user:{}@b/{}",
        "redis+cluster://user:a/{}@b",
        "unix://user:a/{}@/socket",
        "unix://user:{}@socket",
        "{}://user:{}@cache",
    ],
)
def test_no_error_shows_a_secret(url: str) -> None:
    with pytest.raises(MisconfiguredError) as caught:
        load(url=url.replace("{}", SECRET))
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error!s} {error!r}"
        error = error.__cause__ or error.__context__


class Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.authority = trustme.CA()
        self.ca = self.write("ca.pem", self.authority.cert_pem.bytes())
        self.issued = self.authority.issue_cert("client")
        self.key = self.write("key.pem", self.issued.private_key_pem.bytes())
        self.certificate = self.write("cert.pem", self.issued.cert_chain_pems[0].bytes())

    def write(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_files_that_serve_are_accepted(files: Files) -> None:
    url = f"rediss://h?ssl_ca_certs={files.ca}&ssl_certfile={files.certificate}"
    tls = load(url=f"{url}&ssl_keyfile={files.key}").deployment.tls
    assert tls == Tls(str(files.ca), str(files.certificate), str(files.key))
    both = files.write("both.pem", files.issued.private_key_and_cert_chain_pem.bytes())
    assert load(url=f"rediss://h?ssl_certfile={both}").deployment.tls is not None


def a_directory(files: Files) -> str:
    return f"ssl_ca_certs={files.ca.parent}"


def no_ca(files: Files) -> str:
    return f"ssl_ca_certs={files.ca}x"


def no_certificate(files: Files) -> str:
    return f"ssl_certfile={files.certificate}x&ssl_keyfile={files.key}"


def no_key(files: Files) -> str:
    return f"ssl_certfile={files.certificate}&ssl_keyfile={files.key}x"


def an_impossible_name(_: Files) -> str:
    return "ssl_ca_certs=/a%00b"


def a_ca_that_is_none(files: Files) -> str:
    return f"ssl_ca_certs={files.write('none.pem', b'nothing')}"


def a_certificate_that_is_none(files: Files) -> str:
    none = files.write("none.pem", b"nothing")
    return f"ssl_certfile={none}&ssl_keyfile={files.key}"


def a_certificate_without_its_key(files: Files) -> str:
    return f"ssl_certfile={files.certificate}"


def the_key_of_another(files: Files) -> str:
    other = files.authority.issue_cert("other").private_key_pem.bytes()
    return f"ssl_certfile={files.certificate}&ssl_keyfile={files.write('other.pem', other)}"


def an_encrypted_key(files: Files) -> str:
    plain = serialization.load_pem_private_key(files.issued.private_key_pem.bytes(), None)
    encrypted = plain.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(SECRET.encode()),
    )
    key = files.write("encrypted.pem", encrypted)
    return f"ssl_certfile={files.certificate}&ssl_keyfile={key}"


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (no_ca, "ssl_ca_certs: the file .*/ca.pemx cannot be read \\(No such file"),
        (a_directory, "ssl_ca_certs: the file .* cannot be read \\(Is a directory"),
        (an_impossible_name, "ssl_ca_certs: the file .* cannot be read \\(ValueError"),
        (no_certificate, "ssl_certfile: the file .*/cert.pemx cannot be read"),
        (no_key, "ssl_keyfile: the file .*/key.pemx cannot be read"),
        (a_ca_that_is_none, "ssl_ca_certs: .*/none.pem holds no certificates as PEM"),
        (a_certificate_that_is_none, "ssl_certfile: .*/none.pem and .*/key.pem hold no"),
        (a_certificate_without_its_key, "ssl_certfile: .*/cert.pem hold no certificate and its"),
        (the_key_of_another, "ssl_keyfile: the key in .*/other.pem does not belong"),
        (an_encrypted_key, "ssl_keyfile: .*/encrypted.pem is encrypted.* no option for its"),
    ],
)
def test_a_file_that_does_not_serve_is_told_before_any_connection(
    files: Files, broken: Callable[[Files], str], says: str
) -> None:
    with pytest.raises(MisconfiguredError, match=f"^url= is wrong: {says}"):
        load(url=f"rediss://cache?{broken(files)}")
