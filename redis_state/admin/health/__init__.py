"""How the servers of a deployment are, and what to do about what is wrong.

What is asked and how the replies read is free of I/O, so that sync and async ask the same.
"""

from __future__ import annotations

from redis_state.admin.health.report import Finding, Health, Verdict

__all__ = ["Finding", "Health", "Verdict"]
