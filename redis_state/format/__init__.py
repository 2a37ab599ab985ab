"""Where a value lies and what its bytes are: no I/O, no redis-py."""
