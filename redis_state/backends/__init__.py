"""The two sides that Airflow configures."""
