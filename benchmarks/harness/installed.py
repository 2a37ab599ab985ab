"""What is installed beside redis-state."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def version_of(package: str) -> str | None:
    """Return the version of a package, if it is installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


# The task SDK alone has no API server and no metadata database.
HAS_AIRFLOW = version_of("apache-airflow-core") is not None
