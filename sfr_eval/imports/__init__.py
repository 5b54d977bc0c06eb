"""Text made elsewhere: plain rows, lm-eval samples and inspect logs become a run folder."""
