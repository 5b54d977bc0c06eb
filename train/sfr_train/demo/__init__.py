"""The demo checkpoints: their recipes, and how a small model is trained from nothing."""
