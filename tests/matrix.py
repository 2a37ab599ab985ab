"""What runs where: the servers, the variables that widen the suite, and the lanes.

`make test` has a server of each form and a part of the topologies. The lanes of `make test-slow`
run parts of the suite on something else: a session of `noxfile.py` for each.
"""

from __future__ import annotations

import base64
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis_state import AssetScope, TaskScope
from tests.support.fetch import supported

HERE = Path(__file__).parent


# The variables, as the table in CONTRIBUTING.md explains them: the first value is the default.
def _variable(name: str, *values: str) -> str:
    value = os.environ.get(name, values[0])
    if value not in values:
        raise ValueError(f"{name}={value!r} says nothing: it is one of {', '.join(values)}")
    return value


ALL_SERVERS = _variable("REDIS_STATE_TEST_SERVERS", "some", "all") == "all"
HOW_MANY_TOPOLOGIES = _variable("REDIS_STATE_TEST_TOPOLOGIES", "some", "all", "none")
ALL_TOPOLOGIES = HOW_MANY_TOPOLOGIES == "all"
ALL_FAULTS = _variable("REDIS_STATE_TEST_FAULTS", "some", "all") == "all"
FAILOVERS = int(os.environ.get("REDIS_STATE_TEST_FAILOVERS", "20"))
GUIDES = _variable("REDIS_STATE_TEST_GUIDES", "none", "all") == "all"
ROWS = int(os.environ.get("REDIS_STATE_TEST_ROWS", "3000"))
KILLS = int(os.environ.get("REDIS_STATE_TEST_KILLS", "1"))
FIGURES = os.environ.get("REDIS_STATE_TEST_FIGURES")
MINIMAL_RIGHTS = _variable("REDIS_STATE_TEST_ACL", "full", "minimal") == "minimal"
EXAMPLES = _variable("REDIS_STATE_TEST_EXAMPLES", "same", "new")
METADATA = _variable("REDIS_STATE_TEST_METADATA", "sqlite", "postgresql")
DAGS = _variable("REDIS_STATE_TEST_DAGS", "server side", "both sides")
EXPRESS_LANE = _variable("REDIS_STATE_TEST_STATE_CALLS", "plain", "express") == "express"
LANE_REQUESTS = _variable("REDIS_STATE_TEST_LANE_REQUESTS", "some", "named", "many", "all")
# Random ones, and those of the race.
HOW_MANY_REQUESTS = {"some": 60, "named": 60, "many": 1_000, "all": 10_000}[LANE_REQUESTS]
# Only bash is likely to be there.
SHELLS = ("bash", "zsh", "fish") if ALL_SERVERS else ("bash",)
FAST_LANE = os.environ.get("REDIS_STATE_FAST_LANE") != "false"

# Each stands for a kind: no field expiry (6.2, 8.1 and Debian's 7.0), field expiry (8.2, 9.1).
FETCHED = ("redis62", "redis82", "valkey81") if supported() else ()
ON_PATH = shutil.which("redis-server")
EVERY_SERVER = (*FETCHED, "valkey91", *(("path",) if ON_PATH else ()))
FIELD_EXPIRY = ("redis82", "valkey91")
# Without the fetched ones, the one on the path is the older one.
HASH_FORM = "redis62" if FETCHED else "path" if ON_PATH else None
FIELD_FORM = "valkey91"
ONE_OF_EACH_FORM = tuple(name for name in (HASH_FORM, FIELD_FORM) if name)
SERVERS = EVERY_SERVER if ALL_SERVERS else ONE_OF_EACH_FORM
# The oldest as well: its scripts touch two keys where others send a command for each.
OTHERS = tuple(name for name in (HASH_FORM, "path" if ON_PATH else None) if name)

KINDS = ("cluster", "sentinel")


# They tell little that their neighbours do not: a slow lane has them.
OTHER_SCOPES = (TaskScope("dag", "run", "task", 1000), AssetScope(uri="s3://bucket/orders"))
# On fakeredis, which proves nothing of a server, and the mode that `make test` tries each in.
FAKES = {"fake-field-form": "async", "fake-hash-form": "sync"}


def _topologies() -> tuple[str, ...]:
    if HOW_MANY_TOPOLOGIES == "none":
        return ()
    names = (FIELD_FORM, *(OTHERS if ALL_TOPOLOGIES else ()))
    return tuple(f"{name}-{kind}" for name in names for kind in KINDS)


