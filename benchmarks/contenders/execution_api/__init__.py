"""Airflow's API server with each backend, and tasks that talk to it."""
