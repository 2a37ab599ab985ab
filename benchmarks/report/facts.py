"""What the figures depend on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import redis_state
from benchmarks.harness.installed import version_of
from benchmarks.harness.target import Target, has_hsetex, information, name_of


def gather(target: Target) -> dict[str, str]:
    """Name the server, the libraries and the machine."""
    with target.connect() as client:
        by_redis_py = client.connection_pool.max_connections
        server = {
            "server": name_of(client),
            "redis_version (compatibility)": str(information(client, "server")["redis_version"]),
            "HSETEX": "yes" if has_hsetex(client) else "no",
        }
    packages = {
        "redis-py": "redis",
        "hiredis": "hiredis",
        "Airflow": "apache-airflow",
        "SQLAlchemy": "SQLAlchemy",
    }
    found = {name: version_of(package) for name, package in packages.items()}
    return {
        **server,
        "redis-state": redis_state.__version__,
        **{name: text for name, text in found.items() if text},
        "connections at most": (
            f"{target.backend().settings.pool_size} of redis-state, and the one that calls share; "
            f"{by_redis_py} of redis-py on threads"
        ),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "CPU": f"{os.cpu_count()} x {_cpu()}",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "load average at the start": f"{os.getloadavg()[0]:.1f}",
    }


def _cpu() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
