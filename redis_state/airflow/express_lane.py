"""Whether the express lane is on in this process: the plug-in knows, and the health check tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LaneState:
    """Whether it is on; ``why_off`` is a sentence, or empty where it is on."""

    why_off: str = ""

    @property
    def is_on(self) -> bool:
        """Whether tasks' state calls are answered in front of Airflow's own routes."""
        return not self.why_off


_known: list[LaneState] = []


def tell(state: LaneState) -> None:
    """Say how it is: the API server that runs the plug-in does so at its start."""
    _known[:] = [state]


def known() -> LaneState | None:
    """Return how it is; None in a process that is no API server."""
    return _known[0] if _known else None
