"""A real Airflow on redis-state, with DAGs to copy: `make demo`."""
