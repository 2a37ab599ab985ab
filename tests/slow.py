"""What is slow and proves more: `make test-slow` runs it.

Each lane is a run of the suite on something else than `make test` uses: every server and topology,
the least rights, encryption, failovers, busy cores, other majors of redis-py, other Pythons, the
task SDK without Airflow's core, the next Airflow, new random examples, an index full of newer
releases. What a lane needs and cannot find makes it fail.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.support.busy import busy_cores

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
REDIS_MAJORS = ("5", "6", "7")
HASH_FORM, FIELD_FORM = "redis62", "valkey91"
ONE_OF_EACH = f"{HASH_FORM} or {FIELD_FORM}"
NO_TOPOLOGIES = {"REDIS_STATE_TEST_TOPOLOGIES": "none"}
# What holds without Airflow's core, and what holds with any.
BESIDE_THE_SDK = ("test_contract.py", "test_configuration.py", "test_responses.py")
BESIDE_THE_NEXT = (*BESIDE_THE_SDK, "test_metrics.py", "server")
# Threads, event loops, TLS, and who logs in.
CONNECTIONS = [
    f"tests/client/test_{name}.py"
    for name in [
        "connecting",
        "credentials",
        "failures",
        "interruptions",
        "loops",
        "threads",
        "tls",
    ]
]
TWO_AT_A_TIME = ("-n", "2", "--dist", "loadfile")
# What waits, expires, gives up, or is interrupted.
TIMED = (
    *(f"tests/{name}" for name in ("client", "faults", "lua", "worker", "users", "chaos")),
    *(f"tests/contract/test_{name}.py" for name in ("expiry", "isolation")),
)
# The servers that `make test` leaves out.
THE_OTHERS = "redis82 or valkey81 or path"
# Any, for a lane that wants one.
FERNET_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


def main() -> int:
    lanes: dict[str, Callable[[], None]] = {
        "every server": every_server,
        "every topology": every_topology,
        "failovers": failovers,
        "chaos": lambda: run(
            sys.executable, "-m", "tests.chaos", "--minutes", "0.5", "--seed", "5"
        ),
        "interruptions": interruptions,
        "fuzz": fuzz,
        "under load": under_load,
        "minimal rights": minimal_rights,
        "encrypted and compressed": encrypted_and_compressed,
        "new random examples": new_examples,
        "without the fast lane": without_the_fast_lane,
        **{f"redis-py {major}": partial(redis_major, major) for major in REDIS_MAJORS},
        **{f"Python {name}": partial(python, name) for name in PYTHONS if name != OWN},
        "task SDK alone": lambda: airflow("airflow-sdk", BESIDE_THE_SDK),
        "next Airflow": lambda: airflow("airflow-next", BESIDE_THE_NEXT),
        "metadata in PostgreSQL, DAGs with both sides": postgresql_and_both_sides,
        "wheel beside Airflow": wheel,
        "set-up on another day": lambda: run(sys.executable, "-m", "tests.another_day"),
    }
    wanted = sys.argv[1:] or list(lanes)
    failed = []
    for name in wanted:
        lane = lanes[name]
        print(f"\n=== {name} ===", flush=True)
        begun = time.monotonic()
        try:
            lane()
        except (subprocess.CalledProcessError, OSError) as error:
            failed.append(name)
            print(f"FAILED: {error}", flush=True)
        print(f"=== {name}: {time.monotonic() - begun:.0f} s", flush=True)
    print(f"\n{len(wanted) - len(failed)} lanes passed, failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def every_server() -> None:
    environment = {"REDIS_STATE_TEST_SERVERS": "all", **NO_TOPOLOGIES}
    suite = ("tests/contract", "tests/lua", "tests/worker")
    pytest(sys.executable, *suite, "-k", THE_OTHERS, environment=environment)


def every_topology() -> None:
    environment = {"REDIS_STATE_TEST_TOPOLOGIES": "all"}
    names = "(valkey91 or path) and (cluster or sentinel)"
    pytest(sys.executable, "tests/contract", "-k", names, environment=environment)


def failovers() -> None:
    environment = {"REDIS_STATE_TEST_FAULTS": "all"}
    slow = ("test_failovers.py", "test_sentinel.py", "test_cluster.py", "test_moving_slot.py")
    suite = [f"tests/faults/{name}" for name in slow]
    # Two at a time: each has many servers of its own.
    pytest(sys.executable, *suite, "-k", FIELD_FORM, environment=environment, at_a_time=2)


def interruptions() -> None:
    # As `make test` makes four hundred of, on each path.
    for path in ("lane", "pool", "opening", "durable"):
        run(sys.executable, "-m", "tests.client.interrupting", path, "--times", "10000")


def fuzz() -> None:
    run(python_of(".venv-fuzz"), "-m", "tests.fuzz", "--seconds", "8", "--seed", "1")


def under_load() -> None:
    """Run what has to do with time while other processes keep all cores busy."""
    with busy_cores():
        pytest(sys.executable, *TIMED, environment=NO_TOPOLOGIES)


def minimal_rights() -> None:
    environment = {"REDIS_STATE_TEST_ACL": "minimal", **NO_TOPOLOGIES}
    pytest(sys.executable, "tests/contract", "-k", ONE_OF_EACH, environment=environment)


def encrypted_and_compressed() -> None:
    environment = {
        "REDIS_STATE_ENCRYPTION": "own",
        "REDIS_STATE_ENCRYPTION_KEYS": FERNET_KEY,
        "REDIS_STATE_COMPRESSION_THRESHOLD": "1",
        **NO_TOPOLOGIES,
    }
    pytest(sys.executable, "tests/contract", "-k", ONE_OF_EACH, environment=environment)


def new_examples() -> None:
    environment = {"HYPOTHESIS_PROFILE": "new"}
    pytest(sys.executable, "tests/stateful", "tests/unit", environment=environment)


def without_the_fast_lane() -> None:
    # The client's own suite knows both ways.
    environment = {"REDIS_STATE_FAST_LANE": "false", **NO_TOPOLOGIES}
    suite = ("tests/contract", "tests/worker")
    pytest(sys.executable, *suite, "-k", FIELD_FORM, environment=environment)


def redis_major(major: str) -> None:
    folder = made(f".venv-redis-{major}")
    # Ahead of the environment's own redis-py.
    environment = {"PYTHONPATH": str(folder)}
    said = subprocess.check_output(
        [sys.executable, "-c", "import redis; print(redis.__version__)"],
        text=True,
        env=os.environ | environment,
    )
    if not said.startswith(f"{major}."):
        raise FileNotFoundError(f"redis-py {major} was to be tested, and {said} was found")
    # It opens the connections, and does nothing else.
    pytest(sys.executable, *CONNECTIONS, environment=environment)


def python(name: str) -> None:
    inside = python_of(f".venv-{name}", find_python(name))
    suite = ("tests/unit", "tests/contract", "tests/worker", "tests/client/test_lane.py")
    which = ("-k", f"not {HASH_FORM}")
    pytest(inside, *suite, *CONNECTIONS, *which, environment=NO_TOPOLOGIES)


def airflow(pins: str, files: tuple[str, ...]) -> None:
    run(
        python_of(f".venv-{pins}"),
        *("-m", "pytest", "-q", "-p", "no:cacheprovider"),
        # The task SDK alone has nothing to wait for.
        *(TWO_AT_A_TIME if pins == "airflow-next" else ()),
        *(f"tests/with_airflow/{name}" for name in files),
        environment={"AIRFLOW_HOME": str(ROOT / f".venv-{pins}" / "home")},
    )


def postgresql_and_both_sides() -> None:
    drivers = made(".venv-postgresql")
    run(
        python_of(".venv-airflow"),
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", *TWO_AT_A_TIME),
        *("--no-loadscope-reorder", "tests/with_airflow/test_dags.py", "tests/with_airflow/server"),
        environment={
            "AIRFLOW_HOME": str(ROOT / ".venv-airflow" / "home"),
            "METADATA_DATABASE": "postgresql",
            "DAGS_CONFIGURATION": "both sides",
            "PYTHONPATH": str(drivers),
        },
    )


def wheel() -> None:
    """Run the demo as its users would: on the built wheel, away from this repository."""
    inside = python_of(".venv-demo")
    # Until it has this repository's code again.
    (ROOT / ".venv-demo" / "ready").unlink()
    with tempfile.TemporaryDirectory() as elsewhere:
        build = ["-m", "hatchling", "build", "-t", "wheel", "-d", elsewhere]
        run(sys.executable, *build)
        (built,) = Path(elsewhere).glob("*.whl")
        run(inside, "-m", "pip", "install", "-qq", "--no-deps", "--force-reinstall", str(built))
        shutil.copytree(ROOT / "examples", Path(elsewhere) / "examples")
        where = "import redis_state; print(redis_state.__file__)"
        found = subprocess.check_output([inside, "-c", where], text=True, cwd=elsewhere)
        if "site-packages" not in found:
            raise FileNotFoundError(f"the wheel was to be tested, and {found} was found")
        subprocess.run([inside, "-m", "examples.demo"], cwd=elsewhere, check=True)
    made(".venv-demo")


def python_of(environment: str, interpreter: str = sys.executable) -> str:
    return str(made(environment, interpreter) / "bin" / "python")


def made(folder: str, interpreter: str = sys.executable) -> Path:
    run("make", "--no-print-directory", f"PYTHON={interpreter}", f"{folder}/ready")
    return ROOT / folder


def find_python(name: str) -> str:
    on_path = shutil.which(f"python{name}")
    managed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [on_path, *sorted(map(str, managed.glob(f"{name}.*/bin/python")))]
    for candidate in filter(None, candidates):
        # A version manager's stand-in may be on the path with nothing behind it.
        asked = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        if answer.stdout.strip() == name:
            return str(candidate)
    raise FileNotFoundError(f"Python {name} is not here: install it, so that this lane can run")


def pytest(
    interpreter: str,
    *what: str,
    environment: dict[str, str] | None = None,
    at_a_time: int = 4,
) -> None:
    # More at a time than there are cores: most of them wait for something.
    run(interpreter, "-m", "pytest", "-q", "-n", str(at_a_time), *what, environment=environment)


def run(*command: str, environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, cwd=ROOT, env=os.environ | (environment or {}), check=True)


if __name__ == "__main__":
    sys.exit(main())
