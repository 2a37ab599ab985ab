"""The server-side backend: `[state_store] backend = redis_state.RedisStateBackend`."""

from __future__ import annotations

from typing import Any

from redis_state.admin.rotation import OnProgress, Rotation, RotationReport
from redis_state.admin.steps import arun, run
from redis_state.airflow import run_identity
from redis_state.airflow.http_errors import as_http_error
from redis_state.airflow.sides import SERVER
from redis_state.backends.base import RedisBackend
from redis_state.backends.server_operations import ServerOperations
from redis_state.config.settings import load
from redis_state.errors import MisconfiguredError


class RedisStateBackend(RedisBackend):
    """Keeps the state of tasks and assets in Redis or Valkey, with native expiry.

    Options are those of `redis_state.Settings`, as keyword arguments. Nothing connects
    before the first method is called. One instance serves all threads, event loops and forks.
    """

    def __init__(self, **options: Any) -> None:
        try:
            settings = load(SERVER, **options)
            operations = ServerOperations(settings)
        except MisconfiguredError as error:
            # The API server builds the backend when a task first needs it.
            raise as_http_error(error) from None
        super().__init__(settings, operations, SERVER)
        self._codec = operations.codec
        run_identity.watch_runs()

    def rotate(
        self, on_progress: OnProgress | None = None, *, dry_run: bool = False
    ) -> RotationReport:
        """Encrypt all values of the namespace with the newest key, worker values too.

        It goes on beside readers and writers, and takes as long as it takes: a call has no budget,
        only its steps do. With ``dry_run`` it writes nothing, and reports what is left to do.
        """
        rotation = Rotation(self.settings, self._codec, on_progress, dry_run=dry_run)
        return run(self._client, rotation.steps())

    async def arotate(
        self, on_progress: OnProgress | None = None, *, dry_run: bool = False
    ) -> RotationReport:
        """Do as ``rotate`` does, on the running loop."""
        rotation = Rotation(self.settings, self._codec, on_progress, dry_run=dry_run)
        return await arun(self._loop_clients.current, rotation.steps())
