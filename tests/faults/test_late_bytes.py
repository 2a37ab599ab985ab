"""What the network delivers too late must not undo what was written since."""

import threading
import time
from contextlib import closing

from redis_state import RedisStateBackend, TaskScope
from tests.support.nodes import Node
from tests.support.proxy import UP, Proxy, Weather

TASK = TaskScope("faults", "run", "task")


def test_an_attempt_that_was_given_up_never_lands_later(node: Node) -> None:
    with (
        Proxy(node.port) as proxy,
        closing(RedisStateBackend(url=proxy.url, timeout=0.3, connect_timeout=0.3)) as far,
        closing(RedisStateBackend(url=f"redis://{node.address}/0")) as near,
    ):
        far.set(TASK, "key", "0")
        with proxy.weather(Weather(delay=1.0, ways=(UP,))):
            first = threading.Thread(target=far.set, args=(TASK, "key", "1"))
            first.start()
            time.sleep(0.1)
        first.join()
        near.set(TASK, "key", "2")
        time.sleep(1.5)
        assert near.get(TASK, "key") == "2"
