"""Who asks: tokens that are right, and those that are wrong in one way each."""

from __future__ import annotations

from tests.with_airflow.lane.asked import ANSWERED, Asked, ask, put

_TASK, _ASSET = "key", "/execution/store/asset/by-name/value?name=<name of asset>&key=key"

# Whose token it is, by what `World.token` makes of the name.
_SAME_EVERYWHERE = {
    "good": ANSWERED,
    "of no algorithm": "token",
    "of another key": "token",
    "of a weaker algorithm": "token",
    "without signature": "token",
    "of two parts": "token",
    "of four parts": "token",
    "with another signature": "token",
    "padded": ANSWERED,
    "for another audience": "token",
    "for two audiences": ANSWERED,
    "for no audience": "token",
    "expired": "token",
    "not yet valid": "token",
    "issued later": "token",
    "without exp": "token",
    "without iat": "token",
    "without nbf": ANSWERED,
    "without jti": ANSWERED,
    "with exp in words": "token",
    "with exp as text": ANSWERED,
    "with exp of a fraction": ANSWERED,
    "with exp beyond time": ANSWERED,
    "workload": "token",
    "callback": "token",
    "of an unknown scope": "token",
    "of an empty scope": "token",
    "of a listed scope": "token",
    "of an upper scope": "token",
    "without scope": ANSWERED,
    "with more claims": ANSWERED,
    "without sub": "token",
    "with an empty sub": "token",
    "with a sub of a name": "token",
    "with an upper sub": "token",
    "with a sub without hyphens": "token",
    "with a sub in braces": "token",
    "with a sub as a urn": "token",
    "with a sub and a space": "token",
    "with a sub of a number": "token",
    "in its last fifth": "renewal",
    "before its last fifth": ANSWERED,
    "of a short life": "renewal",
    "just expired": "renewal",
    "of half a minute more": ANSWERED,
    "without life and scope": "renewal",
    "workload of a short life": "token",
}
# Each as `Authorization` has it.
_FORMS = {
    "Basic": "Basic YWRtaW46YWRtaW4=",
    "lower case": "bearer <good>",
    "upper case": "BEARER <good>",
    "two spaces": "Bearer  <good>",
    "a space behind": "Bearer <good> ",
    "a tab": "Bearer\t<good>",
    "a comma": "Bearer <good>, Bearer <good>",
    "no scheme": "<good>",
    "no token": "Bearer",
    "a space for a token": "Bearer ",
    "nothing": "",
    "garbage": "Bearer nonsense",
    "dots": "Bearer ..",
    "a token and more": "Bearer <good> more",
}

TOKENS: tuple[Asked, ...] = (
    *(
        ask(f"token {name}: get", lane, "GET", _TASK, authorization=f"Bearer <{name}>")
        for name, lane in _SAME_EVERYWHERE.items()
    ),
    *(
        put(f"token {name}: set", lane, _TASK, authorization=f"Bearer <{name}>")
        for name, lane in _SAME_EVERYWHERE.items()
        if name in {"good", "of another key", "workload", "without scope", "in its last fifth"}
    ),
    *(
        ask(f"token {name}: asset", lane, "GET", _ASSET, authorization=f"Bearer <{name}>")
        for name, lane in _SAME_EVERYWHERE.items()
        if name
        in {"good", "workload", "of an unknown scope", "of no algorithm", "with an upper sub"}
    ),
    *(
        ask(f"authorization of {name}", "token", authorization=form)
        for name, form in _FORMS.items()
    ),
    ask("no authorization", "token", authorization=None),
    put("no authorization, and a value", "token", authorization=None),
    ask("no authorization, asset", "token", "GET", _ASSET, authorization=None),
    ask("authorization twice", "request", headers=[("Authorization", "Bearer <good>")]),
    ask("authorization twice, the second wrong", "request", headers=[("Authorization", "no")]),
    ask(
        "authorization twice, the first wrong",
        "request",
        authorization="Bearer nonsense",
        headers=[("authorization", "Bearer <good>")],
    ),
    ask(
        "authorization that is no text",
        "token",
        headers=[("Authorization", b"Bearer \xff\xfe")],
        authorization=None,
    ),
)
