"""Several runs beside each other, paired by prompt."""
