"""Coding problems: where they come from, their prompts, the program in a reply."""
