"""DAGs to copy: they work with any state store of Airflow 3.3."""
