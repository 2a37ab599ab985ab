"""What an operator configures, in Airflow's own ways, and what Airflow shows of it."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from redis_state import MisconfiguredError, RedisStateBackend, RedisWorkerBackend
from redis_state.config.settings import SENSITIVE, Settings, load
from redis_state.config.url import Tls
from redis_state.provider import get_provider_info
from tests.with_airflow.conftest import HAS_CORE

SECRET = "s3cr3t-of-the-connection"
OPTIONS = get_provider_info()["config"]["redis_state"]["options"]


def set_connection(monkeypatch: pytest.MonkeyPatch, **parts: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_STATE", json.dumps({"conn_type": "redis"} | parts))
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__REDIS_CONN_ID", "state")


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    # The system's own: trustme is not among Airflow's requirements.
    path = tmp_path / "my own+ca.pem"
    paths = ssl.get_default_verify_paths()
    path.write_bytes(Path(str(paths.cafile or paths.openssl_cafile)).read_bytes())
    return path


def test_every_option_is_declared_with_its_default_and_what_it_means() -> None:
    assert OPTIONS.keys() == Settings.model_fields.keys()
    for name, declared in OPTIONS.items():
        assert declared["description"] == Settings.model_fields[name].description
        assert declared["default"] == "" or str(getattr(load(), name)) in (
            declared["default"],
            "**********",
        )
    assert [name for name, declared in OPTIONS.items() if declared["sensitive"]] == [
        name for name in OPTIONS if name in SENSITIVE
    ]
    assert {"url", "password", "sentinel_password"} <= SENSITIVE


def airflow(home: Path, *command: str, **environment: str) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "airflow"), *command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"AIRFLOW_HOME": str(home)} | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


if HAS_CORE:

    def test_a_declared_default_gives_way_to_the_environment(
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        conf = import_module("airflow.configuration").conf
        assert conf.get("redis_state", "namespace") == "airflow"
        monkeypatch.setenv("REDIS_STATE_NAMESPACE", "from-environment")
        assert load().namespace == "from-environment"
        monkeypatch.setenv("AIRFLOW__REDIS_STATE__NAMESPACE", "from-airflow")
        assert load().namespace == "from-airflow"

    @pytest.mark.parametrize("backend", [RedisStateBackend, RedisWorkerBackend])
    def test_a_command_may_tell_url_and_password(
        monkeypatch: pytest.MonkeyPatch, backend: Any
    ) -> None:
        monkeypatch.setenv("AIRFLOW__REDIS_STATE__URL_CMD", "echo redis://told:7000/3")
        monkeypatch.setenv("AIRFLOW__REDIS_STATE__PASSWORD_CMD", f"echo {SECRET}")
        made = backend()
        assert str(made.settings.deployment) == "told:7000/3"
        assert made.settings.credentials[1].get_secret_value() == SECRET
        assert SECRET not in repr(made) + repr(made.settings)

    def test_the_options_for_a_command_are_no_strangers(
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        conf = import_module("airflow.configuration").conf
        conf.read_dict({"redis_state": {"url_cmd": "echo redis://told", "password_secret": "x"}})
        try:
            load()
        finally:
            conf.remove_section("redis_state")
        assert "no option" not in caplog.text

    def test_a_secrets_backend_may_tell_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
        for section in ("SECRETS__BACKEND", "WORKERS__SECRETS_BACKEND"):
            monkeypatch.setenv(
                f"AIRFLOW__{section}", "tests.with_airflow.test_configuration.ConfigSecrets"
            )
        monkeypatch.setenv("AIRFLOW__REDIS_STATE__URL_SECRET", "state-url")
        assert str(load().deployment) == "secret-backend:7000/3"

    class ConfigSecrets(import_module("airflow.secrets").BaseSecretsBackend):  # type: ignore[misc]
        def get_config(self, key: str) -> str:
            return {"state-url": "redis://secret-backend:7000/3"}[key]

    def test_airflow_lists_the_provider_and_its_options(tmp_path: Path) -> None:
        assert "redis-state" in airflow(tmp_path, "providers", "list", "--output", "json")
        options = ("--section", "redis_state", "--defaults", "--show-values")
        shown = airflow(tmp_path, "config", "list", *options)
        for name, declared in OPTIONS.items():
            assert f"# {name} = {declared['default']}".strip() in shown

    def test_airflow_hides_what_is_sensitive(tmp_path: Path) -> None:
        shown = airflow(
            tmp_path,
            *("config", "list", "--section", "redis_state", "--show-values", "--hide-sensitive"),
            AIRFLOW__REDIS_STATE__URL=f"redis://:{SECRET}@h/0",
            AIRFLOW__REDIS_STATE__PASSWORD=SECRET,
        )
        assert "url" in shown
        assert SECRET not in shown

    @pytest.mark.parametrize("backend", [RedisStateBackend, RedisWorkerBackend])
    def test_a_connection_of_the_environment_says_where_the_server_is(
        monkeypatch: pytest.MonkeyPatch, backend: Any, ca_file: Path
    ) -> None:
        set_connection(
            monkeypatch,
            host="conn-host",
            port=7001,
            login="user",
            password=SECRET,
            extra={
                "db": 4,
                "ssl": True,
                "ssl_cert_reqs": "required",
                "ssl_ca_certs": str(ca_file),
                "ssl_check_hostname": False,
            },
        )
        settings = backend().settings
        assert str(settings.deployment) == "conn-host:7001/4"
        assert settings.deployment.tls == Tls(str(ca_file), check_hostname=False)
        assert settings.credentials[0] == "user"
        assert settings.credentials[1].get_secret_value() == SECRET
        assert SECRET not in repr(settings)

    @pytest.mark.parametrize(
        ("uri", "server", "tls"),
        [
            ("redis://h:7001/5", "h:7001/5", False),
            ("redis://", "localhost:6379/0", False),
            ("rediss://:p%40ss@h", "h:6379/0", True),
            ("generic://h", "h:6379/0", False),
        ],
    )
    def test_a_connection_may_be_written_as_a_uri(
        monkeypatch: pytest.MonkeyPatch, uri: str, server: str, tls: bool
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_STATE", uri)
        monkeypatch.setenv("AIRFLOW__REDIS_STATE__REDIS_CONN_ID", "state")
        settings = load()
        assert (str(settings.deployment), settings.deployment.tls is not None) == (server, tls)

    def test_a_client_certificate_comes_with_the_connection(
        monkeypatch: pytest.MonkeyPatch, ca_file: Path
    ) -> None:
        files = {"ssl_certfile": str(ca_file), "ssl_keyfile": str(ca_file)}
        set_connection(monkeypatch, host="h", extra={"ssl": True} | files)
        with pytest.raises(MisconfiguredError, match="ssl_certfile: .*ca.pem hold no"):
            load()

    def test_extras_that_ask_for_nothing_need_no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
        extra = {"ssl": False, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
        set_connection(monkeypatch, host="h", extra=extra | {"ssl_ca_certs": None})
        assert load().deployment.tls is None

    # What the form of Airflow's Redis provider saves, as it is and with all left empty.
    FORM = {
        "db": 0,
        "cluster": False,
        "startup_nodes": None,
        "ssl": False,
        "ssl_cert_reqs": "required",
        "ssl_ca_certs": None,
        "ssl_keyfile": None,
        "ssl_certfile": None,
        "ssl_check_hostname": False,
    }

    @pytest.mark.parametrize(
        "extra",
        [
            FORM,
            FORM | {name: "" for name in FORM if "ssl_" in name or name == "startup_nodes"},
            dict.fromkeys(FORM),
            {"cluster": False},
            {"cluster": "false", "ssl": "False", "startup_nodes": " "},
            FORM | {"ssl_cert_reqs": "none"},
        ],
    )
    def test_a_form_that_says_nothing_means_nothing(
        monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any]
    ) -> None:
        set_connection(monkeypatch, host="h", extra=extra)
        deployment = load().deployment
        assert (deployment.topology, str(deployment)) == ("standalone", "h:6379/0")
        assert deployment.tls is None

    @pytest.mark.parametrize(
        ("parts", "servers"),
        [
            ({"host": "h", "port": 7000}, "h:7000"),
            ({"host": "h", "extra": {"startup_nodes": "i:7001, j"}}, "h:6379,i:7001,j:6379"),
            ({"host": "h", "extra": {"startup_nodes": "h:6379,h,i"}}, "h:6379,i:6379"),
            ({"extra": {"startup_nodes": "i:7001,[::1]:7002"}}, "i:7001,[::1]:7002"),
            ({"host": "h", "extra": FORM | {"db": None, "ssl": None}}, "h:6379"),
            ({"host": "h", "extra": {"cluster": "true"}}, "h:6379"),
        ],
    )
    def test_a_connection_may_be_that_of_a_cluster(
        monkeypatch: pytest.MonkeyPatch, parts: dict[str, Any], servers: str
    ) -> None:
        extra = parts.get("extra", {})
        extra = extra | {"cluster": "true" if extra.get("cluster") == "true" else True}
        set_connection(monkeypatch, **(parts | {"extra": extra}))
        deployment = load().deployment
        assert (deployment.topology, str(deployment)) == ("cluster", servers)

    def test_the_cluster_of_a_connection_may_speak_tls(monkeypatch: pytest.MonkeyPatch) -> None:
        set_connection(monkeypatch, host="h", extra={"cluster": True, "ssl": True})
        deployment = load().deployment
        assert deployment.topology == "cluster"
        assert deployment.tls is not None

    def test_a_connection_as_the_form_saves_it_is_read_from_the_database_form(
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        connection = import_module("airflow.models").Connection(
            conn_id="state", conn_type="redis", host="h", port=6380, extra=json.dumps(FORM)
        )
        monkeypatch.setenv("AIRFLOW_CONN_STATE", connection.get_uri())
        monkeypatch.setenv("AIRFLOW__REDIS_STATE__REDIS_CONN_ID", "state")
        assert str(load().deployment) == "h:6380/0"

    def test_an_option_goes_before_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
        set_connection(monkeypatch, host="h", login="user", password="its-own")
        monkeypatch.setenv("AIRFLOW__REDIS_STATE__USERNAME", "option")
        assert load().credentials[0] == "option"

    @pytest.mark.parametrize(
        ("parts", "message"),
        [
            ({"conn_type": "postgres"}, "is of the type 'postgres'"),
            ({"extra": {"ssl": True, "ssl_cert_reqs": "none"}}, "ssl_cert_reqs"),
            ({"extra": {"ssl": True, "ssl_keyfile": "/key"}}, "ssl_keyfile: it needs the"),
            ({"extra": {"ssl": True, "ssl_ca_certs": "/no/ca.pem"}}, "/no/ca.pem cannot be read"),
            ({"extra": {"ssl_ca_certs": "/no/ca.pem"}}, "ssl_ca_certs: there is no TLS"),
            ({"extra": {"ssl_check_hostname": "maybe"}}, "ssl_check_hostname: there is no TLS"),
            ({"extra": {"ssl": "perhaps"}}, "extra ssl that is neither true nor false"),
            ({"extra": {"cluster": "perhaps"}}, "extra cluster that is neither true nor false"),
            ({"extra": {"startup_nodes": "i"}}, "startup_nodes, and no cluster: true"),
            ({"extra": {"cluster": True, "startup_nodes": ["i"]}}, "startup_nodes that is no text"),
            ({"extra": {"cluster": True, "startup_nodes": "i/x"}}, "characters that no host has"),
            ({"extra": {"cluster": True, "startup_nodes": "i:x"}}, "a port is no number"),
            ({"extra": {"cluster": True, "db": 1}}, "a cluster has the database 0 only"),
            ({"extra": {"ssl": True, "ssl_check_hostname": False}}, "only beside ssl_ca_certs"),
            ({"extra": {"decode_responses": True}}, "decode_responses"),
            ({"extra": {"db": "x"}}, "The url of the connection 'state' is wrong"),
        ],
    )
    def test_a_connection_that_cannot_be_followed_is_an_error_that_says_why(
        monkeypatch: pytest.MonkeyPatch, parts: dict[str, Any], message: str
    ) -> None:
        set_connection(monkeypatch, **({"host": "h", "password": SECRET} | parts))
        with pytest.raises(MisconfiguredError, match=message) as raised:
            load()
        assert SECRET not in str(raised.value)

    def test_url_and_connection_together_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
        set_connection(monkeypatch, host="h")
        monkeypatch.setenv("AIRFLOW__REDIS_STATE__URL", "redis://elsewhere")
        with pytest.raises(
            MisconfiguredError, match=r"redis_conn_id and \[redis_state\] url both say"
        ):
            load()

    def test_a_missing_connection_is_told_as_one_on_either_side(
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("AIRFLOW__REDIS_STATE__REDIS_CONN_ID", "nowhere")
        with pytest.raises(MisconfiguredError, match="Make it in Airflow"):
            RedisStateBackend()
        with pytest.raises(MisconfiguredError, match="set AIRFLOW_CONN_NOWHERE"):
            RedisWorkerBackend()
