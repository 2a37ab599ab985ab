"""The commands of the guides that need a metadata database are run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from redis_state import RedisStateBackend
from tests.matrix import FIELD_FORM
from tests.with_airflow.operations.tables import Tables
from tests.with_airflow.server.airflow_home import Home

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
# One migration needs a second server, at an address that the guide makes up; what pauses DAGs and
# cleans tables is Airflow's own, and wants a database that `airflow db migrate` has made.
LINE = re.compile(
    r"^ *((?:airflow (?:config|providers)|redis-state (?:sweep|migrate)) (?!.*rediss:).*?)"
    r"(?: +#.*)?$",
    re.MULTILINE,
)


def commands_of(page: Path) -> list[str]:
    return LINE.findall("\n".join(BLOCK.findall(page.read_text(encoding="utf-8"))))


COMMANDS = {page.name: found for page in sorted(DOCS.glob("*.md")) if (found := commands_of(page))}


def test_the_guides_have_them() -> None:
    assert {"install.md", "migrate.md", "sweep.md"} <= COMMANDS.keys()


@pytest.mark.parametrize("page", COMMANDS)
@pytest.mark.parametrize("server_name", [FIELD_FORM])
def test_the_commands_of_a_guide_run(
    page: str, tables: Tables, backend: RedisStateBackend, home: Home
) -> None:
    scope = tables.metadata.instance().scope
    tables.put(scope, "job_id", '"application_1764374400_0042"', datetime(2026, 3, 1, tzinfo=UTC))
    with tables.metadata.session() as session:
        backend.set(scope, "attempt", "2", session=session)
    environment = {
        "AIRFLOW_HOME": str(home.folder),
        "AIRFLOW__REDIS_STATE__NAMESPACE": backend.settings.namespace,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        # In place of an answer.
        "REDIS_STATE_CLI_YES": "true",
    }
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(COMMANDS[page])],
        env=os.environ | home.options | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
