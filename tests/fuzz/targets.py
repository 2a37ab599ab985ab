"""What is fuzzed: functions of bytes that fail when the library breaks a promise about any input.

Bytes stand for texts, split where a target takes several, so that an input can be read and written
by hand.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from hiredis import ReplyError
from pydantic import SecretStr

from redis_state.backends import worker
from redis_state.client.policy import server_errors
from redis_state.config import settings
from redis_state.config.url import read_url
from redis_state.errors import CorruptValueError, MisconfiguredError
from redis_state.format import envelope, escapes, layout, pages, references
from redis_state.format.codec import PLAIN, Codec
from redis_state.format.keyring import read_secrets
from redis_state.scopes import AssetScope, StateScope, TaskScope

# Where it stands, it is a password, or a part of one.
SECRET = "pLaNtEd"
SEPARATOR = "\x1f"
_ENTRY = 8

_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
_LIMIT = 100_000
_CODEC = Codec(
    settings.Settings(
        encryption="own",
        encryption_keys=SecretStr(_KEY),
        compression_threshold=1,
        max_value_bytes=_LIMIT,
    )
)
_WITHOUT_KEYS = Codec(settings.Settings(max_value_bytes=_LIMIT))
_PLACE = layout.Place("n:t:{d/r/t}:3", "3:")


def text_of(data: bytes) -> str:
    """Read any bytes as a text, with lone surrogates where they are no UTF-8."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")


def parts_of(data: bytes, count: int) -> list[str]:
    """Split any bytes into so many texts, the last of which may be empty."""
    parts = text_of(data).split(SEPARATOR, count - 1)
    return parts + [""] * (count - len(parts))


def envelopes(data: bytes) -> None:
    """Read any bytes as a value, in both ways; the first 12 are the reader's time and run."""
    now, incarnation = int.from_bytes(data[:8], "big"), int.from_bytes(data[8:12], "big")
    raw = data[12:]
    try:
        decoded = envelope.decode(raw, "page", "key")
    except CorruptValueError as error:
        expected: tuple[str | None, str] = (None, str(error))
    else:
        expected = (decoded.text if decoded.is_live(now, incarnation) else None, "")
        envelope.to_datetime(decoded.updated_at)
        envelope.to_datetime(decoded.expires_at)
        text = decoded.text.encode("utf-8", "surrogatepass")
        assert envelope.encode(text, *decoded[1:]) == raw
    if envelope.has_flags(raw):
        return
    try:
        found: tuple[str | None, str] = (
            PLAIN.live_text(raw, now, incarnation, layout.Place("page"), "key"),
            "",
        )
    except CorruptValueError as error:
        found = (None, str(error))
    assert found == expected


def encoded(data: bytes) -> None:
    """Decode what is compressed or encrypted; the first byte says what the others stand for."""
    how, rest = data[:1], data[1:]
    if how == b"c":
        raw = envelope.encode(rest, 0, 0, flags=envelope.COMPRESSED)
    elif how == b"e":
        header = envelope.encode(b"", 0, 0, flags=envelope.ENCRYPTED | envelope.COMPRESSED)
        assert _CODEC._cipher is not None
        raw = header + _CODEC._cipher.encrypt(header, rest, _PLACE, "key")
    elif how == b"t":
        _tamper(rest)
        return
    elif how == b"k":
        _read_keys(text_of(rest))
        return
    else:
        raw = rest
    for codec in (_CODEC, _WITHOUT_KEYS):
        text, said = _decode(raw, codec)
        assert len((text or "").encode("utf-8", "surrogatepass")) <= max(_LIMIT, len(raw))
        if text is not None:
            assert codec.live_text(raw, 0, 0, _PLACE, "key") in (text, None)
        assert _KEY not in said


def _decode(raw: bytes, codec: Codec) -> tuple[str | None, str]:
    try:
        return codec.decode(raw, _PLACE, "key").text, ""
    except (CorruptValueError, MisconfiguredError) as error:
        return None, "".join(shown_of(error))


def _tamper(data: bytes) -> None:
    """Encode a text, change one byte, and decode it: that fails, or the text is the same."""
    position, mask, text = int.from_bytes(data[:2], "big"), data[2:3], text_of(data[3:])
    plain = text.encode("utf-8", "surrogatepass")
    raw = bytearray(_CODEC.encode(plain, 0, 0, 0, _PLACE, "key"))
    assert _decode(bytes(raw), _CODEC) == (text, "")
    if mask and raw[0] & envelope.ENCRYPTED:
        raw[position % len(raw)] ^= mask[0]
        assert _decode(bytes(raw), _CODEC)[0] in (text, None)


def _read_keys(text: str) -> None:
    try:
        read_secrets(text, "encryption_keys")
    except MisconfiguredError as error:
        said = "".join(shown_of(error))
        assert not any(part in said for part in text.split(",") if len(part) > 20)


