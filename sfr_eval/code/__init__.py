"""Code suites: problems, prompts, and what is taken out of an answer as the program."""
