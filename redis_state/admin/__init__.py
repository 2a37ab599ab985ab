"""What operators do, over a client."""
