"""Copies all state from one store to another, while both are in use."""
