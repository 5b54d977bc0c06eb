"""Worlds with a known truth: grammars that sample replies and know the probability of each."""
