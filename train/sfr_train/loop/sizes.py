"""What an objective's networks must know about model and targets."""

from typing import Any

import torch

from sfr_train.flow.blind import BlindField
from sfr_train.objectives.base import Sizes
from sfr_train.targets.cached import Targets


def sizes_of(model: Any, targets: Targets | None) -> Sizes:
    """Return the sizes of a language model and of its targets. Without targets a head on them is
    built with any size, and dropped."""
    text = model.config.get_text_config()
    if targets is None:
        return Sizes(text.hidden_size, text.vocab_size, target=4)
    values, vectors = map(torch.from_numpy, targets.covariance)
    field = BlindField(torch.from_numpy(targets.mean), values, vectors)
    return Sizes(
        text.hidden_size,
        text.vocab_size,
        target=targets.size,
        scale=targets.deviation,
        field=field,
    )
