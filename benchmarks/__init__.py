"""Measures redis-state beside what else could keep a task's state, in one interleaved run.

The modules here are commands: ``python -m benchmarks`` and ``python -m benchmarks.NAME``. Below,
``chapters`` says what is measured, ``contenders`` what is compared and ``harness`` how; ``report``
shows what came out. Imports go from chapters and report to contenders, and from all to harness.
"""
