"""Statistics: turns values per prompt into an Estimate with an interval."""
