"""What the library knows of Airflow itself; each module works without it, too."""
