"""``python -m redis_state`` is the command ``redis-state``."""

from __future__ import annotations

import sys

from redis_state.cli import main

if __name__ == "__main__":
    sys.exit(main())
