"""Methods, and how a path is written."""

from __future__ import annotations

from tests.with_airflow.lane.asked import ANSWERED, ELSEWHERE, Asked, ask, put

_TI = "/execution/store/ti/<ti>"
_ASSET = "/execution/store/asset/by-name"
_NAME = "name=<name of asset>"
_OTHER_METHODS = ("HEAD", "OPTIONS", "POST", "PATCH", "TRACE")

ROUTES: tuple[Asked, ...] = (
    ask("get", ANSWERED),
    ask("get of what is not there", ANSWERED, "GET", "absent"),
    put("set anew", ANSWERED, "new"),
    put("set again", ANSWERED),
    ask("delete", ANSWERED, "DELETE"),
    ask("delete of what is not there", ANSWERED, "DELETE", "absent"),
    ask("clear", ANSWERED, "DELETE", _TI),
    *(ask(f"{method} of a key", "request", method) for method in _OTHER_METHODS),
    *(ask(f"{method} of all keys", "request", method, _TI) for method in (*_OTHER_METHODS, "GET")),
    put("PUT of all keys", "request", _TI),
    *(
        ask(
            f"{method} of a value of an asset", "request", method, f"{_ASSET}/value?{_NAME}&key=key"
        )
        for method in _OTHER_METHODS
    ),
    *(
        ask(f"{method} of all keys of an asset", "request", method, f"{_ASSET}/clear?{_NAME}")
        for method in (*_OTHER_METHODS, "GET")
    ),
    *(ask(f"method {method}", ELSEWHERE, method) for method in ("get", "Get", "SETTLE")),
    ask("a body with GET", ANSWERED, "GET", body=b'{"value": 2}'),
    ask("a body that is broken with GET", ANSWERED, "GET", body=b"{"),
    ask("a body with DELETE", ANSWERED, "DELETE", body=b'{"value": 2}'),
    ask("a large body with GET", ANSWERED, "GET", body=b"x" * 200_000),
    ask("slash behind all keys", "key", "DELETE", f"{_TI}/"),
    ask("slash behind a key", ANSWERED, "GET", "key/"),
    ask("two slashes before a key", ANSWERED, "GET", "/execution/store/ti/<ti>//key"),
    ask("two slashes for all keys", ANSWERED, "DELETE", "/execution/store/ti/<ti>//"),
    ask("two slashes before the id", "request", "GET", "/execution/store/ti//<ti>/key"),
    ask("two slashes in front", "request", "GET", "//execution/store/ti/<ti>/key"),
    ask("dots for the id", "request", "GET", "/execution/store/ti/../<ti>/key"),
    ask("upper case in front", ELSEWHERE, "GET", "/Execution/store/ti/<ti>/key"),
    ask("upper case in the path", "request", "GET", "/execution/store/TI/<ti>/key"),
    ask("an escaped letter in the path", ANSWERED, "GET", "/execution/%73tore/ti/<ti>/key"),
    ask("an escaped hyphen in the id", ANSWERED, "DELETE", "/execution/store/t%69/<ti>/key"),
    ask("an id in upper case", "request", "GET", "/execution/store/ti/<upper>/key"),
    ask("an id without hyphens", "request", "GET", "/execution/store/ti/<no hyphens>/key"),
    ask("an id in braces", "request", "GET", "/execution/store/ti/{<ti>}/key"),
    ask("an id as a urn", "request", "GET", "/execution/store/ti/urn:uuid:<ti>/key"),
    ask("an id and a space", "request", "GET", "/execution/store/ti/<ti>%20/key"),
    ask("an id that is none", "request", "GET", "/execution/store/ti/nonsense/key"),
    ask("no id", "request", "GET", "/execution/store/ti//key"),
    put("an id in upper case: put", "request", "/execution/store/ti/<upper>/key"),
    ask("an id without hyphens: clear", "request", "DELETE", "/execution/store/ti/<no hyphens>"),
    ask("a query", "request", "GET", "key?x=1"),
    ask("an empty query", ANSWERED, "GET", "key?"),
    put("a query with a value", "request", "key?x=1"),
    ask("a query that clears all instances", "request", "DELETE", f"{_TI}?all_map_indices=true"),
    ask("a fragment", ANSWERED, "GET", "key%23part"),
    ask("a semicolon", ANSWERED, "GET", "key;v=1"),
    ask("an absolute address", ANSWERED, "GET", "http://airflow/execution/store/ti/<ti>/key"),
    ask("without /execution", ELSEWHERE, "GET", "/store/ti/<ti>/key"),
    ask("a prefix that is not configured", "request", "GET", "/team/execution/store/ti/<ti>/key"),
    ask("an unknown route", "request", "GET", "/execution/store/dag/<ti>/key"),
    ask("an unknown route of assets", "request", "GET", f"{_ASSET}/keys?{_NAME}&key=key"),
    ask("a slash behind an asset's value", "key", "GET", f"{_ASSET}/value/?{_NAME}&key=key"),
    ask("assets by id", "request", "GET", "/execution/store/asset/by-id/value?id=1&key=key"),
    ask("another route", ELSEWHERE, "GET", "/execution/task-instances/<ti>/rendered-map-index"),
    ask("an asterisk", ELSEWHERE, "OPTIONS", "*"),
)
