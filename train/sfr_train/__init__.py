"""sfr_train: the trainer of the checkpoints that sfr-eval judges."""
