"""Statistics: values per prompt in, an Estimate with an interval out."""

from sfr_eval.stats.pass_at_k import pass_at_k

__all__ = ["pass_at_k"]
