"""Fuzzes one target under atheris, which keeps the inputs that reach new branches of the library.

python -m tests.fuzz.guided TARGET OPTION-OF-LIBFUZZER...
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-untyped]  # in an environment of its own

# What is imported here is instrumented, so nothing may have imported the library before.
with atheris.instrument_imports(include=["redis_state"]):
    from redis_state.airflow import config
    from tests.fuzz.targets import TARGETS


# There is no Airflow here, and to look for it everywhere takes longer than to read a URL.
config.configuration = lambda: None


def fuzz(target: str, *options: str) -> None:
    atheris.Setup(["fuzz", *options], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz(*sys.argv[1:])
