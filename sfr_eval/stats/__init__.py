"""Statistics: turns values per prompt into an Estimate with an interval."""

from sfr_eval.stats.pass_at_k import pass_at_k

__all__ = ["pass_at_k"]
