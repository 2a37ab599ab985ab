"""Fuzzes the targets one after the other, from the corpus on, and saves what breaks a promise.

python -m tests.fuzz [TARGET ...] [--seconds 12] [--seed N] [--findings FOLDER]
python -m tests.fuzz TARGET --input HEX
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.corpus import CORPUS
from tests.fuzz.targets import TARGETS

# An input that takes longer has hung; the library's own work takes microseconds.
_SECONDS_PER_INPUT = 5
_MOST_BYTES = 8192
_MOST_MEGABYTES = 1024
_CHATTER = re.compile(
    r"INFO:|WARNING:|#\d+\s|==\d+==|MS: |0x|artifact_prefix=|SUMMARY: |Base64: |\s*$"
)


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    targets = asked.targets or sorted(CORPUS)
    if asked.input is not None:
        return _again(targets[0], bytes.fromhex(asked.input))
    seed = asked.seed or random.randrange(1, 2**31)
    print(f"Fuzzing {len(targets)} targets for {asked.seconds} s each, seed {seed}:")
    return max([_fuzz(target, asked.seconds, seed, asked.findings) for target in targets])


def _fuzz(target: str, seconds: int, seed: int, findings: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        seeds, found = Path(folder) / "seeds", Path(folder) / "found"
        seeds.mkdir()
        found.mkdir()
        for number, data in enumerate(CORPUS[target]):
            (seeds / str(number)).write_bytes(data)
        command = [sys.executable, "-m", "tests.fuzz.guided", target]
        command += [f"-max_total_time={seconds}", f"-timeout={_SECONDS_PER_INPUT}"]
        command += [f"-seed={seed}", f"-max_len={_MOST_BYTES}"]
        command += [f"-rss_limit_mb={_MOST_MEGABYTES}", f"-artifact_prefix={found}/"]
        done = subprocess.run(
            [*command, str(seeds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        runs = re.findall(r"Done (\d+) runs", done.stdout)
        if done.returncode == 0 and runs:
            reached = re.findall(r"cov: (\d+)", done.stdout)[-1]
            print(f"  {target:14} {int(runs[-1]):>10,} inputs, {reached} branches: no finding")
            return 0
        print(f"  {target:14} FAILED\n{_last_words(done.stdout)}")
        for path in sorted(found.iterdir()):
            _save(target, path, findings)
    return 1


def _save(target: str, path: Path, findings: Path) -> None:
    kind, data = path.name.split("-")[0], path.read_bytes()
    if kind == "crash":
        data = shrink(TARGETS[target], data)
    findings.mkdir(parents=True, exist_ok=True)
    saved = findings / f"{target}-{kind}-{hashlib.sha256(data).hexdigest()[:12]}"
    saved.write_bytes(data)
    print(f"  Saved as {saved}. Again, in one line:")
    print(f"  python -m tests.fuzz {target} --input '{data.hex()}'")


def _last_words(output: str) -> str:
    """Return what an input made of the target, without what the fuzzer tells of itself."""
    lines = [line for line in output.splitlines() if not _CHATTER.match(line)]
    return "\n".join(f"    {line}" for line in lines[-25:])


def shrink(target: Callable[[bytes], None], data: bytes, seconds: float = 5.0) -> bytes:
    """Leave out of an input what it does not need to fail in the same way."""
    how, ends = _failure(target, data), time.monotonic() + seconds
    size = len(data) // 2
    while size and how is not None:
        start = 0
        while start < len(data) and time.monotonic() < ends:
            less = data[:start] + data[start + size :]
            if _failure(target, less) is how:
                data = less
            else:
                start += size
        size //= 2
    return data


def _failure(target: Callable[[bytes], None], data: bytes) -> type[Exception] | None:
    try:
        target(data)
    except Exception as error:  # noqa: BLE001 - it may fail in any way
        return type(error)
    return None


def _again(target: str, data: bytes) -> int:
    TARGETS[target](data)
    print(f"{target} keeps its promises for {data!r}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*sorted(CORPUS), []], metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=12, help="for each target")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations; 0: a new one")
    parser.add_argument("--findings", type=Path, default=Path(".fuzz"), help="where to save")
    parser.add_argument("--input", help="run a target once, on these bytes in hexadecimal")
    return parser


if __name__ == "__main__":
    sys.exit(main())
