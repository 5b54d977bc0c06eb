"""The CI gate: a baseline, a candidate, a decision."""