def places(data: bytes) -> None:
    """Place two entries, and read their places back; what the second lacks is as in the first."""
    parts = parts_of(data, 2 * _ENTRY)
    if len(text_of(data).split(SEPARATOR)) <= _ENTRY:
        parts[_ENTRY:] = parts[:_ENTRY]
    first, second = _entry(parts[:_ENTRY]), _entry(parts[_ENTRY:])
    here, there = _address(*first), _address(*second)
    assert (here == there) is (first == second)
    for (namespace, scope, key, payloads), (page, field) in ((first, here), (second, there)):
        assert page.isascii()
        assert field != layout.SUMMARY
        assert pages.parse(namespace, page, field) == (scope, key)
        for other in (first[0], second[0]):
            assert other == namespace or pages.parse(other, page, field) is None
        assert layout.is_task(scope) is (page.decode() in _all_pages(namespace, scope, payloads))
    names = parts[2], parts[_ENTRY + 2]
    escaped = [escapes.escape(name) for name in names]
    assert [escapes.unescape(text) for text in escaped] == list(names)
    assert (escaped[0] == escaped[1]) is (names[0] == names[1])


def foreign_keys(data: bytes) -> None:
    """Read any key and field of a server."""
    page, _, field = data.partition(SEPARATOR.encode())
    for namespace in ("n", "n:t", "n:t:{", ""):
        found = pages.parse(namespace, page, field)
        if found is not None:
            scope, key = found
            place = layout.place(namespace, scope)
            assert place.key(place.field(key)) == key


def urls(data: bytes) -> None:
    """Read any text as a URL, and one with a password planted in it; no message may show it."""
    text = text_of(data)
    _read_both_ways(text)
    if SECRET in text:
        return
    scheme, user, before, after, rest = parts_of(data, 5)
    # Behind a slash it is a path, which is shown.
    scheme, user = re.sub("[^a-z+]", "", scheme), user.replace("/", "")
    for shown in _read_both_ways(f"{scheme}://{user}:{before}{SECRET}{after}@{rest}"):
        assert SECRET not in shown, shown


def _read_both_ways(url: str) -> list[str]:
    """Return all that is shown of a URL, or of the errors about it."""
    shown: list[str] = []
    try:
        shown.append(repr(read_url(url)))
    except ValueError as error:
        shown += shown_of(error)
    try:
        found = settings.load(url=url, namespace="n")
    except MisconfiguredError as error:
        shown += shown_of(error)
    else:
        shown += [repr(found), str(found), str(found.deployment)]
    return shown


def shown_of(error: BaseException | None) -> list[str]:
    """Return what a traceback shows of an error and of those that led to it."""
    shown = []
    while error is not None:
        shown += [str(error), repr(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return shown


def references_(data: bytes) -> None:
    """Read any text as a reference, as the document of one, and as a value kept inline."""
    text = text_of(data)
    found = references.resolve(text)
    if found is not None:
        assert references.resolve(references.refer(*found)) == found
    referred = references.referred(text)
    if referred is not None:
        assert json.loads(text) == {"__airflow_state_ref__": referred}
    with contextlib.suppress(CorruptValueError):
        worker._read_inline(text)
    _, scope, key, _ = _entry(parts_of(data, _ENTRY))
    reference = references.refer(scope, key)
    assert references.is_reference(reference)
    assert references.resolve(reference) == (scope, key)
    assert references.referred(json.dumps({"__airflow_state_ref__": reference})) == reference


def replies(data: bytes) -> None:
    """Take any error that a server may answer with."""
    where = read_url("redis://localhost:6379").servers[0]
    raised: Exception | None = None
    try:
        server_errors.check([None, ReplyError(text_of(data))], where)
    except Exception as error:  # noqa: BLE001 - which ones may come is the question
        raised = error
    if not type(raised).__module__.startswith("redis_state."):
        raise AssertionError("no error of ours") from raised


TARGETS: dict[str, Callable[[bytes], None]] = {
    "envelopes": envelopes,
    "encoded": encoded,
    "keys": places,
    "foreign-keys": foreign_keys,
    "urls": urls,
    "references": references_,
    "replies": replies,
}


def _entry(parts: list[str]) -> tuple[str, StateScope, str, bool]:
    """Make an entry: kind, namespace, three names, map index, region, key."""
    kind, namespace, *names, index, region, key = parts
    namespace = re.sub(r"[^A-Za-z0-9._:-]", "_", namespace) or "n"
    number = int(index) if index.isdecimal() and len(index) < 19 else -1
    if kind == "id":
        return namespace, AssetScope(asset_id=number), key, False
    if kind in ("name", "uri"):
        arguments: dict[str, Any] = {kind: names[0]}
        return namespace, AssetScope(**arguments), key, False
    region_id = UUID(bytes=region.encode("utf-8", "surrogatepass")[:16].rjust(16, b"\0"))
    dag_id, run_id, task_id = names
    return namespace, TaskScope(dag_id, run_id, task_id, number, region_id), key, kind == "payload"


def _address(namespace: str, scope: StateScope, key: str, payloads: bool) -> tuple[bytes, bytes]:
    found = layout.place(namespace, scope, of_worker=payloads)
    return found.page.encode(), found.field(key)


def _all_pages(namespace: str, scope: StateScope, payloads: bool) -> list[str]:
    return layout.task_pages(namespace, scope, of_worker=payloads) if layout.is_task(scope) else []
