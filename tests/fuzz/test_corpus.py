"""Every input that fuzzing begins with, and every one that it once found, keeps the promises."""

from __future__ import annotations

import pytest

from tests.fuzz.corpus import CORPUS
from tests.fuzz.targets import TARGETS

INPUTS = [
    pytest.param(target, data, id=f"{target}-{number}")
    for target, inputs in CORPUS.items()
    for number, data in enumerate(inputs)
]


def test_every_target_has_a_corpus() -> None:
    assert CORPUS.keys() == TARGETS.keys()
    assert all(CORPUS.values())


@pytest.mark.parametrize(("target", "data"), INPUTS)
def test_an_input_keeps_the_promises(target: str, data: bytes) -> None:
    TARGETS[target](data)
