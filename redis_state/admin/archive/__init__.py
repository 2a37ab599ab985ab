"""Writes all state of a namespace to a file, and brings it back from there."""
