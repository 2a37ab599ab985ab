"""How names are escaped in keys and references, so that no two make the same one."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

# Printable ASCII that stays as it is; "%", "/", "{" and "}" give keys and references structure.
_PLAIN = " !\"#$&'()*+,-.:;<=>?@[\\]^_`|~"
_needs_none = re.compile(rf"[A-Za-z0-9{re.escape(_PLAIN)}]*").fullmatch


def escape(name: str) -> str:
    """Escape what has a meaning in keys and references, and all that is not printable ASCII."""
    # Nearly all are plain, and quote() takes ten times as long to find that out.
    if _needs_none(name):
        return name
    return quote(name, safe=_PLAIN, errors="surrogatepass")


def unescape(text: str) -> str:
    """Undo `escape`."""
    return unquote(text, errors="surrogatepass") if "%" in text else text
