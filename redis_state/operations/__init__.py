"""What each method sends, and what the replies mean: no I/O."""
