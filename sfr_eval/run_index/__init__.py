"""Many runs at once: what is in a folder tree, side by side, over training steps, and ranked."""
