"""The code of each command, as a function ``run`` that returns the exit code."""
