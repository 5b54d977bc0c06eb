"""The synthetic benchmark: a grammar whose distribution is known."""
