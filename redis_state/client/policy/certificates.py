"""What is wrong with a certificate that was not accepted, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from ssl import SSLCertVerificationError, cert_time_to_seconds
from typing import Any, NamedTuple

from redis_state.config.url import Server

# As OpenSSL numbers them (X509_V_ERR_...).
_NOT_YET, _EXPIRED = 9, 10
_OTHER_HOST = (62, 64)


class Validity(NamedTuple):
    """From when to when a certificate is valid."""

    begins: datetime
    ends: datetime

    @classmethod
    def of(cls, certificate: Mapping[str, Any] | None) -> Validity | None:
        """Read it from what a server has shown, if it has shown something."""
        if not certificate:
            return None
        begins, ends = certificate["notBefore"], certificate["notAfter"]
        return cls(_moment(begins), _moment(ends))


def is_untimely(error: SSLCertVerificationError) -> bool:
    """Tell whether a certificate is refused since it has expired, or is not valid yet."""
    return error.verify_code in (_NOT_YET, _EXPIRED)


def untrusted_certificate(
    error: SSLCertVerificationError, server: Server, valid: Validity | None = None
) -> str:
    """Return the message for a certificate that a server has shown."""
    shows, why = f"{server} shows a certificate that", error.verify_message
    match error.verify_code:
        case code if code == _EXPIRED:
            # That of its authority may have, and not its own.
            is_own = valid is not None and valid.ends <= datetime.now(UTC)
            when = f" since {valid.ends:%Y-%m-%dT%H:%M:%SZ}" if valid and is_own else ""
            return f"{shows} has expired{when}: renew it on the server ({why})."
        case code if code == _NOT_YET:
            is_own = valid is not None and valid.begins > datetime.now(UTC)
            when = f" before {valid.begins:%Y-%m-%dT%H:%M:%SZ}" if valid and is_own else " yet"
            return f"{shows} is not valid{when}: see the clocks of both machines ({why})."
        case code if code in _OTHER_HOST:
            return (
                f"{server} shows a certificate for another host: write the host that it is for in "
                f"the url ({why})."
            )
    return (
        f"{shows} is not trusted: name its authority in the url, with "
        f"?ssl_ca_certs=/path/to/ca.pem ({why})."
    )


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(cert_time_to_seconds(text), UTC)
