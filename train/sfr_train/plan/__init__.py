"""What a training will need, computed before anything is trained: `train --dry-run`."""
