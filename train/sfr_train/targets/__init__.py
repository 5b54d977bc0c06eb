"""Targets of a loss on the future: which text belongs to a state, encoded and cached."""
