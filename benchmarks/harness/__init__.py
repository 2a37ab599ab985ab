"""How it is measured: the server, the work, the rounds and their timing."""
