"""Bodies: every kind of JSON, what is none, and how a body is framed."""

from __future__ import annotations

from tests.with_airflow.lane.asked import ANSWERED, API_VERSION, Asked, message, put

_ASSET = "/execution/store/asset/by-uri/value?uri=<uri of asset>&key=key"
_VERSION = ("Airflow-API-Version", API_VERSION)
_AUTHORIZED = [_VERSION, ("Authorization", "Bearer <good>")]
_JSON = [*_AUTHORIZED, ("Content-Type", "application/json")]

_VALUES = {
    "text": '"a"',
    "empty text": '""',
    "text of unicode": '"é𝄞"',
    "escaped text": r'"\u00e9\ud834\udd1e\/\b\n"',
    "NUL in text": r'"a\u0000b"',
    "number": "1",
    "negative zero": "-0",
    "negative zero with a point": "-0.0",
    "fraction": "0.1",
    "fraction of many digits": "0.1234567890123456789012345",
    "exponent": "1E400",
    "tiny exponent": "1e-400",
    "exponent of an integer": "1e2",
    "beyond 64 bits": "123456789012345678901234567890",
    "of 4300 digits": "9" * 4300,
    "of 5000 digits": "9" * 5000,
    "true": "true",
    "false": "false",
    "empty list": "[]",
    "empty object": "{}",
    "list with null": "[null]",
    "object with null": '{"a": null}',
    "nested": '{"a": [1, {"b": [true, "x"]}]}',
    "the same name twice": '{"a": 1, "a": 2}',
    "name of nothing": '{"": 1}',
    "NaN": "NaN",
    "Infinity": "Infinity",
    "negative Infinity": "-Infinity",
    "NaN in a list": "[NaN]",
    "Infinity in an object": '{"a": -Infinity}',
    "null": "null",
    "a lone surrogate": r'"\ud800"',
    "surrogates in the wrong order": r'"\udd1e\ud834"',
    "a lone surrogate as a name": r'{"\udfff": 1}',
    "a reference": '{"__airflow_state_ref__": "redis-state:x"}',
    "a reference and more": '{"__airflow_state_ref__": "x", "b": 1}',
    "leading zeros": "01",
    "plus": "+1",
    "a point alone": "1.",
    "hexadecimal": "0x10",
    "single quotes": "'a'",
    "undefined": "undefined",
    "a trailing comma": "[1,]",
    "a comment": "1 /* one */",
    "a control sign in text": '"a\x01b"',
    "a newline in text": '"a\nb"',
    **{f"{depth} deep": "[" * depth + "]" * depth for depth in (100, 200, 300, 990, 5_000)},
}
_PASSING = {
    *("NaN", "Infinity", "negative Infinity", "null", "exponent", "of 5000 digits"),
    *("leading zeros", "plus", "a point alone", "hexadecimal", "single quotes", "undefined"),
    *("a trailing comma", "a comment", "a control sign in text", "a newline in text"),
    *("300 deep", "990 deep", "5000 deep"),
}
_WHOLE = {
    "list": (b"[1]", "body"),
    "text": (b'"value"', "body"),
    "number": (b"1", "body"),
    "null": (b"null", "body"),
    "empty object": (b"{}", "body"),
    "empty": (b"", "body"),
    "blank": (b"  ", "body"),
    "an extra field": (b'{"value": 1, "more": 2}', "body"),
    "an extra field of another route": (b'{"value": 1, "key": "x"}', "body"),
    "upper case": (b'{"Value": 1}', "body"),
    "the value twice": (b'{"value": 1, "value": 2}', ANSWERED),
    "spaces around": (b' \r\n\t{"value" : 1}\n ', ANSWERED),
    "something behind": (b'{"value": 1} x', "body"),
    "two objects": (b'{"value": 1}{"value": 2}', "body"),
    "half an object": (b'{"value": 1', "body"),
    "a byte order mark": (b'\xef\xbb\xbf{"value": 1}', ANSWERED),
    "UTF-16": ('{"value": "é"}'.encode("utf-16"), ANSWERED),
    "UTF-16 without a mark": ('{"value": 1}'.encode("utf-16-le"), ANSWERED),
    "UTF-32": ('{"value": 1}'.encode("utf-32-be"), ANSWERED),
    "invalid UTF-8": (b'{"value": "\xff"}', "body"),
    "UTF-8 of a surrogate": (b'{"value": "\xed\xa0\x80"}', ANSWERED),
    "NUL behind": (b'{"value": 1}\x00', "body"),
    "a form": (b"value=1", "body"),
    "HTML": (b"</html>", "body"),
}
_TYPES = {
    "with a charset": "application/json; charset=utf-8",
    "with another charset": "application/json; charset=latin-1",
    "with a semicolon": "application/json;",
    "in upper case": "Application/JSON",
    "of a kind of JSON": "application/vnd.airflow+json",
    "of a problem": "application/problem+json",
    "of text": "text/plain",
    "of JSON as text": "text/json",
    "of a form": "application/x-www-form-urlencoded",
    "of parts": "multipart/form-data; boundary=x",
    "of bytes": "application/octet-stream",
    "of nothing": "",
    "of two": "application/json, text/plain",
    "of nonsense": "json",
    "with quotes": '"application/json"',
}
_LIMIT = 64 * 1024
_AROUND = len('{"value": ""}')


