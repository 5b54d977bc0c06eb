"""A token objective as the loss function of transformers.Trainer or TRL's SFTTrainer.

SFTTrainer(..., compute_loss_func=compute_loss_func("tofu", gamma=3.0, beta=0.8))
"""

from collections.abc import Callable
from typing import Any

import torch

from sfr_eval.errors import UserError
from sfr_train.loop.token_trainer import cross_entropy, supervised_loss
from sfr_train.objectives import read_objective
from sfr_train.objectives.base import Sizes
from sfr_train.targets.segments import IGNORED

LossFunction = Callable[..., torch.Tensor]
"""(outputs with logits (B, T, V), labels (B, T), num_items_in_batch) -> scalar loss."""


def compute_loss_func(objective: str, **settings: Any) -> LossFunction:
    """Return the loss of an objective on tokens, for `compute_loss_func=`.

    The loss is the sum over supervised tokens, in float32, divided by the tokens of the whole step
    (num_items_in_batch), so that accumulation and ranks change nothing; without that number it is
    the mean of the micro-batch. In evaluation, without gradients, it is cross-entropy under every
    objective, as in SFRTrainer. Raises UserError for an objective that is more than a function of
    logits and token.
    """
    module, values = read_objective({"name": objective, **settings})
    if objective == "kl_to_base":
        raise UserError("objective kl_to_base: needs SFRTrainer, which knows the base")
    if values.needs is not None:
        raise UserError(f"objective {objective}: reads the future; use attach_future")
    built = module.build(values, Sizes(hidden=1, vocabulary=1))
    if built.embedding_noise or built.hidden_noise:
        raise UserError(f"objective {objective}: adds noise inside the model; use SFRTrainer")
    token_loss = built.token_loss or cross_entropy

    def loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        logits = outputs.logits
        function = token_loss if logits.requires_grad else cross_entropy
        total = supervised_loss(logits, labels, token_loss=function)
        if num_items_in_batch is None:
            return total / (labels[:, 1:] != IGNORED).sum().clamp(min=1)
        return total / num_items_in_batch

    return loss
