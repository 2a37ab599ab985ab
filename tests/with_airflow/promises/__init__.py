"""What Airflow deletes in its metadata database goes in Redis, too."""
