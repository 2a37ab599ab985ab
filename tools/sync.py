"""Makes the client for threads from the client of an event loop: `make sync`.

What differs between the two but for these words lies in `redis_state/client/io`, by hand.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tokenize
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
CLIENT = ROOT / "redis_state" / "client"
WORDS = {
    "_async": "_sync",
    "runtime_async": "runtime_sync",
    "get_credentials_async": "get_credentials",
    "AsyncClient": "SyncClient",
    "AsyncNode": "SyncNode",
    "AsyncSentinels": "SyncSentinels",
}
LEFT_OUT = {"async", "await"}
DOC = (
    '"""The client for threads: each module is made from the one in `_async`, by `make sync`."""\n'
)


def main() -> None:
    """Write the modules, or tell of those that are not what they would be made into."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    is_check = parser.parse_args().check
    made = {CLIENT / "_sync" / name: text for name, text in make().items()}
    there = {path: path.read_text() for path in (CLIENT / "_sync").glob("*.py")}
    stale = sorted(path for path in made.keys() | there if made.get(path) != there.get(path))
    if is_check and stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        sys.exit(f"Not what _async makes of it: {names}. Change _async, and run make sync.")
    for path in stale:
        if path in made:
            path.write_text(made[path])
        else:
            path.unlink()


def make() -> dict[str, str]:
    """Return the modules for threads that those of the event loop make, by name."""
    with TemporaryDirectory() as folder:
        for source in (CLIENT / "_async").glob("*.py"):
            name = source.relative_to(ROOT)
            head = f'# Made from {name} by "make sync": change that, and run it.\n'
            text = head + translated(source.read_text(), str(name))
            Path(folder, source.name).write_text(DOC if source.stem == "__init__" else text)
        ruff = [sys.executable, "-m", "ruff", "format", "--quiet", "--no-cache"]
        subprocess.check_call([*ruff, "--config", ROOT / "pyproject.toml", folder])
        return {path.name: path.read_text() for path in Path(folder).glob("*.py")}


def translated(text: str, name: str) -> str:
    """Replace the loop's words by those for threads; comments and texts stay as they are."""
    lines = text.splitlines(keepends=True)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    for token in reversed([each for each in tokens if each.type == tokenize.NAME]):
        word = "" if token.string in LEFT_OUT else WORDS.get(token.string, token.string)
        if "async" in word.lower():
            sys.exit(
                f"{name}:{token.start[0]}: {word}: give it a word for threads in tools/sync.py"
            )
        (row, begin), end = token.start, token.end[1]
        line = lines[row - 1]
        rest = line[end:] if word else line[end:].lstrip(" ")
        lines[row - 1] = line[:begin] + word + rest
    return "".join(lines)


if __name__ == "__main__":
    main()
