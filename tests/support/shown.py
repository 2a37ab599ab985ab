"""What the commands show stands in the documentation, apart from what is never the same.

With REDIS_STATE_TEST_WRITES=true it is written there, to be looked at and committed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

SHOWN = Path(__file__).parents[2] / "docs/assets/commands"
WRITES = os.environ.get("REDIS_STATE_TEST_WRITES") == "true"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z")
CHANGING = {
    r"cli-[0-9a-f]{12}": "airflow",
    r"127\.0\.0\.1:\d+": "redis.example:6379",
    r"\d+\.\d\d ms": "0.21 ms",
    r"[\d.]+ MiB of [\d.]+ GiB used \(\d+%": "1.5 MiB of 15.6 GiB used (0%",
    r"[\d.]+ ms (ahead of|behind) ours": "0.21 ms ahead of ours",
    r" +$": "",
    r'(_at": )\d{16}': r"\g<1>1795914123456000",
}
# It depends on the allocator of the server.
MEMORY = re.compile(
    r"^(\S+(?: \S+)? +\d+ +[\d.]+ k?B +)([\d.]+ k?B)"
    r"|((?:\t[^\t\n]+){2}\t\d+\t)(\d+)(?=\t)"
    r"|(\"memory\": )(\d+)",
    re.MULTILINE,
)


def compare(name: str, text: str) -> None:
    """Compare what was shown with what the documentation shows, or write it there."""
    path = SHOWN / f"{name}.txt"
    if name.startswith("stats"):
        text = MEMORY.sub(_as_long, text)
    text = _normalised(text)
    if WRITES:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def _normalised(text: str) -> str:
    for pattern, stands in CHANGING.items():
        text = re.sub(pattern, stands, text, flags=re.MULTILINE)
    return MOMENT.sub("2026-11-29T01:02:03.456000Z", text)


def _as_long(found: re.Match[str]) -> str:
    before, size = (each for each in found.groups() if each is not None)
    return before + ("1.0 kB".rjust(len(size)) if "B" in size else "1024")
