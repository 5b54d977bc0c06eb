"""sfr_train: trains the checkpoints that sfr-eval evaluates."""