# Of Valkey, and of Redis where there is one.
TOPOLOGIES = _topologies()
ON_FAULTS = (FIELD_FORM, *(OTHERS if ALL_FAULTS else ()))

# What tells most of a topology: which slot a method works in, and that a clear reaches all.
TELLING = ("test_clear.py", "test_incarnations.py")
# What tools and Airflow's UI use is called nowhere else: it is measured on the fakes.
OF_TOOLS = ("test_listing.py", "test_owner.py", "test_survey.py")
# They take half as long again when they are measured, and cover no more than the rest.
UNMEASURED = {"contract", "lua", "stateful", "faults", "chaos", "fuzz"}


def is_left_out(path: Path, params: Mapping[str, Any]) -> bool:
    """Tell whether a test, in one of its variants, is for other lanes than this one."""
    folder, *_, name = path.relative_to(HERE).parts
    if folder == "contract" and not ALL_SERVERS and str(params.get("methods_maker")) in FAKES:
        # In pairs: one form sync, the other async.
        return bool(FAKES[str(params["methods_maker"])] != params.get("methods_with"))
    if folder == "contract" and not ALL_SERVERS and params.get("scope") in OTHER_SCOPES:
        return True
    if folder == "contract" and HOW_MANY_TOPOLOGIES == "some":
        return params.get("methods_maker") in TOPOLOGIES and name not in TELLING
    if folder == "client" and not ALL_SERVERS and {"server_name", "fast_lane"} <= params.keys():
        # In pairs: the older server with the pool, the newer one with the fast lane.
        is_older = params["server_name"] == HASH_FORM
        return len(ONE_OF_EACH_FORM) > 1 and is_older == bool(params["fast_lane"])
    return folder == "faults" and name == "test_failovers.py" and not ALL_FAULTS


def is_unmeasured(path: Path, params: Mapping[str, Any]) -> bool:
    """Tell whether `make test` runs a test without measuring coverage: half of the suite."""
    if path.name in OF_TOOLS and str(params.get("methods_maker")) in FAKES:
        return False
    is_on_older = params.get("server_name", FIELD_FORM) == HASH_FORM
    return is_on_older or bool(UNMEASURED & set(path.relative_to(HERE).parts))


@dataclass(frozen=True)
class Lane:
    """A part of the suite, and what it runs on."""

    parts: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    # What pytest selects of it by name.
    only: str = ""
    # More at a time than there are cores: most of them wait for something.
    options: tuple[str, ...] = ("-n", "4")


_NO_TOPOLOGIES = {"REDIS_STATE_TEST_TOPOLOGIES": "none"}
_ONE_OF_EACH = f"redis62 or {FIELD_FORM}"
_MOSTLY_WAITING = ("-n", "8")
# Each has many servers, or an Airflow, of its own.
_TWO_AT_A_TIME = ("-n", "2", "--dist", "loadfile")
_AIRFLOW = ("-p", "no:cacheprovider")
_CONNECTIONS = tuple(
    f"client/test_{name}.py" for name in ("connecting", "credentials", "failures", "tls")
)
# How they meet the interpreter.
_RUNNING = tuple(f"client/test_{name}.py" for name in ("interruptions", "lane", "loops", "threads"))
# What holds without Airflow's core, and what holds with any.
_BESIDE_THE_SDK = tuple(
    f"with_airflow/test_{name}.py" for name in ("contract", "configuration", "responses")
)
# Any, for a lane that wants one.
_FERNET_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()

