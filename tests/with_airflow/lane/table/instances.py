"""Whose state it is: task instances that are there, are another's, or have gone."""

from __future__ import annotations

from tests.with_airflow.lane.asked import ANSWERED, Asked, ask, put

_ASSET = "/execution/store/asset/by-name/value?name=<name of asset>&key=key"
# Of one task, in the region of its expansion; before, as an Airflow without regions has left it.
_EXPANDED = {
    "expanded": ANSWERED,
    "expanded before": ANSWERED,
    "expanded archived": "archived",
}

INSTANCES: tuple[Asked, ...] = (
    *(
        ask(
            f"{method} by the token of another",
            "token",
            method,
            authorization="Bearer <good to other>",
        )
        for method in ("GET", "DELETE")
    ),
    put("PUT by the token of another", "token", authorization="Bearer <good to other>"),
    ask(
        "clear by the token of another",
        "token",
        "DELETE",
        "/execution/store/ti/<ti>",
        authorization="Bearer <good to other>",
    ),
    *(
        ask(
            f"{method} of a task instance that is gone",
            "absent",
            method,
            "/execution/store/ti/<gone>/key",
            authorization="Bearer <good to gone>",
        )
        for method in ("GET", "DELETE")
    ),
    put(
        "PUT of a task instance that is gone",
        "absent",
        "/execution/store/ti/<gone>/key",
        authorization="Bearer <good to gone>",
    ),
    ask(
        "clear of a task instance that is gone",
        "absent",
        "DELETE",
        "/execution/store/ti/<gone>",
        authorization="Bearer <good to gone>",
    ),
    ask(
        "GET of one who never was",
        "absent",
        "GET",
        "/execution/store/ti/00000000-0000-0000-0000-000000000007/key",
        authorization="Bearer <of one who never was>",
    ),
    ask(
        "GET of nobody",
        "absent",
        "GET",
        "/execution/store/ti/00000000-0000-0000-0000-000000000000/key",
        authorization="Bearer <of nobody>",
    ),
    # Airflow 3.3 keeps no earlier tries in its table: it is there.
    ask(
        "GET of an earlier try",
        "archived",
        "GET",
        "/execution/store/ti/<archived>/key",
        authorization="Bearer <good to archived>",
    ),
    put(
        "PUT of an earlier try",
        "archived",
        "/execution/store/ti/<archived>/key",
        authorization="Bearer <good to archived>",
    ),
    ask(
        "DELETE of an earlier try",
        "archived",
        "DELETE",
        "/execution/store/ti/<archived>/key",
        authorization="Bearer <good to archived>",
    ),
    ask(
        "clear of an earlier try",
        "archived",
        "DELETE",
        "/execution/store/ti/<archived>",
        authorization="Bearer <good to archived>",
    ),
    ask(
        "GET of a run that was deleted",
        "absent",
        "GET",
        "/execution/store/ti/<dead>/key",
        authorization="Bearer <good to dead>",
    ),
    put(
        "PUT of a run that was deleted",
        "absent",
        "/execution/store/ti/<dead>/key",
        authorization="Bearer <good to dead>",
    ),
    ask(
        "GET of a run that was made again",
        ANSWERED,
        "GET",
        "/execution/store/ti/<born again>/key",
        authorization="Bearer <good to born again>",
    ),
    put(
        "PUT of a run that was made again",
        ANSWERED,
        "/execution/store/ti/<born again>/key",
        authorization="Bearer <good to born again>",
    ),
    ask(
        "clear of a run that was made again",
        ANSWERED,
        "DELETE",
        "/execution/store/ti/<born again>",
        authorization="Bearer <good to born again>",
    ),
    *(
        ask(
            f"GET of {which}",
            ANSWERED,
            "GET",
            f"/execution/store/ti/<{which}>/key",
            authorization=f"Bearer <good to {which}>",
        )
        for which in ("mapped", "mapped zero", "mapped far")
    ),
    ask(
        "clear of a mapped one beside others",
        ANSWERED,
        "DELETE",
        "/execution/store/ti/<mapped>",
        authorization="Bearer <good to mapped>",
    ),
    *(
        make(
            f"{make.__name__} of {which}",
            lane,
            target=f"/execution/store/ti/<{which}>/key",
            authorization=f"Bearer <good to {which}>",
        )
        for which, lane in _EXPANDED.items()
        for make in (put, ask)
    ),
    *(
        ask(
            f"{what} of {which}",
            lane,
            "DELETE",
            f"/execution/store/ti/<{which}>{key}",
            authorization=f"Bearer <good to {which}>",
        )
        for which, lane in _EXPANDED.items()
        for what, key in (("delete", "/key"), ("clear", ""))
    ),
    put(
        "PUT of an asset by one that is gone",
        "absent",
        _ASSET,
        authorization="Bearer <good to gone>",
    ),
    ask(
        "GET of an asset by one that is gone",
        ANSWERED,
        "GET",
        _ASSET,
        authorization="Bearer <good to gone>",
    ),
    ask("GET of an asset by nobody", ANSWERED, "GET", _ASSET, authorization="Bearer <of nobody>"),
    put("PUT of an asset by nobody", "absent", _ASSET, authorization="Bearer <of nobody>"),
)
