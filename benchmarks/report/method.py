"""How it was measured, in words."""

from __future__ import annotations

METHOD = """- All contenders of a case are measured in one run, in turns. Each round has one turn
  of each, in an order that is shuffled anew. What warms them up comes first and does not count:
  rounds like the others, or through the Execution API all requests of all tasks.
- A figure is the median over the rounds, ± half of the range between the quartiles. It is always
  that of one call: those who are slow make fewer of them in a round.
- *redis-state is* compares within each round: the other's time divided by ours. It is the median of
  that over the rounds, ± half of the range between the quartiles. What slows a whole round slows
  both alike.
- p50 and p99 are of all single calls. Where many threads or tasks call at once, a call waits for
  others, too, and takes longer than its share of the time.
- Through the Execution API, each contender has an API server of its own, forked from one process
  that has imported Airflow, and each turn takes about as long. *Beside the metastore* compares
  within each round, as *redis-state is* does. Airflow logs no line for each request, which it would
  do by default.
- *CPU of the server* is what the process of the API server took for a request: neither Redis,
  PostgreSQL nor the clients. *Statements* are all that arrive at PostgreSQL, `BEGIN` and `COMMIT`
  among them, counted in turns of their own. *A task's set* is timed within a task in a process of
  its own, with Airflow's supervisor, as an executor starts it.
- A stall is the longest time between two answers to a client in another process that reads in a
  tight loop. On few CPUs it also holds the turns of the thread in which the server frees memory.
  *Of it on the server* is the time of the command alone, by the server's own account.
- Memory is measured once: what the server's data take more than before, divided by the entries.
- The benchmark and the server run on one machine and share its CPUs, unless the URL names another
  one. They talk over TCP on the loopback interface, or over a unix socket if the URL says so."""
