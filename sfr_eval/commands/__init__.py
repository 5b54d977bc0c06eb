"""One file a command: options, one call, what is printed."""
