"""What a health check found, as a value, as a text, and as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal, TypeAlias

from redis_state.errors import MisconfiguredError, StateStoreError

Verdict: TypeAlias = Literal["ok", "unknown", "warning", "failure"]
# What is wrong, a colon, what to do, and perhaps what the server said, in brackets.
_WRONG_AND_REMEDY = re.compile(
    r"(?P<wrong>\S+ .+?): (?P<remedy>[a-z][^()]*[^() ])(?P<why> \(.*\))?\.", re.DOTALL
)
# From the best to the worst.
_VERDICTS: tuple[Verdict, ...] = ("ok", "unknown", "warning", "failure")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at on one server.

    ``remedy`` says what to do about it, or what would let it be known; empty for what is ok.
    """

    name: str
    subject: str
    verdict: Verdict
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """All findings about a deployment; ``str`` gives a report to read."""

    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all findings; what is unknown is better than a warning."""
        return max((each.verdict for each in self.findings), key=_VERDICTS.index, default="unknown")

    def as_dict(self) -> dict[str, Any]:
        """Return it all as what JSON can hold."""
        return {
            "verdict": self.verdict,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"redis-state: {self.verdict}"
        verdicts = max((len(each.verdict) for each in self.findings), default=0)
        names = max((len(each.name) for each in self.findings), default=0)
        for subject, findings in groupby(self.findings, key=lambda each: each.subject):
            yield subject
            for each in findings:
                yield f"  {each.verdict:{verdicts}}  {each.name:{names}}  {each.found}"
                if each.remedy:
                    yield f"  {'':{verdicts}}  {'':{names}}  -> {each.remedy}"


def told(error: StateStoreError) -> tuple[str, str]:
    """Return what an error says, and what to do: its last sentence, or what follows a colon."""
    said, stop, advice = str(error).rpartition(". ")
    if stop and advice[:1].isupper() and advice.endswith("."):
        return said, advice
    if parts := _WRONG_AND_REMEDY.fullmatch(str(error)):
        remedy = parts["remedy"]
        return parts["wrong"] + (parts["why"] or ""), f"{remedy[0].upper()}{remedy[1:]}."
    if isinstance(error, MisconfiguredError):
        return str(error), "Correct what it names: trying again does not help."
    return str(error), "See whether the server runs, and whether the network leads to it from here."
