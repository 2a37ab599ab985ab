"""The results as one page of Markdown: first what matters most, then each part in full."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.markdown import (
    a_second,
    microseconds,
    milliseconds,
    ratio,
    section,
    spread,
)
from benchmarks.results import Results
from benchmarks.rounds import Comparison, Summary
from benchmarks.stall import ClearSummary

_HEADLINE_VERBS = ("get 20 B", "get_many", "set 20 B")

_METHOD = """## How it was measured

- Both contenders talk to the same server in one run. They alternate in rounds of shuffled order,
  after rounds for warming up that do not count.
- A time is the median over the rounds, ± half of the range between the quartiles; p50 and p99 are
  of all single calls. A ratio is our time by the other's in the same round, again the median over
  the rounds: below 1.00 we are faster.
- *By hand* is redis-py's ordinary client, one for all threads or tasks, with plain hashes: without
  the times of a value, without checks, and with bytes where we return text. Both have their
  default options.
- A stall is the longest time between two answers to a client in another process that reads in a
  tight loop; *idle* is the same for a window of the same length in which nothing is cleared. On
  few CPUs it also holds the turns of the thread in which the server frees large hashes; *of it on
  the server* is the time of the command alone, by the server's own account.
- On Valkey, the `redis_version` of INFO is a number of compatibility only; the server is named here
  by its `server_name` and its own version."""


def render(results: Results) -> str:
    """Return the page."""
    parts = [
        "# redis-state beside the same commands by hand",
        _headlines(results),
        _verbs(results.verbs),
        _mixed("threads", results.threads),
        _mixed("tasks of one event loop", results.tasks),
        _clears(results),
        _memory(results),
        _METHOD,
        section("Where", "All that the figures depend on.", ("", ""), list(results.facts.items())),
    ]
    return "\n\n".join(parts) + "\n"


def _headlines(results: Results) -> str:
    verbs = [verb for verb in results.verbs if verb.case.startswith(_HEADLINE_VERBS)]
    mixed = [results.threads[-1], results.tasks[-1]]
    calls = {f"time of {verb.case}": verb for verb in verbs}
    calls |= {f"time per call, {load.case} together": load for load in mixed}
    rows = [
        (
            label,
            microseconds(call.ours.per_call),
            microseconds(call.by_hand.per_call),
            f"{call.ratio:.2f}",
        )
        for label, call in calls.items()
    ]
    for load in mixed:
        ours, by_hand = load.ours.p99, load.by_hand.p99
        label = f"p99 of a call, {load.case} together"
        rows.append((label, milliseconds(ours), milliseconds(by_hand), ratio(ours, by_hand)))
    for clear in results.clears:
        took, took_by_hand = clear.ours.took, clear.by_hand.took
        label = f"time of clear, {clear.task}"
        rows.append(
            (label, milliseconds(took), milliseconds(took_by_hand), ratio(took, took_by_hand))
        )
    rows += _footprint_rows(results)
    sentence = (
        "What a user notices: calls beside the same commands by hand, clear and memory beside the "
        "layouts that one would choose by hand; lower is better."
    )
    return section("In short", sentence, ("", "redis-state", "by hand", "ratio"), rows)


def _verbs(verbs: Sequence[Comparison]) -> str:
    rows = [
        (
            verb.case,
            _time(verb.ours),
            _time(verb.by_hand),
            f"{verb.ratio:.2f} {spread(verb.ratio_spread)}",
            _percentiles(verb.ours),
            _percentiles(verb.by_hand),
        )
        for verb in verbs
    ]
    header = ("verb / command", "redis-state", "by hand", "ratio", "our p50, p99", "their p50, p99")
    return section("Verbs", "The time of one call on one thread, in µs.", header, rows)


def _mixed(kind: str, comparisons: Sequence[Comparison]) -> str:
    rows = [
        (
            each.case,
            a_second(each.ours.per_call, each.ours.spread),
            a_second(each.by_hand.per_call, each.by_hand.spread),
            f"{each.ratio:.2f} {spread(each.ratio_spread)}",
            f"{milliseconds(each.ours.p50)}, {milliseconds(each.ours.p99)}",
            f"{milliseconds(each.by_hand.p50)}, {milliseconds(each.by_hand.p99)}",
        )
        for each in comparisons
    ]
    header = ("", "redis-state", "by hand", "ratio", "our p50, p99", "their p50, p99")
    sentence = (
        "Calls a second of all together, half of them get and half set with expiry, and how long "
        "single calls wait; the ratio is that of the times, as everywhere."
    )
    return section(f"Many {kind}", sentence, header, rows)


def _clears(results: Results) -> str:
    rows = [
        (task, *cells)
        for clear in results.clears
        for task, *cells in (
            (clear.task, "redis-state", *_clear_cells(clear.ours)),
            ("", "by hand", *_clear_cells(clear.by_hand)),
        )
    ]
    header = (
        "mapped task",
        "",
        "clear",
        "of it on the server",
        "stall",
        "worst stall",
        "idle",
        "worst idle",
    )
    sentence = (
        "How long it takes to clear all map indices of a task, and how long another client waits "
        "for its answer meanwhile: the median and the worst of all repetitions. By hand: a hash "
        "for each map index, and a script that unlinks what a sorted set lists."
    )
    return section("Clear of a mapped task", sentence, header, rows)


def _memory(results: Results) -> str:
    header = ("", "redis-state", "string + index", "ratio")
    sentence = (
        "What one value takes on the server, of 25 or 45 bytes and with an expiry; by hand: a "
        "string for each value, and a sorted set that lists those of a task."
    )
    return section("Memory", sentence, header, _footprint_rows(results))


def _footprint_rows(results: Results) -> list[tuple[str, str, str, str]]:
    return [
        (
            f"memory of a value, {each.case}",
            f"{each.ours:.0f} B",
            f"{each.by_hand:.0f} B",
            ratio(each.ours, each.by_hand),
        )
        for each in results.memory
    ]


def _clear_cells(clear: ClearSummary) -> list[str]:
    times = (
        clear.took,
        clear.on_server,
        clear.stall,
        clear.worst_stall,
        clear.idle,
        clear.worst_idle,
    )
    return [milliseconds(time) for time in times]


def _time(summary: Summary) -> str:
    return f"{microseconds(summary.per_call)} {spread(summary.spread)}"


def _percentiles(summary: Summary) -> str:
    return f"{microseconds(summary.p50)}, {microseconds(summary.p99)}"
