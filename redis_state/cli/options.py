"""The options that commands share. Their names are those of `airflow` and `airflowctl`."""

from __future__ import annotations

from redis_state.cli.command import Option

OUTPUTS = ("table", "json", "jsonl", "yaml", "plain")

# No password is taken from the command line, where every user of the machine could read it.
URL = Option(
    ("--url",),
    "the server, without a password: set REDIS_STATE_PASSWORD for that",
    variable="REDIS_STATE_URL",
)
USERNAME = Option(("--username",), "the ACL user", variable="REDIS_STATE_USERNAME")
NAMESPACE = Option(
    ("--namespace",), "what all Redis keys begin with", variable="REDIS_STATE_NAMESPACE"
)
OUTPUT = Option(
    ("-o", "--output"),
    "how the result is written (default: table)",
    {"choices": OUTPUTS, "metavar": "(table, json, jsonl, yaml, plain)"},
)
VERBOSE = Option(("-v", "--verbose"), "tell more, on stderr", {"action": "store_true"})
COMMON = (URL, USERNAME, NAMESPACE, OUTPUT, VERBOSE)

DAG_ID = Option(("--dag-id",), "the dag")
RUN_ID = Option(("--run-id",), "the dag run")
TASK_ID = Option(("--task-id",), "the task")
MAP_INDEX = Option(
    ("--map-index",), "the map index of a mapped task (default: -1, not mapped)", {"type": int}
)
ALL_MAP_INDICES = Option(
    ("--all-map-indices",), "all map indices of the task", {"action": "store_true"}
)
ASSET_ID = Option(("--asset-id",), "the asset, by its id", {"type": int})
ASSET_NAME = Option(("--asset-name",), "the asset, by its name")
ASSET_URI = Option(("--asset-uri",), "the asset, by its uri")
TASK = (DAG_ID, RUN_ID, TASK_ID, MAP_INDEX)
ASSET = (ASSET_ID, ASSET_NAME, ASSET_URI)
SCOPE = (*TASK, *ASSET)
FILTERS = (
    DAG_ID._replace(help="dags with this id; * and ? stand for any characters"),
    RUN_ID._replace(help="the same for the run"),
    TASK_ID._replace(help="the same for the task"),
    MAP_INDEX._replace(help="the map index"),
    ASSET_ID,
    ASSET_NAME._replace(help="assets by name; * and ? stand for any characters"),
    ASSET_URI._replace(help="the same by uri"),
)

YES = Option(("-y", "--yes"), "do not ask", {"action": "store_true"})
DRY_RUN = Option(
    ("--dry-run",), "change nothing: tell what would be done", {"action": "store_true"}
)
