"""Who is told of a fork, in the child."""

from __future__ import annotations

import os

import pytest

from redis_state.client.io import forks


class Owner:
    def __init__(self, name: bytes, to: int) -> None:
        self._name = name
        self._to = to

    def say(self) -> None:
        os.write(self._to, self._name)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_those_that_live_are_told_the_latest_first() -> None:
    reads, writes = os.pipe()
    owners = [Owner(name, writes) for name in (b"a", b"b", b"c")]
    told = len(forks._told)
    for owner in owners:
        forks.tell(owner, Owner.say)
    del owner, owners[1]
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    os.close(writes)
    assert os.read(reads, 9) == b"ca"
    os.close(reads)
    owners.clear()
    assert len(forks._told) <= told