def _body(value: str) -> bytes:
    return b'{"value": ' + value.encode() + b"}"


def framed(name: str, lane: str, headers: list[tuple[str, str]], *pieces: bytes) -> Asked:
    head = message("PUT", "key", [*_JSON, *headers])
    return Asked(name, (lane,), (head, *pieces), ("PUT",))


BODIES: tuple[Asked, ...] = (
    *(
        put(f"value: {name}", "body" if name in _PASSING else ANSWERED, body=_body(value))
        for name, value in _VALUES.items()
    ),
    *(
        put(
            f"value of an asset: {name}",
            "body" if name in _PASSING else "reference" if "reference" in name else ANSWERED,
            _ASSET,
            body=_body(value),
        )
        for name, value in _VALUES.items()
        if name in {"text", "NaN", "NaN in a list", "null", "nested", "a reference"}
    ),
    *(put(f"body: {name}", lane, body=body) for name, (body, lane) in _WHOLE.items()),
    *(
        put(f"body of an asset: {name}", _WHOLE[name][1], _ASSET, body=_WHOLE[name][0])
        for name in ("empty", "an extra field", "half an object", "list")
    ),
    put("body of an asset: expires_at", "body", _ASSET, body=b'{"value": 1, "expires_at": null}'),
    *(put(f"type {name}", "body", content_type=type_) for name, type_ in _TYPES.items()),
    put("no type", "body", content_type=None),
    put("type twice", "request", headers=[("Content-Type", "application/json")]),
    put("type twice, not the same", "request", headers=[("Content-Type", "text/plain")]),
    put("content encoding", ANSWERED, headers=[("Content-Encoding", "gzip")]),
    *(
        put(
            f"a body of {size} bytes",
            ANSWERED if size <= _LIMIT else "body",
            value="x" * (size - _AROUND),
        )
        for size in (_LIMIT - 1, _LIMIT, _LIMIT + 1, 4 * _LIMIT)
    ),
    put("a body of a megabyte for an asset", "body", _ASSET, value="x" * 1_000_000),
    framed("no length and no body", "body", []),
    framed("a length of zero", "body", [("Content-Length", "0")]),
    framed("a length with a plus", "elsewhere", [("Content-Length", "+12")], b'{"value": 1}'),
    framed("a length with zeros", "body", [("Content-Length", "0000000012")], b'{"value": 1}'),
    framed("a length in words", "elsewhere", [("Content-Length", "twelve")], b'{"value": 1}'),
    framed("a negative length", "elsewhere", [("Content-Length", "-1")], b'{"value": 1}'),
    framed("a length beyond 64 bits", "elsewhere", [("Content-Length", "9" * 30)], b"{}"),
    framed(
        "two lengths",
        "elsewhere",
        [("Content-Length", "12"), ("Content-Length", "12")],
        b'{"value": 1}',
    ),
    framed(
        "two lengths that differ",
        "elsewhere",
        [("Content-Length", "12"), ("Content-Length", "13")],
        b'{"value": 1}',
    ),
    framed("a length that is too short", "body", [("Content-Length", "11")], b'{"value": 1}'),
    framed("a body in two pieces", ANSWERED, [("Content-Length", "12")], b'{"val', b'ue": 1}'),
    framed(
        "chunks",
        "body",
        [("Transfer-Encoding", "chunked")],
        b'6\r\n{"valu\r\n',
        b'6\r\ne": 1}\r\n0\r\n\r\n',
    ),
    framed(
        "chunks with more to tell",
        "body",
        [("Transfer-Encoding", "chunked")],
        b'c;a=b\r\n{"value": 1}\r\n0\r\nX-Behind: 1\r\n\r\n',
    ),
    framed(
        "chunks that hold no JSON",
        "body",
        [("Transfer-Encoding", "chunked")],
        b"3\r\nabc\r\n0\r\n\r\n",
    ),
    framed("chunks of a wrong size", "body", [("Transfer-Encoding", "chunked")], b"zz\r\n{}\r\n"),
    framed("no chunks", "body", [("Transfer-Encoding", "chunked")], b"0\r\n\r\n"),
    framed(
        "chunks and a length",
        "elsewhere",
        [("Transfer-Encoding", "chunked"), ("Content-Length", "12")],
        b'{"value": 1}',
    ),
    framed("an unknown encoding", "body", [("Transfer-Encoding", "gzip")], b'{"value": 1}'),
)
