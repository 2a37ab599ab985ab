"""How a connection is used: kept, closed, for many requests at once, or wrongly."""

from __future__ import annotations

from tests.with_airflow.lane.asked import ANSWERED, API_VERSION, ELSEWHERE, Asked, message

_VERSION = ("Airflow-API-Version", API_VERSION)
_AUTHORIZED = [_VERSION, ("Authorization", "Bearer <good>")]
_WRONG = [_VERSION, ("Authorization", "Bearer nonsense")]
_BODY = b'{"value": 2}'
_JSON = [*_AUTHORIZED, ("Content-Type", "application/json"), ("Content-Length", str(len(_BODY)))]
_GET = message("GET", "key", _AUTHORIZED)
_GET_ABSENT = message("GET", "absent", _AUTHORIZED)
_PUT = message("PUT", "key", _JSON) + _BODY
_DELETE = message("DELETE", "key", _AUTHORIZED)
_REFUSED = message("GET", "key", _WRONG)
_LINES = b"Airflow-API-Version: 2026-06-30\r\nAuthorization: Bearer <good>\r\n"
_OLD = b"GET /execution/store/ti/<ti>/key HTTP/1.0\r\n" + _LINES + b""


def _many(name: str, lane: tuple[str, ...], sent: tuple[bytes, ...], *methods: str) -> Asked:
    return Asked(f"connection: {name}", lane, sent, methods)


def _one(name: str, lane: str, *sent: bytes, method: str = "GET") -> Asked:
    return Asked(f"connection: {name}", (lane,), sent, (method,))


CONNECTIONS: tuple[Asked, ...] = (
    _many(
        "five requests in one piece",
        (ANSWERED,) * 5,
        (_PUT + _GET + _DELETE + _GET + _PUT,),
        "PUT",
        "GET",
        "DELETE",
        "GET",
        "PUT",
    ),
    _many(
        "answered and refused ones by turns",
        (ANSWERED, "token", ANSWERED, "token"),
        (_GET + _REFUSED + _GET_ABSENT + _REFUSED,),
        *("GET",) * 4,
    ),
    _many(
        "writes and reads by turns",
        (ANSWERED,) * 20,
        ((_PUT + _GET + _DELETE + _GET_ABSENT) * 5,),
        *("PUT", "GET", "DELETE", "GET") * 5,
    ),
    _many(
        "one after another in small pieces",
        (ANSWERED, ANSWERED),
        (_PUT[:40], _PUT[40:-3], _PUT[-3:] + _GET[:20], _GET[20:]),
        "PUT",
        "GET",
    ),
    _many(
        "one that is refused, and one that is broken",
        ("token",),
        (_REFUSED, b"nonsense\r\n\r\n"),
        "GET",
        "GET",
    ),
    _many(
        "one that is answered, and one that is broken",
        (ANSWERED,),
        (_GET, b"nonsense\r\n\r\n"),
        "GET",
        "GET",
    ),
    _many(
        "a length that is too short, and what is left",
        ("body",),
        (message("PUT", "key", [*_JSON[:-1], ("Content-Length", "3")]) + _BODY,),
        "PUT",
        "GET",
    ),
    _one("close", ANSWERED, message("GET", "key", [*_AUTHORIZED, ("Connection", "close")])),
    _one(
        "close in upper case",
        ANSWERED,
        message("GET", "key", [*_AUTHORIZED, ("Connection", "CLOSE")]),
    ),
    _one(
        "close of a write",
        ANSWERED,
        message("PUT", "key", [*_JSON, ("Connection", "close")]),
        _BODY,
        method="PUT",
    ),
    _one(
        "close of one that is refused",
        "token",
        message("GET", "key", [*_WRONG, ("Connection", "close")]),
    ),
    _many(
        "close, and one more",
        (ANSWERED,),
        (message("GET", "key", [*_AUTHORIZED, ("Connection", "close")]) + _GET,),
        "GET",
        "GET",
    ),
    _one("kept", ANSWERED, message("GET", "key", [*_AUTHORIZED, ("Connection", "keep-alive")])),
    _one("of HTTP/1.0", ANSWERED, _OLD + b"\r\n"),
    _one("of HTTP/1.0, kept", ANSWERED, _OLD + b"Connection: keep-alive\r\n\r\n"),
    _one(
        "of HTTP/1.1 without a host",
        ANSWERED,
        b"GET /execution/store/ti/<ti>/key HTTP/1.1\r\n" + _LINES + b"\r\n",
    ),
    _one(
        "of HTTP/2.0",
        ANSWERED,
        b"GET /execution/store/ti/<ti>/key HTTP/2.0\r\n" + _LINES + b"\r\n",
    ),
    _one(
        "of no version",
        ANSWERED,
        b"GET /execution/store/ti/<ti>/key\r\n" + _LINES + b"\r\n",
    ),
    _one("newlines alone", ELSEWHERE, _GET.replace(b"\r\n", b"\n")),
    _one("newlines in front", ANSWERED, b"\r\n\r\n" + _GET),
    _one(
        "a header over two lines",
        ELSEWHERE,
        message("GET", "key")[:-2] + b"Authorization: Bearer\r\n <good>\r\n\r\n",
    ),
    _one(
        "a header with a space before the colon",
        ELSEWHERE,
        message("GET", "key")[:-2] + b"Authorization : Bearer <good>\r\n\r\n",
    ),
    _one("a header of NUL", ELSEWHERE, message("GET", "key", [*_AUTHORIZED, ("X-Null", b"\x00")])),
    _many(
        "asked to continue",
        (ANSWERED,),
        (message("PUT", "key", [*_JSON, ("Expect", "100-continue")]) + _BODY,),
        "PUT",
        "PUT",
    ),
    _many(
        "asked to continue, refused",
        ("token",),
        (message("PUT", "key", [*_WRONG, *_JSON[2:], ("Expect", "100-continue")]) + _BODY,),
        "PUT",
        "PUT",
    ),
    _one(
        "asked for another thing",
        ANSWERED,
        message("PUT", "key", [*_JSON, ("Expect", "200-ok")]) + _BODY,
        method="PUT",
    ),
    _one(
        "an upgrade",
        ANSWERED,
        message("GET", "key", [*_AUTHORIZED, ("Connection", "Upgrade"), ("Upgrade", "h2c")]),
    ),
    _one(
        "an upgrade to a web socket",
        ELSEWHERE,
        message(
            "GET",
            "key",
            [
                *_AUTHORIZED,
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("Sec-WebSocket-Version", "13"),
            ],
        ),
    ),
    # They wait for nothing, and are gone.
    _many("gone before the body", ("body",), (message("PUT", "key", _JSON),)),
    _many("gone in the middle of the body", ("body",), (message("PUT", "key", _JSON) + _BODY[:5],)),
    _many(
        "gone before the end of a body that would do",
        ("body",),
        (message("PUT", "key", [*_JSON[:-1], ("Content-Length", "20")]) + _BODY,),
    ),
    _many("gone in the middle of the head", (), (_PUT[:50],)),
    _many(
        "gone in the middle of a chunk",
        ("body",),
        (message("PUT", "key", [*_JSON[:3], ("Transfer-Encoding", "chunked")]) + b'c\r\n{"va',),
    ),
    _many("gone at once", (), (b"",)),
)
