"""Sockets, threads and loops: what is written by hand for each of them."""
