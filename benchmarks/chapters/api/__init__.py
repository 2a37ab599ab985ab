"""What the chapter about Airflow's Execution API measures, one module for each kind of figure."""
