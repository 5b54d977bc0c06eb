"""Cross-entropy: -log p_y, TRL's own loss."""

from sfr_train.objectives import base


class Settings(base.Settings):
    """Nothing to set."""


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """TRL's loss, untouched."""
    return base.Objective()
