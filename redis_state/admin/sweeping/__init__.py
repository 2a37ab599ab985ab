"""Removing what deleted runs and assets left: values without an owner in the metadata database."""

from __future__ import annotations

from redis_state.admin.sweeping.reasons import Reason
from redis_state.admin.sweeping.report import SweepReport, Swept
from redis_state.admin.sweeping.sweep import GRACE, Options, Sweep

__all__ = ["GRACE", "Options", "Reason", "Sweep", "SweepReport", "Swept"]
