"""Keys: what a path can hold."""

from __future__ import annotations

from urllib.parse import quote

from tests.with_airflow.lane.asked import ANSWERED, ELSEWHERE, Asked, ask, put

_NFC, _NFD = "é", "é"
_KEYS = {
    "of letters": "job_id",
    "with a slash": "a/b",
    "with a slash in front": "/a",
    "with a slash behind": "a/",
    "of a slash": "/",
    "of three slashes": "///",
    "with an escaped slash": "a%2Fb",
    "with an escaped slash in lower case": "a%2fb",
    "of an escaped slash": "%2F",
    "with a doubly escaped slash": "a%252Fb",
    "of a dot": ".",
    "of two dots": "..",
    "with dots between slashes": "a/../b",
    "with escaped dots": "%2e%2e/key",
    "with a space": "a%20b",
    "with spaces around": "%20a%20",
    "of a space": "%20",
    "with a plus": "a+b",
    "with an escaped plus": "a%2Bb",
    "with a percent sign": "100%25",
    "with a percent sign alone": "100%",
    "with a percent sign and no number": "%zz",
    "with half an escape": "%4",
    "with an escaped question mark": "a%3Fb",
    "with an escaped hash sign": "a%23b",
    "with an ampersand": "a&b=c",
    "with a colon": "3:key",
    "with braces": "{a}*[b]",
    "with quotes": "a%22b'c",
    "with a backslash": "a%5Cb",
    "of unicode": quote(_NFC),
    "of decomposed unicode": quote(_NFD),
    "of unicode beyond the plane": quote("𝄞🎼"),
    "of unicode from the right": quote("\u202eabc"),
    "of unicode line ends": quote("a\u2028b"),
    "of a byte order mark": quote("\ufeff"),
    "of the last sign": quote("\U0010ffff"),
    "of the sign of replacement": quote("\ufffd"),
    "with NUL": "a%00b",
    "of NUL": "%00",
    "of two NUL": "%00%00",
    "with a tab": "a%09b",
    "with an escape sign": "a%1Bb",
    "with DEL": "a%7Fb",
    "of a vertical tab": "%0B",
    "of a next line": "a%C2%85b",
    "like another id": "00000000-0000-0000-0000-000000000000",
    "like a route": "value",
    "of 512 characters": "k" * 512,
    "of 513 characters": "k" * 513,
    "of 512 characters of two bytes": quote("é" * 512),
    "of 4000 characters": "k" * 4000,
}
_WITH_NEWLINE = {
    "with a newline": "a%0Ab",
    "of a newline": "%0A",
    "with a newline in front": "%0Aa",
    "with a newline behind": "a%0A",
}
_CR = {"with a carriage return": "a%0Db", "of a carriage return": "%0D", "with both": "a%0D%0Ab"}
# No text in UTF-8: a server makes it readable.
_NO_TEXT = {
    "of a byte": "%FF",
    "of half a letter": "%C3",
    "of a surrogate": "%ED%A0%80",
    "of an overlong slash": "%C0%AF",
    "of a letter of Latin-1": "caf%E9",
}
_RAW = {
    "of unicode that is not escaped": ("é".encode(), ELSEWHERE),
    "of a byte that is not escaped": (b"a\xffb", ELSEWHERE),
    "of a letter of Latin-1 that is not escaped": (b"caf\xe9", ELSEWHERE),
    "with signs that are not escaped": (b'a"b<>|^`', ANSWERED),
}


def _key(key: str | bytes) -> bytes:
    return b"/execution/store/ti/<ti>/" + (key if isinstance(key, bytes) else key.encode())


KEYS: tuple[Asked, ...] = (
    *(put(f"set of a key {name}", ANSWERED, _key(key)) for name, key in _KEYS.items()),
    *(ask(f"get of a key {name}", ANSWERED, "GET", _key(key)) for name, key in _KEYS.items()),
    *(
        make(f"{make.__name__} of a key {name}", "key", target=_key(key))
        for name, key in _WITH_NEWLINE.items()
        for make in (put, ask)
    ),
    *(
        make(
            f"{make.__name__} of a key {name}",
            "key" if "%0A" in key else ANSWERED,
            target=_key(key),
        )
        for name, key in _CR.items()
        for make in (put, ask)
    ),
    *(put(f"set of a key {name}", ANSWERED, _key(key)) for name, key in _NO_TEXT.items()),
    *(ask(f"get of a key {name}", ANSWERED, "GET", _key(key)) for name, key in _NO_TEXT.items()),
    *(put(f"set of a key {name}", lane, _key(key)) for name, (key, lane) in _RAW.items()),
    ask("delete of a composed key", ANSWERED, "DELETE", quote(_NFC)),
    ask("delete of a decomposed key", ANSWERED, "DELETE", quote(_NFD)),
    ask("get of a value that is not readable", ANSWERED, "GET", "corrupt"),
    ask("get of a value of a later format", ANSWERED, "GET", "later"),
    ask("get of a value that is no JSON", "value", "GET", "no%20json"),
    ask("get of a value that is not finite", "value", "GET", "nan"),
    ask("get of a value that holds what is not finite", "value", "GET", "nested%20nan"),
    ask("get of a large value", ANSWERED, "GET", "large"),
    ask(
        "get of a large value, compressed",
        ANSWERED,
        "GET",
        "large",
        headers=[("Accept-Encoding", "gzip")],
    ),
    ask("get of a value that expires", ANSWERED, "GET", "expiring"),
    ask("get of a value of other letters", ANSWERED, "GET", "unicode"),
    ask("get of a value of half a letter", "value", "GET", "surrogate"),
    ask("get of a deep value", ANSWERED, "GET", "deep"),
    ask("get of a value deeper than Python goes", "value", "GET", "too%20deep"),
    ask("get of a huge number", "value", "GET", "huge"),
    ask("get of a value with the same name twice", ANSWERED, "GET", "twice"),
)
