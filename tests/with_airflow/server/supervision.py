"""Airflow's supervisor beside a task: what a task sends travels a socket, as in production."""

from __future__ import annotations

import os
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import structlog
from airflow.sdk.execution_time.comms import CommsDecoder
from airflow.sdk.execution_time.supervisor import (
    ActivitySubprocess,
    length_prefixed_frame_reader,
    set_supervisor_comms,
)

from tests.with_airflow.server.tasks import Task

_log = structlog.get_logger()
_WAIT = 0.05


class _Supervisor(ActivitySubprocess):  # type: ignore[misc]  # untyped where the checker runs
    """Serves the process it runs in, which is not about to exit."""

    def _check_subprocess_exit(self, **options: Any) -> None:
        """Do nothing: there is no process to look after."""

    def serve(self, requests: socket.socket) -> None:
        self._open_sockets[requests] = "requests"
        reader = length_prefixed_frame_reader(
            self.handle_requests(_log), on_close=self._on_socket_closed
        )
        self.selector.register(requests, selectors.EVENT_READ, reader)
        while self._open_sockets:
            self._service_subprocess(_WAIT)
        self.selector.close()


@contextmanager
def supervised(task: Task) -> Iterator[None]:
    """Let the accessors of the task SDK be those of a task, and its supervisor answer them."""
    ours, theirs = socket.socketpair()
    supervisor = _Supervisor(
        id=task.instance.id,
        pid=os.getpid(),
        process=psutil.Process(),
        process_log=_log,
        client=task.client,
        stdin=theirs,
    )
    thread = threading.Thread(target=supervisor.serve, args=(theirs,))
    thread.start()
    try:
        with set_supervisor_comms(CommsDecoder(socket=ours)):
            yield
    finally:
        ours.close()
        thread.join()
