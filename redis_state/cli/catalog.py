"""All commands, in the order in which help lists them."""

from __future__ import annotations

from redis_state.cli import options
from redis_state.cli.command import Command, Option

_KEY = Option(("key",), "the state key")
_VALUE = Option(("value",), "the value, as JSON; - reads it from stdin")
_TEXT = Option(("--text",), "take the value as a text, not as JSON", {"action": "store_true"})

COMMANDS = (
    Command(
        "ls",
        "list what keeps state: tasks and assets",
        "ls",
        (
            *options.FILTERS,
            Option(("--expiring",), "with a value that expires within this time, such as 1d"),
            Option(("--permanent",), "with a value that never expires", {"action": "store_true"}),
            Option(("--larger",), "with more bytes than this, such as 1MB"),
            Option(("--limit",), "so many at most", {"type": int}),
            *options.COMMON,
        ),
        alias="list",
    ),
    Command(
        "get",
        "show the state of a task or an asset, or one value",
        "get",
        (
            _KEY._replace(more={"nargs": "?"}, help="the state key; without it, all are shown"),
            *options.SCOPE,
            Option(
                ("--resolve",),
                "show the worker value that a reference stands for",
                {"action": "store_true"},
            ),
            *options.COMMON,
        ),
    ),
    Command(
        "set",
        "write a value",
        "set",
        (
            _KEY,
            _VALUE,
            *options.SCOPE,
            Option(("--retention",), "how long it is kept, such as 2d or 12h"),
            Option(("--never-expire",), "keep it until it is deleted", {"action": "store_true"}),
            _TEXT,
            *options.COMMON,
        ),
    ),
    Command(
        "update",
        "write another value, which expires when the present one does",
        "update",
        (_KEY, _VALUE, *options.SCOPE, _TEXT, *options.COMMON),
    ),
    Command(
        "delete",
        "delete a value",
        "delete",
        (_KEY, *options.SCOPE, options.DRY_RUN, *options.COMMON),
    ),
    Command(
        "clear",
        "delete all values of a task or an asset",
        "clear",
        (
            *options.SCOPE,
            options.ALL_MAP_INDICES,
            options.YES,
            options.DRY_RUN,
            *options.COMMON,
        ),
    ),
    Command(
        "watch",
        "show the state of a running task as it changes",
        "watch",
        (
            *options.SCOPE,
            Option(("--interval",), "seconds from look to look (default: 1)", {"type": float}),
            *options.COMMON,
        ),
        description="Show the state of a running task as it changes, until the task ends; where "
        "Airflow's metadata database is not at hand, until Ctrl-C. In a pipe, each change is a "
        "line of JSON.",
    ),
    Command(
        "stats",
        "tell what fills the memory, by dag, task and asset",
        "stats",
        (
            Option(("--top",), "how many of each are shown (default: 10)", {"type": int}),
            Option(("--cursor",), "go on where an earlier one was stopped"),
            *options.COMMON,
        ),
        description="Tell what fills the memory: how many values and bytes each dag, task and "
        "asset keeps, until when, and which are the largest. It goes through all Redis keys of "
        "the namespace once, in short steps; after Ctrl-C it shows what it has.",
    ),
    Command(
        "sweep",
        "remove what deleted runs and assets left",
        "sweep",
        (
            options.DAG_ID._replace(help="only the runs of this dag"),
            Option(
                ("--grace",),
                "leave alone what was written within this time, such as 30m (default: 1h)",
            ),
            Option(("--limit",), "remove so many values at most", {"type": int}),
            Option(
                ("--batch-size",),
                "ask the metadata database about so many values at a time (default: 1000)",
                {"type": int},
            ),
            options.YES,
            options.DRY_RUN,
            *options.COMMON,
        ),
        description="Remove values whose run or asset is not in Airflow's metadata database any "
        "more, and worker values without a reference. It runs where the metadata database can be "
        "reached, beside a running Airflow, and may be stopped and run again at any time. What "
        "expires needs none of it.",
    ),
    Command(
        "migrate",
        "copy all state from Airflow's own store to Redis, or back",
        "migrate",
        (
            Option(("--from",), "metastore, redis (the configured one), or the URL of a Redis"),
            Option(("--to",), "the same for the target"),
            Option(("--from-namespace",), "the namespace there, where it is another"),
            Option(("--to-namespace",), "the same for the target"),
            Option(("--from-username",), "the ACL user of a URL"),
            Option(("--to-username",), "the same for the target"),
            Option(
                ("--verify-only", "--diff"),
                "copy nothing: compare value by value",
                {"action": "store_true", "dest": "verify_only"},
            ),
            options.DRY_RUN,
            Option(
                ("--delete-extra",),
                "delete at the target what was deleted at the source after it was copied",
                {"action": "store_true"},
            ),
            Option(
                ("--delete-source",),
                "delete at the source what is at the target as well, once all is",
                {"action": "store_true"},
            ),
            Option(("--batch-size",), "values that are read together", {"type": int}),
            options.YES,
            *options.COMMON,
        ),
        description="Copy all state, while tasks write: first all, then what changed meanwhile, "
        "until nothing is left; then each value is compared. What is newer at the target stays. It "
        "may be stopped and run again at any time.",
        epilog="Passwords of URLs: REDIS_STATE_FROM_PASSWORD and REDIS_STATE_TO_PASSWORD.",
    ),
    Command(
        "export",
        "write all state to a file, as a backup",
        "export",
        (
            *options.FILTERS,
            Option(("--file",), "the file, which is there once all is written (default: stdout)"),
            Option(("--decrypt",), "write encrypted values in plain", {"action": "store_true"}),
            *(option for option in options.COMMON if option != options.OUTPUT),
        ),
        description="Write all live values of the namespace, those of workers too, as lines of "
        "JSON that import reads. Values that are encrypted in Redis are so in the file.",
    ),
    Command(
        "import",
        "bring state back from a file that export wrote",
        "import_",
        (
            Option(("file",), "the file; - reads it from stdin"),
            Option(("--retention",), "keep the values of tasks so long from now on, such as 2d"),
            Option(
                ("--ignore-expiry",),
                "keep the values of tasks until they are deleted",
                {"action": "store_true"},
            ),
            Option(
                ("--any-owner",),
                "take a file of another Airflow's",
                {"action": "store_true"},
            ),
            options.DRY_RUN,
            *options.COMMON,
        ),
        description="Write the values of a file that are not there, or are older there. It may "
        "run beside tasks, and be stopped and run again at any time. Values keep their times; "
        "what has expired meanwhile is left out.",
    ),
    Command(
        "health",
        "look at all servers, and tell what is wrong and what to do",
        "health",
        (
            Option(
                ("--worker",),
                "look as a worker does: it uses fewer Redis keys",
                {"action": "store_true"},
            ),
            *options.COMMON,
        ),
        alias="doctor",
    ),
    Command(
        "bench",
        "measure how fast the server is from here",
        "bench",
        (
            Option(("--seconds",), "how long it measures (default: 20)", {"type": float}),
            *options.COMMON,
        ),
        description="Measure how fast the server is from here, beside an ordinary client. It "
        "writes to a Redis key of its own, which it removes.",
    ),
    Command(
        "rotate",
        "encrypt all values with the newest key",
        "rotate",
        (options.DRY_RUN, *options.COMMON),
        description="Encrypt all values that the newest key has not encrypted with it, beside "
        "whoever reads and writes. It may be stopped and run again at any time.",
    ),
)
