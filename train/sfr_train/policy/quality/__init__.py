"""What makes a reply good, by name: one module each, with `Settings`, `build`, and
`fingerprint` of what the settings only name."""
