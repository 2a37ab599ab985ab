"""The express lane: tasks' state calls, answered in front of Airflow's own routes.

It answers what it can answer exactly as Airflow does. All else passes to Airflow's own route, as it
came: no refusal is ever written here.
"""
