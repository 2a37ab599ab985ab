"""The version of the Execution API that a client says it speaks."""

from __future__ import annotations

from tests.with_airflow.lane.asked import ANSWERED, API_VERSION, Asked, ask, put

_VERSION = "Airflow-API-Version"
_KNOWN = {
    "2025-04-11": "version",
    "2025-04-28": "version",
    "2025-05-20": "version",
    "2025-08-10": "version",
    "2025-09-23": "version",
    "2025-10-27": "version",
    "2025-11-05": "version",
    "2026-04-06": "version",
    API_VERSION: ANSWERED,
    # Of the next Airflow.
    "2026-10-30": "next version",
}
_OTHERS = {
    "between two": "2026-05-05",
    "before all": "2020-01-01",
    "after all": "2099-12-31",
    "head": "head",
    "unknown": "nonsense",
    "empty": "",
    "no date": "2026-13-45",
    "of a moment": "2026-06-30T00:00:00",
    "of digits alone": "20260630",
    "of another order": "30-06-2026",
    "of another script": "٢٠٢٦-٠٦-٣٠",
    "and more": "2026-06-30, 2026-06-30",
}

VERSIONS: tuple[Asked, ...] = (
    *(
        make(
            f"version {version}: {make.__name__}",
            lane,
            version=version,
        )
        for version, lane in _KNOWN.items()
        for make in (ask, put)
    ),
    *(ask(f"version {name}", "version", version=version) for name, version in _OTHERS.items()),
    put("version between two: put", "version", version="2026-07-01"),
    put("no version: put", "version", version=None),
    ask("no version: get", "version", version=None),
    ask("version with spaces around", "version", version=f"  {API_VERSION}  "),
    ask("version with a tab", ANSWERED, version=f"\t{API_VERSION}"),
    ask("version with a space inside", "version", version="2026-06 -30"),
    ask("version twice", "request", headers=[(_VERSION, API_VERSION)]),
    ask(
        "version twice, not the same",
        "request",
        headers=[(_VERSION, "2026-04-06")],
    ),
    ask("version in upper case", ANSWERED, version=None, headers=[(_VERSION.upper(), API_VERSION)]),
    ask(
        "version in the query",
        "request",
        "GET",
        f"key?airflow-api-version={API_VERSION}",
        version=None,
    ),
)
