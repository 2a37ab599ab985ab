"""How names are escaped in keys and references, so that no two make the same one."""

from __future__ import annotations

from urllib.parse import quote, unquote

# Printable ASCII that stays as it is; "%", "/", "{" and "}" give keys and references structure.
_PLAIN = " !\"#$&'()*+,-.:;<=>?@[\\]^_`|~"


def escape(name: str) -> str:
    """Escape what has a meaning in keys and references, and all that is not printable ASCII."""
    return quote(name, safe=_PLAIN, errors="surrogatepass")


def unescape(text: str) -> str:
    """Undo `escape`."""
    return unquote(text, errors="surrogatepass")
