"""What is left in memory after a million set and clear cycles: `python -m benchmarks.endurance`.

Each cycle writes a value with an expiry in a scope of its own and clears that scope, as a task does
that succeeds. What the server and this process hold is compared with what they held before.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis

from benchmarks.harness.progress import track
from redis_state import RedisStateBackend, TaskScope
from redis_state.testing import EmbeddedServer

_CYCLES = 1_000_000
_TASKS = 100
_WARM_UP = 20_000
_VALUE = '{"job_id": "j-42", "page": 7}'


def main() -> None:
    cycles = int(sys.argv[1]) if len(sys.argv) > 1 else _CYCLES
    with EmbeddedServer() as server:
        raw = redis.Redis(unix_socket_path=str(server.socket_path), protocol=2)
        backend = RedisStateBackend(url=server.url)
        asyncio.run(_cycle(backend, _WARM_UP, 0))
        before = _memory(raw)
        for turn in track("set and clear", range(cycles // _WARM_UP)):
            asyncio.run(_cycle(backend, _WARM_UP, turn + 1))
        after = _memory(raw)
        print(f"| after {cycles:,} cycles | before | after |\n|---|---:|---:|")
        for name in before:
            print(f"| {name} | {before[name]:,} | {after[name]:,} |")
        raw.close()


async def _cycle(backend: RedisStateBackend, cycles: int, turn: int) -> None:
    ends = datetime.now(UTC) + timedelta(days=30)

    async def work(task: int) -> None:
        for number in range(cycles // _TASKS):
            scope = TaskScope("dag", f"run {turn} {number}", f"task {task}", number % 3 - 1)
            await backend.aset(scope, "job", _VALUE, expires_at=ends)
            await backend.aclear(scope)

    async with asyncio.TaskGroup() as group:
        for task in range(_TASKS):
            group.create_task(work(task))
    await backend.aclose()


def _memory(raw: redis.Redis) -> dict[str, int]:
    gc.collect()
    info = raw.info("memory")
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "keys": int(raw.dbsize()),
        "bytes used by the server": int(info["used_memory"]),
        "resident bytes of this process": pages * 4096,
    }


if __name__ == "__main__":
    main()
