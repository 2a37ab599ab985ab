"""What is wrong with a certificate that was not accepted, and what to do about it."""

from __future__ import annotations

from ssl import SSLCertVerificationError

from redis_state.config.url import Server

# As OpenSSL numbers them (X509_V_ERR_...).
_NOT_YET, _EXPIRED = 9, 10
_OTHER_HOST = (62, 64)


def untrusted_certificate(error: SSLCertVerificationError, server: Server) -> str:
    """Return the message for a certificate that a server has shown."""
    shows, why = f"{server} shows a certificate that", error.verify_message
    match error.verify_code:
        case code if code == _EXPIRED:
            return f"{shows} has expired: renew it on the server ({why})."
        case code if code == _NOT_YET:
            return f"{shows} is not valid yet: see the clocks of both machines ({why})."
        case code if code in _OTHER_HOST:
            return (
                f"{server} shows a certificate for another host: write the host that it is for in "
                f"the url ({why})."
            )
    return (
        f"{shows} is not trusted: name its authority in the url, with "
        f"?ssl_ca_certs=/path/to/ca.pem ({why})."
    )
