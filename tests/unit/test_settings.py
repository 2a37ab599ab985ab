"""The options: where they come from, and what a mistake is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from redis_state import MisconfiguredError, RedisStateBackend, Settings
from redis_state.settings import load
from redis_state.url import Server

SECRET = "hunter2-very-secret"


def test_the_defaults_are_usable() -> None:
    settings = load()
    assert settings == Settings()
    assert settings.server == Server("localhost", 6379, None, 0)
    assert settings.credentials == (None, None)
    assert settings.namespace == "airflow"
    assert settings.budget < 5


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("redis://", Server("localhost", 6379, None, 0)),
        ("redis://cache", Server("cache", 6379, None, 0)),
        ("redis://cache:7000/3", Server("cache", 7000, None, 3)),
        ("redis://cache?db=4", Server("cache", 6379, None, 4)),
        ("redis://[::1]:7000", Server("::1", 7000, None, 0)),
        ("rediss://cache:6380/1", Server("cache", 6380, None, 1, tls=True)),
        (
            "rediss://cache?ssl_ca_certs=/etc/ca.pem",
            Server("cache", 6379, None, 0, tls=True, ca_file="/etc/ca.pem"),
        ),
        ("unix:///run/redis.sock", Server(path="/run/redis.sock")),
        ("unix:///run/redis.sock?db=2", Server(path="/run/redis.sock", db=2)),
        ("unix://user:pw@/run/my%20redis.sock", Server(path="/run/my redis.sock")),
    ],
)
def test_a_url_says_where_the_server_is(url: str, server: Server) -> None:
    assert load(url=url).server == server


@pytest.mark.parametrize(
    ("options", "credentials"),
    [
        ({"url": "redis://u:p%40ss@h"}, ("u", "p@ss")),
        ({"url": "redis://:p@h"}, (None, "p")),
        ({"url": "redis://u:p@h", "username": "v", "password": "q"}, ("v", "q")),
        ({"password": "p"}, (None, "p")),
        ({"url": "unix://u:p@/socket"}, ("u", "p")),
    ],
)
def test_credentials_come_from_the_options_else_the_url(
    options: dict[str, Any], credentials: tuple[str | None, str]
) -> None:
    username, password = load(**options).credentials
    assert password is not None
    assert (username, password.get_secret_value()) == credentials


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "redis://"),
        ("localhost:6379", "begins with none of redis, rediss, unix"),
        ("http://cache", "begins with none of"),
        ("redis://cache:port", "port is no number"),
        ("redis://cache:99999", "port is no number"),
        ("redis://cache/zero", "database behind the slash is a number"),
        ("redis://cache?db=x", "database behind the slash is a number"),
        ("redis://[::1", "cannot be read as a URL"),
        ("redis://cache?", None),
        ("redis://cache?x", "cannot be read as a URL"),
        ("redis://cache?socket_timeout=5", "nothing would read: socket_timeout"),
        ("redis://cache?ssl_ca_certs=/ca.pem", "needs a rediss:// URL"),
        ("rediss://cache?ssl_cert_reqs=none", "nothing would read: ssl_cert_reqs"),
        ("unix://", "names no socket"),
        ("unix://tmp/socket", "unix:///path/to/socket"),
        ("redis://cache:0", "no port 0"),
    ],
)
def test_a_wrong_url_is_told_what_to_write(url: str, says: str | None) -> None:
    if says is None:
        load(url=url)
        return
    with pytest.raises(MisconfiguredError, match=says) as caught:
        load(url=url)
    assert str(caught.value).startswith("url= is wrong: ")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("namespace", ""),
        ("namespace", "a{b}"),
        ("namespace", "a*"),
        ("namespace", "caf\u00e9"),
        ("pool_size", 0),
        ("pool_size", "many"),
        ("timeout", 0),
        ("timeout", float("nan")),
        ("budget", -1),
        ("connect_timeout", "soon"),
        ("default_retention", 0),
        ("default_retention", "a month"),
        ("max_value_bytes", 0),
        ("max_value_bytes", 2**40),
        ("max_key_chars", 0),
    ],
)
def test_a_wrong_option_is_named_with_its_meaning(option: str, value: Any) -> None:
    with pytest.raises(MisconfiguredError) as caught:
        load(**{option: value})
    message = str(caught.value)
    assert message.startswith(f"{option}= is wrong: ")
    assert str(Settings.model_fields[option].description) in message


def test_an_unknown_option_is_answered_with_those_there_are() -> None:
    with pytest.raises(MisconfiguredError, match="ttl= is no option.*default_retention"):
        load(ttl=5)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(MisconfiguredError) as caught:
        load(namespace="*", pool_size=0)
    assert "namespace= is wrong" in str(caught.value)
    assert "pool_size= is wrong" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "retention"),
    [
        (60, timedelta(minutes=1)),
        ("86400", timedelta(days=1)),
        ("P30D", timedelta(days=30)),
        (timedelta(days=1), timedelta(1)),
    ],
)
def test_retention_is_seconds_or_iso_8601(text: Any, retention: timedelta) -> None:
    assert load(default_retention=text).default_retention == retention


def test_options_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_STATE_URL", "redis://from-env/1")
    monkeypatch.setenv("REDIS_STATE_POOL_SIZE", " 7 ")
    monkeypatch.setenv("REDIS_STATE_NAMESPACE", "")
    settings = load()
    assert (settings.server.host, settings.pool_size, settings.namespace) == (
        "from-env",
        7,
        "airflow",
    )


def test_keyword_arguments_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_STATE_URL", "redis://from-env")
    assert load(url="redis://from-code").server.host == "from-code"


def test_a_wrong_variable_is_named_as_the_user_wrote_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_STATE_POOL_SIZE", "many")
    with pytest.raises(MisconfiguredError, match="^REDIS_STATE_POOL_SIZE is wrong"):
        load()


def test_variables_of_a_service_of_the_same_name_are_no_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Kubernetes sets these for a service called redis-state.
    monkeypatch.setenv("REDIS_STATE_PORT", "tcp://10.0.0.1:6379")
    monkeypatch.setenv("REDIS_STATE_SERVICE_HOST", "10.0.0.1")
    assert load() == Settings()


def test_the_url_is_read_once() -> None:
    settings = load()
    assert settings.server is settings.server
    assert settings == Settings()
    assert repr(settings) == repr(Settings())


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        load().namespace = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "options",
    [{"url": f"redis://user:{SECRET}@cache/0"}, {"password": SECRET}],
)
def test_no_repr_shows_a_secret(options: dict[str, str]) -> None:
    settings = load(**options)
    backend = RedisStateBackend(**options)
    for shown in (settings, settings.server, settings.credentials, backend, vars(backend)):
        assert SECRET not in repr(shown)
        assert SECRET not in str(shown)


@pytest.mark.parametrize(
    "url",
    [
        f"redis://user:{SECRET}@cache:port",
        f"http://user:{SECRET}@cache",
        f"redis://user:{SECRET}@[::1",
        f"redis://user:{SECRET}@cache?x=1",
        f"redis://user:{SECRET}@cache/zero",
    ],
)
def test_no_error_shows_a_secret(url: str) -> None:
    with pytest.raises(MisconfiguredError) as caught:
        load(url=url)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error!s} {error!r}"
        error = error.__cause__ or error.__context__
