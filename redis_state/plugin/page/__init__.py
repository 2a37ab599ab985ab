"""The page "State store" in Airflow's UI."""
