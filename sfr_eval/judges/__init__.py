"""LLM judges: rubric, judge, panel, votes, error rates."""
