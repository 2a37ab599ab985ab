"""Values, as a command line takes and shows them: JSON, as tasks write it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from redis_state.cli import texts
from redis_state.cli.parsing import UsageError

_TO_STDIN = "-"


def value_of(given: argparse.Namespace) -> str:
    """Return the JSON text of the value that is to be written, as Airflow would send it."""
    text = sys.stdin.read() if given.value == _TO_STDIN else given.value
    if given.text:
        return json.dumps(text)
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise UsageError(
            f"The value is no JSON ({error}): a text goes in quotes, as '\"done\"', or with --text."
        ) from None
    if value is None:
        raise UsageError("null is no value for Airflow: delete the key instead.")
    return json.dumps(value)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def decoded(text: str) -> Any:
    """Return what a value says; what is no JSON is shown as the text that it is."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def to_read(text: str) -> str:
    """Return a value for a terminal."""
    return texts.printable(text)
