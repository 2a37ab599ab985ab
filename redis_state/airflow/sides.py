"""The two sides that Airflow configures, by the names that metrics and settings know them by."""

SERVER = "server"
WORKER = "worker"
