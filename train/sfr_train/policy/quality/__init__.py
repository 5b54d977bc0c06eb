"""What makes a reply good, by name: one module each, with `Settings` and `build`."""
