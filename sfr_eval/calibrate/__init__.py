"""Are the metrics to be trusted? Each one is run on a world whose collapse is known by design."""
