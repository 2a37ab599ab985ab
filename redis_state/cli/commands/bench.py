"""``redis-state bench``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from redis_state.admin.bench import THREADS, Results, Speed, bench
from redis_state.cli import exits, output
from redis_state.cli.context import settings_of
from redis_state.cli.output import Column
from redis_state.cli.parsing import UsageError
from redis_state.cli.progress import progress
from redis_state.config.settings import Settings

_SECONDS = 20.0
_LEAST = 2.0
_MILLISECOND = 1_000.0
# Of a call alone: in one machine room, and in one region.
_NEAR, _IN_REGION = 0.000_5, 0.003
_UNEVEN = 10
_FIELDS = ("what", "at_a_time", "median_ms", "p99_ms", "a_second")


def run(given: argparse.Namespace) -> int:
    """Measure how fast the server is from here."""
    seconds = _SECONDS if given.seconds is None else given.seconds
    if not seconds >= _LEAST:
        raise UsageError(f"--seconds is to be {_LEAST:g} or more.")
    settings = settings_of(given)
    with progress("turns") as bar:
        results = bench(settings, seconds, bar.show)
    rows, verdict = list(_rows(results)), " ".join(_verdict(results, settings))
    if given.output in ("json", "yaml"):
        output.write_record(given.output, {"results": rows, "verdict": verdict})
        return exits.DONE
    out = output.output(given.output, _FIELDS, _COLUMNS)
    for row in rows:
        out.add(row)
    out.end()
    if given.output in (None, "table"):
        from redis_state.cli.tables import console  # noqa: PLC0415 - not for programs

        console().print(f"\n{verdict}")
    return exits.DONE


def _rows(results: Results) -> Iterator[dict[str, Any]]:
    for at_a_time, speeds in ((1, results.alone), (THREADS, results.together)):
        for what, speed in speeds.items():
            yield {
                "what": what,
                "at_a_time": at_a_time,
                "median_ms": round(speed.median * _MILLISECOND, 3),
                "p99_ms": round(speed.p99 * _MILLISECOND, 3),
                "a_second": round(speed.rate),
            }


def _milliseconds(name: str, title: str) -> Column:
    return Column(title, lambda row: f"{row[name]:.3f} ms", is_number=True)


_COLUMNS = (
    output.text("what"),
    output.number("at_a_time", "threads"),
    _milliseconds("median_ms", "median"),
    _milliseconds("p99_ms", "p99"),
    output.number("a_second", "calls a second"),
)


def _verdict(results: Results, settings: Settings) -> Iterator[str]:
    alone = results.alone["get"]
    if alone.median > settings.timeout / 4:
        yield (
            f"Too slow: a call takes {_in_words(alone)}, and [redis_state] timeout is "
            f"{settings.timeout:g} s. Move Redis nearer, or raise the timeout."
        )
    elif alone.median > _IN_REGION:
        yield f"Far away: a call takes {_in_words(alone)}, most of it on the network."
    elif alone.median > _NEAR:
        yield f"Good: a call takes {_in_words(alone)}, as usual within a region."
    else:
        yield f"Fast: a call takes {_in_words(alone)}."
    if alone.p99 > _UNEVEN * alone.median:
        yield (
            "But one in a hundred takes ten times as long: look for slow commands (SLOWLOG GET), "
            "for saving (INFO persistence), and for other load on both machines."
        )
    yield from _compared(results.together)


def _compared(together: Mapping[str, Speed]) -> Iterator[str]:
    ours, bare = together["get"].rate, together["redis-py HGET"].rate
    ratio = f"{ours / bare:.1f} times redis-py's"
    yield f"{THREADS} threads do {ours:,.0f} gets a second here, {ratio}."


def _in_words(speed: Speed) -> str:
    return f"{speed.median * _MILLISECOND:.2g} ms"
