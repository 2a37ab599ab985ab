"""The files of TLS, looked at when they are named, and made one context when they are used."""

from __future__ import annotations

import ssl
from pathlib import Path

from redis_state.config.url import Tls


def context(tls: Tls) -> ssl.SSLContext:
    """Return a context that checks the server; a file that does not serve is a ValueError.

    Authorities of one's own stand in the place of the system's: who names one trusts no other.
    """
    for option, path in (
        ("ssl_ca_certs", tls.ca_file),
        ("ssl_certfile", tls.certificate),
        ("ssl_keyfile", tls.key),
    ):
        if path is not None:
            _check_file(option, path)
    made = _trusting(tls.ca_file)
    made.check_hostname = tls.check_hostname
    if tls.certificate is not None:
        _show(made, tls.certificate, tls.key)
    return made


def _check_file(option: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
    raise ValueError(f"{option}: the file {path} cannot be read ({reason})")


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError):
        raise ValueError(f"ssl_ca_certs: {ca_file} holds no certificates as PEM") from None


class _EncryptedError(Exception):
    """A key asks for a password."""


def _refuse() -> str:
    raise _EncryptedError


def _show(made: ssl.SSLContext, certificate: str, key: str | None) -> None:
    option, path = ("ssl_keyfile", key) if key else ("ssl_certfile", certificate)
    try:
        # Without an answer of ours, OpenSSL would ask on the terminal.
        made.load_cert_chain(certificate, key, password=_refuse)
    except _EncryptedError:
        problem = (
            f"{option}: the key in {path} is encrypted, and there is no option for its password; "
            "decrypt it, and let only Airflow's user read the file"
        )
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem = f"{option}: the key in {path} does not belong to the certificate"
        else:
            both = certificate if key is None else f"{certificate} and {key}"
            problem = f"ssl_certfile: {both} hold no certificate and its key as PEM"
    else:
        return
    raise ValueError(problem)
