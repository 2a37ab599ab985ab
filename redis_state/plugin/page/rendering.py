"""How the page is made of templates, which escape all that authors of tasks have written."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request, Response, status
from jinja2 import Environment, PackageLoader, StrictUndefined

from redis_state.plugin import owner

_PACKAGE = "redis_state.plugin.page"
_TYPES = {"page.css": "text/css", "page.js": "text/javascript"}
_MOST_SHOWN = 2_000
_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000
# The longest first, with their seconds.
_SPANS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))

static_router = APIRouter(prefix="/static")


@static_router.get("/{name}")
async def get_file(name: str) -> Response:
    """Return the style or the script."""
    if name not in _TYPES:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such file.")
    text = (resources.files(_PACKAGE) / "static" / name).read_text(encoding="utf-8")
    return Response(text, media_type=_TYPES[name])


def render(request: Request, template: str, **context: Any) -> Response:
    """Return a page; ``root`` is its address, below that of Airflow."""
    root = request.scope.get("root_path", "")
    warned = owner.warned()
    text = _ENVIRONMENT.get_template(template).render(root=root, warned=warned, **context)
    # A lone surrogate, which a key may have, is no text that can be sent.
    return Response(text.encode("utf-8", "replace"), media_type="text/html; charset=utf-8")


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    number, unit = float(count), 0
    while number >= _STEP and unit < len(_UNITS) - 1:
        number, unit = number / _STEP, unit + 1
    return f"{count} B" if unit == 0 else f"{number:.1f} {_UNITS[unit]}"


def seconds_left(expires_at: datetime) -> int:
    """Return for how many seconds a value lives on."""
    return max(0, int((expires_at - datetime.now(UTC)).total_seconds()))


def span(seconds: int) -> str:
    """Return a time as people read it; the script of the page counts it down in the same words."""
    for (unit, each), (next_unit, next_each) in pairwise(_SPANS):
        if seconds >= each:
            return f"{seconds // each} {unit} {seconds % each // next_each} {next_unit}"
    return f"{seconds} s"


def moment(when: datetime) -> str:
    """Return a moment in UTC."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def shortened(text: str) -> str:
    """Return the beginning of a long value, and say how long it is."""
    if len(text) <= _MOST_SHOWN:
        return text
    return f"{text[:_MOST_SHOWN]} … (the first {_MOST_SHOWN} of {len(text)} characters)"


def query(**parameters: object) -> str:
    """Return the query of an address."""
    known = {name: str(value) for name, value in parameters.items() if value is not None}
    return urlencode(known, errors="replace")


_ENVIRONMENT = Environment(
    loader=PackageLoader(_PACKAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_ENVIRONMENT.filters |= {
    "size": size,
    "seconds_left": seconds_left,
    "span": span,
    "moment": moment,
    "shortened": shortened,
}
