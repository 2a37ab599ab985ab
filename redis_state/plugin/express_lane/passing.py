"""Why a request passes to Airflow's own route."""

from __future__ import annotations

from typing import Final


class Passes(Exception):  # noqa: N818 - nothing is wrong: Airflow answers
    """The request is for Airflow's own route; ``reason`` is a word for the metrics."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# What is asked, or how, is not what tasks ask.
REQUEST: Final = "request"
VERSION: Final = "version"
KEY: Final = "key"
BODY: Final = "body"
# It does not let in, or it is about to be renewed.
TOKEN: Final = "token"  # noqa: S105 - a word
RENEWAL: Final = "renewal"
# The task instance or asset is not there.
ABSENT: Final = "absent"
# The metadata database fails, or takes too long.
DATABASE: Final = "database"
# The value is one that Airflow's own route has its way with.
VALUE: Final = "value"
REFERENCE: Final = "reference"
OWNER: Final = "owner"
FAILURE: Final = "failure"
