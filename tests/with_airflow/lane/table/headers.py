"""Headers that have nothing to do with who asks, and how a connection is used."""

from __future__ import annotations

from tests.with_airflow.lane.asked import ANSWERED, ELSEWHERE, Asked, ask, put

_LARGE = "large"
_ECHOED = {
    "": "empty",
    "abc": "plain",
    "a, b": "with a comma",
    "x" * 4000: "long",
    "6b6f1c1e-0000-7000-8000-000000000000": "of an id",
}
_IGNORED: dict[str, tuple[str, str | bytes]] = {
    "cookie": ("Cookie", "_token=nonsense; session=1"),
    "an origin": ("Origin", "https://evil.example"),
    "a referer": ("Referer", "https://evil.example"),
    "an accepted type": ("Accept", "text/html"),
    "an accepted language": ("Accept-Language", "de"),
    "a condition": ("If-None-Match", "*"),
    "a range": ("Range", "bytes=0-3"),
    "a method override": ("X-HTTP-Method-Override", "DELETE"),
    "a forwarded address": ("X-Forwarded-For", "10.0.0.1"),
    "a forwarded protocol": ("X-Forwarded-Proto", "https"),
    "a forwarded prefix": ("X-Forwarded-Prefix", "/team"),
    "a trace": ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    "baggage": ("baggage", "a=b"),
    "a request id": ("X-Request-Id", "1"),
    "another host": ("X-Forwarded-Host", "evil.example"),
    "a trigger's id": ("Airflow-Trigger-TI-Id", "<other>"),
    "an empty header": ("X-Empty", ""),
    "a long header": ("X-Long", "x" * 8000),
    "a header of Latin-1": ("X-Latin", b"caf\xe9"),
}
_ENCODINGS = ("gzip", "br", "deflate", "identity", "*", "gzip;q=0", "gzip, br", "GZIP", "")

HEADERS: tuple[Asked, ...] = (
    *(
        make(
            f"correlation id {name}: {make.__name__}", ANSWERED, headers=[("correlation-id", value)]
        )
        for value, name in _ECHOED.items()
        for make in (ask, put)
    ),
    ask(
        "correlation id with a control sign",
        ELSEWHERE,
        headers=[("correlation-id", "\x7f")],
    ),
    ask(
        "correlation id twice", ANSWERED, headers=[("correlation-id", "a"), ("Correlation-ID", "b")]
    ),
    ask("correlation id in Latin-1", ANSWERED, headers=[("correlation-id", b"caf\xe9")]),
    ask("correlation id in UTF-8", ANSWERED, headers=[("correlation-id", "é")]),
    ask(
        "correlation id of what is not there",
        ANSWERED,
        "GET",
        "absent",
        headers=[("correlation-id", "abc")],
    ),
    ask(
        "correlation id of what is not readable",
        ANSWERED,
        "GET",
        "corrupt",
        headers=[("correlation-id", "abc")],
    ),
    ask(
        "correlation id without a token",
        "token",
        authorization=None,
        headers=[("correlation-id", "abc")],
    ),
    ask(
        "correlation id of a value that is no JSON",
        "value",
        "GET",
        "no%20json",
        headers=[("correlation-id", "abc")],
    ),
    ask(
        "correlation id with a token that is renewed",
        "renewal",
        authorization="Bearer <in its last fifth>",
        headers=[("correlation-id", "abc")],
    ),
    *(
        ask(
            f"encoding {encoding!r} of a large value",
            ANSWERED,
            "GET",
            _LARGE,
            headers=[("Accept-Encoding", encoding)],
        )
        for encoding in _ENCODINGS
    ),
    ask("encoding of a small value", ANSWERED, headers=[("Accept-Encoding", "gzip")]),
    put("encoding of no value", ANSWERED, headers=[("Accept-Encoding", "gzip")]),
    ask(
        "encoding of a long refusal",
        ANSWERED,
        "GET",
        "k" * 2000,
        headers=[("Accept-Encoding", "gzip")],
    ),
    *(ask(f"{name}: get", ANSWERED, headers=[header]) for name, header in _IGNORED.items()),
    *(
        put(f"{name}: set", ANSWERED, headers=[_IGNORED[name]])
        for name in ("cookie", "a trace", "an origin", "a method override", "a range")
    ),
)
