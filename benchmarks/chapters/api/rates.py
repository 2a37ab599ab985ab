"""Requests a second by the number of clients, and the CPU time of the server for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from benchmarks.contenders.execution_api.client import Task, work_together
from benchmarks.contenders.execution_api.stack import Contender
from benchmarks.harness.progress import track
from benchmarks.harness.results import Case
from benchmarks.harness.rounds import Record, Round, turns
from benchmarks.harness.workload import counted

METHODS = ("set", "get")
CLIENTS = (1, 8, 32)
# Where the CPU time is shown: the server is busy, and not yet crowded.
CPU_CLIENTS = 8
# Requests of each client in a turn.
LEAST, _MOST = 4, 400


@dataclass(frozen=True)
class Amount:
    """How much each contender is asked: a number of turns, each about as long for all of them."""

    rounds: int
    turn_seconds: float

    def share(self, measured: Round, clients: int) -> int:
        """Return how many requests of each client fill a turn, by what the warm-up has shown."""
        share = round(self.turn_seconds / measured.per_call / clients)
        return min(max(share, LEAST), _MOST)


@asynccontextmanager
async def connected(
    contenders: Mapping[str, Contender],
) -> AsyncIterator[dict[str, list[Task]]]:
    """Connect the tasks of all contenders, and send each of their requests once."""
    tasks = {
        name: [await Task.connect(each.port, exchanges) for exchanges in each.tasks]
        for name, each in contenders.items()
    }
    # The first request of a server builds its routes, which takes some seconds.
    await asyncio.gather(*(each[0].warm_up() for each in tasks.values()))
    for _, each in track("execution_api, warming up", list(tasks.items())):
        await asyncio.gather(*(task.warm_up() for task in each))
    yield tasks
    for each in tasks.values():
        for task in each:
            task.close()


async def measure(
    contenders: Mapping[str, Contender],
    tasks: Mapping[str, Sequence[Task]],
    amount: Amount,
    *,
    clients: Sequence[int] = CLIENTS,
    prefix: str = "",
) -> list[Case]:
    """Measure writes and reads apart, at each number of clients."""
    cases, cpu = [], []
    for method in METHODS:
        for count in clients:
            rates, costs = await _measure(method, count, contenders, tasks, amount)
            cases.append(rates)
            if count == CPU_CLIENTS:
                cpu.append(costs)
    return [replace(each, name=f"{prefix}{each.name}") for each in cases + cpu]


async def _measure(
    method: str,
    clients: int,
    contenders: Mapping[str, Contender],
    tasks: Mapping[str, Sequence[Task]],
    amount: Amount,
) -> tuple[Case, Case]:
    name, names = f"{method}, {counted(clients, 'client')}", list(contenders)
    rates = Record(name, names)
    costs = Record(f"CPU of the server, {name}", names, "seconds", has_single_calls=False)
    shares: dict[str, int] = {}
    for turn in track(f"execution_api, {name}", turns(names, amount.rounds)):
        server, working = contenders[turn.contender], tasks[turn.contender][:clients]
        before = server.cpu_seconds
        measured = await work_together(working, method, shares.get(turn.contender, LEAST))
        cpu = (server.cpu_seconds - before) / len(measured.calls)
        rates.add(turn, measured)
        costs.add(turn, Round([cpu], cpu))
        if not turn.counts:
            shares[turn.contender] = amount.share(measured, clients)
    return rates.sum_up(), costs.sum_up()
