"""The express lane answers as Airflow does: asked the same, byte for byte, with it and without."""