LANES = {
    "every-server": Lane(
        ("contract", "lua", "worker"),
        {"REDIS_STATE_TEST_SERVERS": "all", **_NO_TOPOLOGIES},
        # Those that `make test` leaves out, and a second time the fakes that it does not.
        only="redis82 or valkey81 or path or fake or far-mapped or asset-uri",
    ),
    "every-topology": Lane(
        ("contract",),
        {"REDIS_STATE_TEST_TOPOLOGIES": "all"},
        only=f"({FIELD_FORM} or path) and (cluster or sentinel)",
    ),
    "failovers": Lane(
        tuple(
            f"faults/test_{name}.py" for name in ("failovers", "sentinel", "cluster", "moving_slot")
        ),
        {"REDIS_STATE_TEST_FAULTS": "all", "REDIS_STATE_TEST_FAILOVERS": "6"},
        only=FIELD_FORM,
        options=("-n", "2"),
    ),
    # What waits, expires, gives up, or is interrupted.
    "under-load": Lane(
        ("client", "faults", "contract/test_expiry.py"), _NO_TOPOLOGIES, options=_MOSTLY_WAITING
    ),
    "minimal-rights": Lane(
        ("contract",), {"REDIS_STATE_TEST_ACL": "minimal", **_NO_TOPOLOGIES}, only=_ONE_OF_EACH
    ),
    "encrypted-and-compressed": Lane(
        ("contract",),
        {
            "REDIS_STATE_ENCRYPTION": "own",
            "REDIS_STATE_ENCRYPTION_KEYS": _FERNET_KEY,
            "REDIS_STATE_COMPRESSION_THRESHOLD": "1",
            **_NO_TOPOLOGIES,
        },
        only=_ONE_OF_EACH,
    ),
    # And kill more often, at random moments.
    "new-random-examples": Lane(
        ("stateful", "unit", "cli/test_export.py", "cli/test_migrate.py"),
        {"REDIS_STATE_TEST_EXAMPLES": "new", "REDIS_STATE_TEST_KILLS": "10"},
    ),
    # The client's own suite knows both ways.
    "without-the-fast-lane": Lane(
        ("contract", "worker"),
        {"REDIS_STATE_FAST_LANE": "false", **_NO_TOPOLOGIES},
        only=FIELD_FORM,
    ),
    # It opens the connections, and does nothing else.
    "redis-py": Lane(_CONNECTIONS, only="not redis62", options=_MOSTLY_WAITING),
    "python": Lane(
        ("unit", "contract", "worker", *_RUNNING, *_CONNECTIONS),
        _NO_TOPOLOGIES,
        only="not redis62 and not fake",
    ),
    # The oldest and the newest tell most of it.
    "python(3.12)": Lane(("unit", *_RUNNING), only="not redis62"),
    # The task SDK alone has nothing to wait for.
    "airflow-sdk": Lane(_BESIDE_THE_SDK, options=_AIRFLOW),
    # With PostgreSQL: `make test` has SQLite. Between them they have all of each.
    "airflow-next": Lane(
        (
            *(*_BESIDE_THE_SDK, "with_airflow/test_metrics.py"),
            *("with_airflow/server", "with_airflow/rest", "with_airflow/lane"),
            *("with_airflow/promises", "with_airflow/page", "with_airflow/operations"),
        ),
        {"REDIS_STATE_TEST_METADATA": "postgresql", "REDIS_STATE_TEST_LANE_REQUESTS": "named"},
        options=(*_AIRFLOW, *_TWO_AT_A_TIME),
    ),
    # On SQLite: other lanes have the next Airflow and PostgreSQL. To ask all, by hand, takes some
    # minutes more.
    "express-lane": Lane(
        ("with_airflow/lane", "with_airflow/server", "with_airflow/test_dags.py"),
        {"REDIS_STATE_TEST_STATE_CALLS": "express", "REDIS_STATE_TEST_LANE_REQUESTS": "many"},
        options=(*_AIRFLOW, *_TWO_AT_A_TIME, "--timeout", "1800"),
    ),
    # `make test` has the rest of it.
    "operations": Lane(
        (
            "with_airflow/operations/test_migrate_command.py",
            "with_airflow/operations/test_many_rows.py",
            "with_airflow/operations/test_guides.py",
        ),
        {"REDIS_STATE_TEST_KILLS": "10", "REDIS_STATE_TEST_GUIDES": "all"},
        options=(*_AIRFLOW, *_TWO_AT_A_TIME),
    ),
    "browser": Lane(("with_browser",), options=_AIRFLOW),
    "shells": Lane(
        ("cli/test_completion.py", "users/test_shell_commands.py"),
        {"REDIS_STATE_TEST_SERVERS": "all"},
        only="zsh or fish or debian",
        options=("-n", "2"),
    ),
    # What reads the metadata database itself, and DAGs.
    "postgresql": Lane(
        tuple(
            f"with_airflow/{part}" for part in ("test_dags.py", "lane", "promises", "operations")
        ),
        {
            "REDIS_STATE_TEST_METADATA": "postgresql",
            "REDIS_STATE_TEST_DAGS": "both sides",
            "REDIS_STATE_TEST_LANE_REQUESTS": "named",
        },
        options=(*_AIRFLOW, *_TWO_AT_A_TIME, "--no-loadscope-reorder"),
    ),
}

REDIS_MAJORS = ("5", "6", "7")
OWN_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# `make test` has its own.
PYTHONS = tuple(name for name in ("3.11", "3.12", "3.13") if name != OWN_PYTHON)
