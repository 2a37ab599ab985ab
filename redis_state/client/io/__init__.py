"""What is written by hand for threads and for event loops, because they really differ.

- A link: a thread blocks in a system call to an exact deadline; a loop is told what has arrived.
- The lane: threads elect one that sends and reads for all (`sync_lane`, `sync_call`, `spin`); the
  tasks of a loop need nobody to lead, so there `async_link` is the lane as well.
- Opening: redis-py opens and logs in, in a class of its own for each (`async_opening`, `tls`,
  `connecting`, `credentials`); `lookups` and the race of addresses wait for other things, too.
- Permits: those of threads have to survive interruptions; a loop interrupts nothing.
- Forks: threads begin afresh in the child, and what belongs to a loop is left to the parent.

`runtime_sync` and `runtime_async` name these for `_sync` and `_async`, which have the same source.

An invariant of every connection: **a reply belongs to the call that stands first, and a connection
whose replies may be out of step is closed.** It is kept where a call leaves early; without it, the
test that is named fails:

- `SyncLane._lead_with` closes, whatever ends a leader in the midst of an exchange
  (`test_an_interrupted_leader_leaves_the_others_to_succeed`);
- ``_on_link`` of a node closes a link of the pool then
  (`test_interruptions_cost_neither_the_pool_nor_the_lane_nor_the_time_limits`);
- `AsyncLink.data_received` keeps the place of a call that was cancelled, or is late
  (`test_cancelling_at_any_tick_shifts_no_reply_and_keeps_the_connection`).
"""
