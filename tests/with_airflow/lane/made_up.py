"""Requests that hypothesis makes up from the grammar of the table: right ones and others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

from hypothesis import strategies as st

from tests.with_airflow.lane.asked import API_VERSION, Asked, message
from tests.with_airflow.lane.table import TABLE

_METHODS = ("GET", "PUT", "DELETE")
_TOKENS = ("good",) * 6 + ("workload", "of another key", "in its last fifth", "without scope")
_AUTHORIZATIONS = ("Bearer <{}>",) * 8 + ("bearer <{}>", "Bearer  <{}>", "Basic <{}>", "<{}>")
_VERSIONS = (API_VERSION,) * 8 + ("2026-10-30", "2026-04-06", "2026-07-01", "nonsense", "")
_KEYS = ("key", "absent", "expiring", "a/b", "é", "large", "corrupt")
_INSTANCES = ("ti",) * 4 + (
    *("other", "gone", "archived", "dead", "born again", "upper"),
    *("mapped", "expanded", "expanded before", "expanded archived"),
)
_ASSETS = ("asset",) * 4 + ("odd", "inactive")
_MORE = (
    ("correlation-id", "abc"),
    ("Accept-Encoding", "gzip"),
    ("Cookie", "_token=x"),
    ("Connection", "close"),
    ("Airflow-API-Version", API_VERSION),
    ("Authorization", "Bearer <good>"),
    ("Content-Type", "application/json"),
    ("Expect", "100-continue"),
)

_texts = st.text(st.characters(codec="utf-8"), max_size=12)
_keys = st.one_of(st.sampled_from(_KEYS), _texts, st.text("/.%?#;+ &=\n\r\t\0é", max_size=6))
_numbers = st.one_of(st.integers(), st.floats(width=64))
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), _numbers, _texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(_texts, inner, max_size=4)
    ),
    max_leaves=12,
)
_moments = st.one_of(
    st.none(),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.datetimes().map(lambda moment: moment.isoformat() + "+05:45"),
    st.integers(-(10**12), 10**14),
    _texts,
)


@st.composite
def _bodies(draw: st.DrawFn) -> bytes:
    fields = {"value": draw(_json)}
    if draw(st.integers(0, 3)) == 0:
        fields["expires_at"] = draw(_moments)
    if draw(st.integers(0, 15)) == 0:
        fields[draw(_texts)] = 1
    text = _dumped(fields, ascii_only=draw(st.booleans()))
    cut = draw(st.integers(0, 20))
    return text[:-cut] if cut in {1, 2, 3} else text


@st.composite
def _targets(draw: st.DrawFn) -> tuple[str, str]:
    """Give a target, and whose token it takes; the mark of the owner is ``ti``."""
    key = quote(draw(_keys), safe=draw(st.sampled_from(("", "/", "/.~+&="))))
    if draw(st.integers(0, 2)):
        owner = draw(st.sampled_from(_INSTANCES))
        slash = draw(st.sampled_from(("/",) * 9 + ("", "//")))
        return f"/execution/store/ti/<{owner}>{slash}{key if slash else ''}", owner
    by = draw(st.sampled_from(("name", "uri")))
    asked = f"{by}=<{by} of {draw(st.sampled_from(_ASSETS))}>"
    if draw(st.integers(0, 5)) == 0:
        return f"/execution/store/asset/by-{by}/clear?{asked}", "ti"
    fields = [asked, f"key={key}"]
    if draw(st.integers(0, 9)) == 0:
        fields.append(draw(st.sampled_from(("key=", "more", "key=key", asked, ""))))
    query = "&".join(draw(st.permutations(fields)))
    return f"/execution/store/asset/by-{by}/value?{query}", "ti"


@st.composite
def _one(draw: st.DrawFn) -> tuple[tuple[bytes, ...], str]:
    """Give the pieces of one request, and its method."""
    method = draw(st.sampled_from((*_METHODS * 4, "HEAD", "POST", "PATCH", "OPTIONS")))
    target, owner = draw(_targets())
    token = draw(st.sampled_from(_TOKENS))
    if token == "good" and owner not in {"ti", "upper"} and draw(st.integers(0, 7)):
        token = f"good to {owner}"
    headers = [
        ("Airflow-API-Version", draw(st.sampled_from(_VERSIONS))),
        ("Authorization", draw(st.sampled_from(_AUTHORIZATIONS)).format(token)),
    ]
    body = draw(_bodies()) if method == "PUT" or draw(st.integers(0, 9)) == 0 else None
    if body is not None:
        kinds = ("application/json",) * 9 + ("application/json; charset=utf-8", "text/plain")
        headers.append(("Content-Type", draw(st.sampled_from(kinds))))
    if draw(st.integers(0, 3)) == 0:
        headers.append(draw(st.sampled_from(_MORE)))
    return _framed(draw, method, target, draw(st.permutations(headers)), body), method


def _framed(
    draw: st.DrawFn,
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]],
    body: bytes | None,
) -> tuple[bytes, ...]:
    if body is None:
        return (message(method, target, headers),)
    if draw(st.integers(0, 9)) == 0:
        chunked = ("Transfer-Encoding", "chunked")
        last = b"0\r\n\r\n"
        chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
        return message(method, target, [*headers, chunked]), chunk + last
    length = ("Content-Length", str(len(body)))
    return message(method, target, [*headers, length]), body


@st.composite
def made_up(draw: st.DrawFn) -> Asked:
    """Give some requests on one connection, in one piece or in more."""
    if draw(st.integers(0, 9)) == 0:
        # What was found to be hard, among others.
        return draw(st.sampled_from(TABLE))
    requests = draw(st.lists(_one(), min_size=1, max_size=3))
    pieces = [piece for sent, _ in requests for piece in sent]
    if draw(st.booleans()):
        pieces = [b"".join(pieces)]
    return Asked("made up", (), tuple(pieces), tuple(method for _, method in requests))


def _dumped(fields: dict[str, object], *, ascii_only: bool) -> bytes:
    return json.dumps(fields, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
