"""What is slow and proves more than `make test`: a session for each lane, for `make test-slow`.

What a lane needs and cannot find makes it fail, and the others still run. `tests/matrix.py` says
what of the suite belongs to a lane, and `make` makes the environments, as for `make test`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nox

from tests.matrix import LANES, PYTHONS, REDIS_MAJORS
from tests.support.busy import busy_cores

nox.needs_version = ">=2026"
nox.options.default_venv_backend = "none"

ROOT = Path(__file__).parent


@nox.session(name="every-server")
def every_server(session: nox.Session) -> None:
    """Run the contract on the servers that `make test` leaves out."""
    suite(session)


@nox.session(name="every-topology")
def every_topology(session: nox.Session) -> None:
    """Run the contract on Sentinel and Cluster, of Valkey and Redis."""
    suite(session)


@nox.session
def failovers(session: nox.Session) -> None:
    """Fail over by the dozen, sync and async."""
    suite(session)


@nox.session
def chaos(session: nox.Session) -> None:
    """Break servers at random under load."""
    session.run(sys.executable, "-m", "tests.chaos", "--minutes", "0.5", "--seed", "5")


@nox.session
def interruptions(session: nox.Session) -> None:
    """Interrupt ten thousand calls on each path; `make test` does four hundred."""
    for path in ("lane", "pool", "opening", "durable"):
        session.run(sys.executable, "-m", "tests.client.interrupting", path, "--times", "10000")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Feed the parsers with nonsense, led by what it reaches."""
    python = python_of(session, ".venv-fuzz")
    session.run(python, "-m", "tests.fuzz", "--seconds", "5", "--seed", "1")


@nox.session(name="under-load")
def under_load(session: nox.Session) -> None:
    """Run what has to do with time while other processes keep all cores busy."""
    with busy_cores():
        suite(session)


@nox.session(name="minimal-rights")
def minimal_rights(session: nox.Session) -> None:
    """Run the contract with the rights that the documentation gives, and no others."""
    suite(session)


@nox.session(name="encrypted-and-compressed")
def encrypted_and_compressed(session: nox.Session) -> None:
    """Run the contract with encryption and compression."""
    suite(session)


@nox.session(name="new-random-examples")
def new_random_examples(session: nox.Session) -> None:
    """Run what is random with examples that no run had before."""
    suite(session)


@nox.session(name="without-the-fast-lane")
def without_the_fast_lane(session: nox.Session) -> None:
    """Run the contract with the pool alone."""
    suite(session)


@nox.session(name="redis-py")
@nox.parametrize("major", REDIS_MAJORS, ids=REDIS_MAJORS)
def redis_py(session: nox.Session, major: str) -> None:
    """Connect by each major of redis-py."""
    # Ahead of the environment's own redis-py.
    ahead = {"PYTHONPATH": str(made(session, f".venv-redis-{major}"))}
    code = f"import redis; assert redis.__version__.startswith('{major}.'), redis.__version__"
    session.run(sys.executable, "-c", code, env=ahead)
    suite(session, variables=ahead)


@nox.session
@nox.parametrize("version", PYTHONS, ids=PYTHONS)
def python(session: nox.Session, version: str) -> None:
    """Run the suite on the other Pythons, less of it on one that is between others."""
    interpreter = find_python(version)
    suite(session, python=python_of(session, f".venv-{version}", interpreter))


@nox.session(name="airflow-sdk")
def airflow_sdk(session: nox.Session) -> None:
    """Run beside the task SDK alone, without Airflow's core."""
    beside_airflow(session, ".venv-airflow-sdk")


@nox.session(name="express-lane")
def express_lane(session: nox.Session) -> None:
    """Ask Airflow random things with the express lane and without, and run DAGs with it."""
    beside_airflow(session, ".venv-airflow")


@nox.session
def operations(session: nox.Session) -> None:
    """Kill what operators run at random moments, and take it up."""
    beside_airflow(session, ".venv-airflow")


@nox.session(name="airflow-next")
def airflow_next(session: nox.Session) -> None:
    """Run beside the next Airflow, with its metadata in PostgreSQL."""
    drivers = made(session, ".venv-postgresql")
    beside_airflow(session, ".venv-airflow-next", {"PYTHONPATH": str(drivers)})


@nox.session
def postgresql(session: nox.Session) -> None:
    """Run Airflow with its metadata in PostgreSQL, and DAGs with both sides."""
    drivers = made(session, ".venv-postgresql")
    beside_airflow(session, ".venv-airflow", {"PYTHONPATH": str(drivers)})


@nox.session
def browser(session: nox.Session) -> None:
    """Open Airflow's UI in a real Chromium: see, edit, delete and clear state there."""
    beside_airflow(session, ".venv-browser")


@nox.session
def shells(session: nox.Session) -> None:
    """Complete commands in zsh and fish, and run what the documentation does with jq."""
    suite(session)


@nox.session
def wheel(session: nox.Session) -> None:
    """Run the demo as its users would: on the built wheel, away from this repository."""
    python = python_of(session, ".venv-demo")
    # Until it has this repository's code again.
    (ROOT / ".venv-demo" / "ready").unlink()
    with tempfile.TemporaryDirectory() as elsewhere:
        session.run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", elsewhere)
        (built,) = Path(elsewhere).glob("*.whl")
        install = ["-m", "pip", "install", "-qq", "--no-deps", "--force-reinstall"]
        session.run(python, *install, str(built))
        shutil.copytree(ROOT / "examples", Path(elsewhere) / "examples")
        with session.chdir(elsewhere):
            found = "import redis_state as it; assert 'site-packages' in it.__file__, it.__file__"
            session.run(python, "-c", found)
            session.run(python, "-m", "examples.demo")
    made(session, ".venv-demo")


@nox.session(name="another-day")
def another_day(session: nox.Session) -> None:
    """Set up and test on a day when all that is pinned was released anew."""
    session.run(sys.executable, "-m", "tests.another_day", *session.posargs)


def suite(
    session: nox.Session, *, python: str = sys.executable, variables: dict[str, str] | None = None
) -> None:
    lane = LANES.get(session.name) or LANES[session.name.partition("(")[0]]
    parts = [f"tests/{part}" for part in lane.parts]
    only = ["-k", lane.only] if lane.only else []
    command = [python, "-m", "pytest", "-q", *lane.options, *parts, *only, *session.posargs]
    session.run(*command, env={**lane.variables, **(variables or {})})


def beside_airflow(
    session: nox.Session, environment: str, variables: dict[str, str] | None = None
) -> None:
    python = python_of(session, environment)
    home = {"AIRFLOW_HOME": str(ROOT / environment / "home")}
    suite(session, python=python, variables=home | (variables or {}))


def python_of(session: nox.Session, environment: str, interpreter: str = sys.executable) -> str:
    return str(made(session, environment, interpreter) / "bin" / "python")


def made(session: nox.Session, folder: str, interpreter: str = sys.executable) -> Path:
    session.run("make", "--no-print-directory", f"PYTHON={interpreter}", f"{folder}/ready")
    return ROOT / folder


def find_python(version: str) -> str:
    managed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [
        shutil.which(f"python{version}"),
        *sorted(map(str, managed.glob(f"{version}.*/bin/python"))),
    ]
    for candidate in filter(None, candidates):
        # A version manager's stand-in may be on the path with nothing behind it.
        asked = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        if answer.stdout.strip() == version:
            return candidate
    raise FileNotFoundError(f"Python {version} is not here: install it, so that this lane can run")
