"""The options: where they come from, and what a mistake is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from redis_state import MisconfiguredError, RedisStateBackend, Settings
from redis_state.config.settings import SENSITIVE, load
from redis_state.config.url import Deployment, Server

SECRET = "hunter2-very-secret"


def test_the_defaults_are_usable() -> None:
    settings = load()
    assert settings == Settings()
    assert settings.deployment == Deployment("standalone", (Server("localhost", 6379),))
    assert settings.credentials == (None, None)
    assert settings.namespace == "airflow"
    assert settings.budget < 5


@pytest.mark.parametrize(
    ("options", "credentials"),
    [
        ({"url": "redis://u:p%40ss@h"}, ("u", "p@ss")),
        ({"url": "redis://:p@h"}, (None, "p")),
        ({"url": "redis://u:p@h", "username": "v", "password": "q"}, ("v", "q")),
        ({"password": "p"}, (None, "p")),
        ({"url": "unix://u:p@/socket"}, ("u", "p")),
        ({"url": "redis+cluster://u:p@a,b"}, ("u", "p")),
    ],
)
def test_credentials_come_from_the_options_else_the_url(
    options: dict[str, Any], credentials: tuple[str | None, str]
) -> None:
    username, password = load(**options).credentials
    assert password is not None
    assert (username, password.get_secret_value()) == credentials


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
        ("credentials_lifetime", -1),
        ("credentials_lifetime", float("inf")),
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


@pytest.mark.parametrize(
    ("name", "meant"),
    [("pol_size", "pool_size"), ("retention", "default_retention"), ("URL", None), ("ttl", None)],
)
def test_a_misspelled_option_is_asked_about(name: str, meant: str | None) -> None:
    with pytest.raises(MisconfiguredError) as caught:
        load(**{name: "5"})
    start = str(caught.value)[:100]
    assert start.startswith(f"{name}= is no option of redis-state")
    assert (f"did you mean {meant}?" in start) is (meant is not None)


@pytest.mark.parametrize(
    ("variable", "written"),
    [
        ("REDIS_STATE_POL_SIZE", "REDIS_STATE_POL_SIZE"),
        # As it is found where Airflow's configuration is.
        ("AIRFLOW__REDIS_STATE__POL_SIZE", "[redis_state] pol_size"),
    ],
)
def test_a_misspelled_variable_is_asked_about(
    variable: str,
    written: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(variable, "5")
    assert load() == Settings()
    (told,) = caplog.messages
    assert told == (
        f"{written} is no option of redis-state and has no effect: did you mean pool_size?"
    )
    assert told.index("?") < 100


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
    assert (settings.deployment.servers[0].host, settings.pool_size, settings.namespace) == (
        "from-env",
        7,
        "airflow",
    )


def test_keyword_arguments_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_STATE_URL", "redis://from-env")
    assert load(url="redis://from-code").deployment.servers[0].host == "from-code"


def test_a_wrong_variable_is_named_as_the_user_wrote_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_STATE_POOL_SIZE", "many")
    with pytest.raises(MisconfiguredError, match="^REDIS_STATE_POOL_SIZE is wrong"):
        load()


def test_variables_of_a_service_of_the_same_name_are_no_options(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Kubernetes sets these for a service called redis-state.
    monkeypatch.setenv("REDIS_STATE_PORT", "tcp://10.0.0.1:6379")
    monkeypatch.setenv("REDIS_STATE_SERVICE_HOST", "10.0.0.1")
    assert load() == Settings()
    assert not caplog.messages


def test_the_url_is_read_once() -> None:
    settings = load()
    assert settings.deployment is settings.deployment
    assert settings == Settings()
    assert repr(settings) == repr(Settings())


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        load().namespace = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "options",
    [
        {"url": f"redis://user:{SECRET}@cache/0"},
        {"password": SECRET},
        {"url": "redis+sentinel://a/service", "sentinel_password": SECRET},
    ],
)
def test_no_repr_shows_a_secret(options: dict[str, str]) -> None:
    settings = load(**options)
    backend = RedisStateBackend(**options)
    for shown in (settings, settings.deployment, settings.credentials, backend, vars(backend)):
        assert SECRET not in repr(shown)
        assert SECRET not in str(shown)


@pytest.mark.parametrize(
    "who", [{"password": SECRET}, {"username": "u"}, {"url": f"redis://:{SECRET}@cache"}]
)
def test_two_that_say_who_logs_in_are_an_error(who: dict[str, str]) -> None:
    with pytest.raises(
        MisconfiguredError, match="credential_provider= says who.*set one"
    ) as caught:
        load(credential_provider="package.module.Name", **who)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("option", ["sentinel_username", "sentinel_password"])
def test_a_login_at_sentinels_that_are_not_there_is_an_error(option: str) -> None:
    with pytest.raises(
        MisconfiguredError, match=f"{option}= is set, and the url names no"
    ) as caught:
        load(**{option: f"{option} of nobody"})
    assert "of nobody" not in str(caught.value)


def test_what_is_secret_is_declared_so() -> None:
    assert {"url", "password", "sentinel_password"} <= SENSITIVE
    assert not SENSITIVE & {"namespace", "username", "credential_provider"}
