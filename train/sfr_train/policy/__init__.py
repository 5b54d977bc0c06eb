"""Objectives that learn from the model's own samples: rewards, and the GRPO trainer under them."""
