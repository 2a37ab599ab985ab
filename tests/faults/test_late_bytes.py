"""What the network delivers too late must not undo what was written since."""

import threading
import time
from contextlib import closing

from redis_state import RedisStateBackend, TaskScope
from tests.support.nodes import Node
from tests.support.proxy import UP, Proxy, Weather
from tests.support.waiting import PATIENCE, PATIENT, wait_for

TASK = TaskScope("faults", "run", "task")
# Its attempts are short, and it may make many.
HASTY = {"budget": PATIENCE, "timeout": 0.3, "connect_timeout": 0.3, "breaker_after": 0.0}


def test_an_attempt_that_was_given_up_never_lands_later(node: Node) -> None:
    with (
        Proxy(node.port) as proxy,
        closing(RedisStateBackend(url=proxy.url, **HASTY)) as far,
        closing(RedisStateBackend(url=f"redis://{node.address}/0", **PATIENT)) as near,
    ):
        far.set(TASK, "key", "0")
        sent = proxy.counts["delayed"]
        with proxy.weather(Weather(delay=1.0, ways=(UP,))):
            first = threading.Thread(target=far.set, args=(TASK, "key", "1"))
            first.start()
            wait_for(lambda: proxy.counts["delayed"] > sent)
        first.join()
        near.set(TASK, "key", "2")
        time.sleep(1.5)
        assert near.get(TASK, "key") == "2"
