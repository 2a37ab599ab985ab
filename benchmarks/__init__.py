"""Measures the verbs beside what else could keep a task's state, in one interleaved run."""
