"""The training loop around an objective: batches, hooks, losses, callbacks."""
