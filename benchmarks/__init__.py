"""Measures the verbs beside the same commands by hand, on one server and in one interleaved run."""
