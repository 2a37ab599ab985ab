"""The only place that knows redis-py: connections, pools, budgets and retries."""
