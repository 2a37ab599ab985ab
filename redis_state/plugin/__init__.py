"""What runs inside Airflow's own processes, as a plug-in: only here is Airflow imported."""
