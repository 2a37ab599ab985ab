# Made from redis_state/client/_async/sentinels.py by "make sync": change that, and run it.
"""Where the master is, asked of sentinels one after the other."""

from __future__ import annotations

import time

from redis_state.client._sync.exchange import first_exchange
from redis_state.client.io.runtime_sync import open_link
from redis_state.client.policy import sentinels
from redis_state.client.policy.attempts import AttemptError
from redis_state.config.settings import Settings
from redis_state.config.url import Server


class SyncSentinels:
    """Asks one sentinel after the other, at first the one that last knew."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._servers = list(settings.deployment.servers)

    def locate(self, deadline: float) -> Server:
        """Return where the master is."""
        failure: AttemptError | None = None
        for sentinel in self._servers:
            try:
                master = self._ask(sentinel, deadline)
            except AttemptError as error:
                failure = error
                self._servers = [*self._without(sentinel), sentinel]
                if time.monotonic() >= deadline:
                    # Those that were not asked come first the next time.
                    break
                continue
            if master is not None:
                self._servers = [sentinel, *self._without(sentinel)]
                return master
        raise sentinels.nobody_knows(self._settings.deployment, failure)

    def _without(self, sentinel: Server) -> list[Server]:
        return [server for server in self._servers if server != sentinel]

    def _ask(self, sentinel: Server, deadline: float) -> Server | None:
        batch = sentinels.question(self._settings.deployment)
        link = open_link(
            self._settings, sentinel, deadline, silence=sentinels.SILENCE, sentinel=True
        )
        try:
            (reply,) = first_exchange(link, self._settings, batch, deadline)
        finally:
            link.close()
        return sentinels.read_master(reply, sentinel, self._settings.allowed)
