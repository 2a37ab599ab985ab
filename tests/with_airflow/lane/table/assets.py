"""Assets, by their names and their URIs, and how a query names them."""

from __future__ import annotations

from tests.with_airflow.lane.asked import ANSWERED, ELSEWHERE, Asked, ask, put

_BY_NAME, _BY_URI = "/execution/store/asset/by-name", "/execution/store/asset/by-uri"
_NAME, _URI = "name=<name of asset>", "uri=<uri of asset>"

# A query of `by-name/value`, and what becomes of it.
_QUERIES = {
    "in another order": (f"key=key&{_NAME}", ANSWERED),
    "with an escaped name": ("name=%3Cnobody%3E&key=key", "absent"),
    "with an odd name": ("name=<name of odd>&key=key", ANSWERED),
    "with plus signs for spaces": ("name=<plus name of odd>&key=key", ANSWERED),
    "with plus signs in the key": (f"{_NAME}&key=a+b", ANSWERED),
    "with an escaped plus in the key": (f"{_NAME}&key=a%2Bb", ANSWERED),
    "with an escaped slash in the key": (f"{_NAME}&key=a%2Fb", ANSWERED),
    "with a slash in the key": (f"{_NAME}&key=a/b", ANSWERED),
    "with unicode in the key": (f"{_NAME}&key=%C3%A9", ANSWERED),
    "with decomposed unicode in the key": (f"{_NAME}&key=e%CC%81", ANSWERED),
    "with NUL in the key": (f"{_NAME}&key=a%00b", ANSWERED),
    "with a newline in the key": (f"{_NAME}&key=a%0Ab", "key"),
    "with a byte in the key": (f"{_NAME}&key=%FF", ANSWERED),
    "with a long key": (f"{_NAME}&key={'k' * 4000}", ANSWERED),
    "with a question mark in the key": (f"{_NAME}&key=a?b", ANSWERED),
    "with an equals sign in the key": (f"{_NAME}&key=a=b", ANSWERED),
    "with an escaped name of a field": (f"{_NAME}&%6Bey=key", ANSWERED),
    "with an ampersand behind": (f"{_NAME}&key=key&", ANSWERED),
    "with two ampersands": (f"{_NAME}&&key=key", ANSWERED),
    "with a semicolon": (f"{_NAME};key=key", "request"),
    "without a key": (_NAME, "request"),
    "with a key without equals sign": (f"{_NAME}&key", "key"),
    "with an empty key": (f"{_NAME}&key=", "key"),
    "with a blank key": (f"{_NAME}&key=%20", ANSWERED),
    "without a name": ("key=key", "request"),
    "with an empty name": ("name=&key=key", "request"),
    "with a blank name": ("name=%20&key=key", "absent"),
    "with NUL in the name": ("name=a%00b&key=key", "request"),
    "with a byte in the name": ("name=%FF&key=key", "request"),
    "with a surrogate in the name": ("name=%ED%A0%80&key=key", "request"),
    "with the uri for a name": ("name=<uri of asset>&key=key", "absent"),
    "with the name twice": (f"{_NAME}&{_NAME}&key=key", "request"),
    "with another name first": (f"name=other&{_NAME}&key=key", "request"),
    "with the key twice": (f"{_NAME}&key=a&key=key", "request"),
    "with a field more": (f"{_NAME}&key=key&more=1", "request"),
    "with an empty field more": (f"{_NAME}&key=key&more", "request"),
    "with a name in upper case": ("NAME=<name of asset>&key=key", "request"),
    "with the uri besides": (f"{_NAME}&{_URI}&key=key", "request"),
    "without a query": ("", "request"),
    "with nonsense": ("%zz=%zz&key=key", "request"),
    "of an inactive asset": ("name=<name of inactive>&key=key", "absent"),
    "of no asset": ("name=nobody&key=key", "absent"),
    "of a name like SQL": ("name=' OR 1=1 --&key=key".replace(" ", "%20"), "absent"),
    "of a name like a pattern": ("name=%25&key=key", "absent"),
    "of a long name": (f"name={'n' * 1501}&key=key", "absent"),
    "with unicode that is not escaped": (f"{_NAME}&key=é", ELSEWHERE),
}
_WAYS = {"name": (f"{_BY_NAME}/value?{_NAME}&key=", f"{_BY_NAME}/clear?{_NAME}"),
         "uri": (f"{_BY_URI}/value?{_URI}&key=", f"{_BY_URI}/clear?{_URI}")}  # fmt: skip


def _each(by: str) -> tuple[Asked, ...]:
    value, clear = _WAYS[by]
    return (
        ask(f"asset by {by}: get", ANSWERED, "GET", f"{value}key"),
        ask(f"asset by {by}: get of what is not there", ANSWERED, "GET", f"{value}absent"),
        put(f"asset by {by}: set", ANSWERED, f"{value}key"),
        put(f"asset by {by}: set anew", ANSWERED, f"{value}new"),
        ask(f"asset by {by}: delete", ANSWERED, "DELETE", f"{value}key"),
        ask(f"asset by {by}: delete of what is not there", ANSWERED, "DELETE", f"{value}absent"),
        ask(f"asset by {by}: clear", ANSWERED, "DELETE", clear),
        ask(f"asset by {by}: clear with a key", "request", "DELETE", f"{clear}&key=key"),
        ask(f"asset by {by}: a value that is not readable", ANSWERED, "GET", f"{value}corrupt"),
    )


ASSETS: tuple[Asked, ...] = (
    *_each("name"),
    *_each("uri"),
    *(
        make(f"asset query {name}: {make.__name__}", lane, target=f"{_BY_NAME}/value?{query}")
        for name, (query, lane) in _QUERIES.items()
        for make in (put, ask)
    ),
    *(
        ask(f"asset query {name}: delete", lane, "DELETE", f"{_BY_NAME}/value?{query}")
        for name, (query, lane) in _QUERIES.items()
        if "in the key" in name or lane == "absent"
    ),
    ask(
        "clear of an inactive asset",
        "absent",
        "DELETE",
        f"{_BY_NAME}/clear?name=<name of inactive>",
    ),
    ask(
        "clear of an inactive asset by uri",
        "absent",
        "DELETE",
        f"{_BY_URI}/clear?uri=<uri of inactive>",
    ),
    ask("clear of no asset", "absent", "DELETE", f"{_BY_URI}/clear?uri=nobody"),
    ask("clear without a name", "request", "DELETE", f"{_BY_NAME}/clear"),
    ask("clear by uri with a name", "request", "DELETE", f"{_BY_URI}/clear?{_NAME}"),
    ask("get by uri that is not escaped", "absent", "GET", f"{_BY_URI}/value?uri=s3://b/c&key=key"),
    ask("clear of a value", "request", "DELETE", f"{_BY_NAME}/value?{_NAME}"),
)
