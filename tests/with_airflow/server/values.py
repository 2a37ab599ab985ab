"""What people store: every kind of JSON value, and the keys that break a careless store."""

from __future__ import annotations

from typing import Any

VALUES: dict[str, Any] = {
    "text": "spark_001",
    "empty text": "",
    "unicode": "Zażółć gęślą jaźń",
    "emoji": "🚀👩‍🔬",
    "control characters": "\0\r\n\t\x1b",
    "a reference to nothing": "{}",
    "zero": 0,
    "int": 3,
    "negative int": -7,
    "largest int of the wire": 2**63 - 1,
    "float": 0.1,
    "whole float": 1.0,
    "tiny float": 5e-324,
    "true": True,
    "false": False,
    "list": [3, "two", 1.0, None, False],
    "empty list": [],
    "object": {"status": "succeeded", "rows": 1234},
    "empty object": {},
    "key order": {"z": 1, "a": 2, "ä": 3, "": 4, "A": 5},
    "nested": {"a": [{"b": [[], {}, [None, {"c": "d"}]]}]},
}

KEYS: dict[str, str] = {
    "one character": "k",
    "slash": "spark/job_id",
    "underscore beside slash": "spark_job_id",
    "slash first": "/job",
    "slash last": "job/",
    "slashes": "//",
    "dots between": "a/../b",
    "dots first": "../x",
    "space": "job id",
    "space first": " job",
    "colon": "0:job",
    "braces": "{}*[]",
    "question mark and hash": "a?b=c#d&e",
    "percent": "100%",
    "percent escape": "%2F",
    "percent escape of a percent": "%252F",
    "unicode NFC": "caf\u00e9",
    "unicode NFD": "cafe\u0301",
    "emoji": "🚀",
    "NUL": "\0",
    "NUL first": "\0job",
    "CR": "a\rb",
    "tab": "a\tb",
    "backslash and quotes": "\\\"'`",
    "512 characters": "k" * 512,
    "512 characters outside ASCII": "🚀" * 512,
}
