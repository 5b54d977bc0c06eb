"""Two runs beside each other: what is read, what may be compared, what differs."""
