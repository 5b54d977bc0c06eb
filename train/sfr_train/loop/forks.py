"""Entropy and cross-entropy where text forks and where it is locked.

The entropy of a position under the model before training says how many continuations it has: the
top fifth are forks, the lower half locks (terms of 2604.01193; the shares are this project's). A
good objective keeps the entropy at forks and the certainty at locks. Both are measured on the
evaluation rows at each evaluation; the positions are fixed once, when training begins.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import TrainerCallback

from sfr_train.loop.batch import supervised_states
from sfr_train.loop.lm_head import StatisticsHead
from sfr_train.targets.future_data import PREFIX

FORKS, LOCKS = 0.2, 0.5
_ROWS = 64
_TOKENS = 4096  # of a forward pass of several rows


class ForkCallback(TrainerCallback):
    """Logs forks/entropy, forks/cross_entropy, locks/entropy and locks/cross_entropy."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self._head = StatisticsHead(trainer.model)
        self._positions: dict[str, torch.Tensor] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the positions; after a resume, those of the resumed model."""
        entropy, _loss = self._measure()
        if len(entropy):
            self._positions["forks"] = entropy >= torch.quantile(entropy, 1 - FORKS)
            self._positions["locks"] = entropy <= torch.quantile(entropy, LOCKS)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Log the means over the marked positions."""
        if not self._positions:
            return
        entropy, loss = self._measure()
        values: dict[str, float] = {}
        for name, marked in self._positions.items():
            values[f"{name}/entropy"] = float(entropy[marked].mean())
            values[f"{name}/cross_entropy"] = float(loss[marked].mean())
        self._trainer.log_apart(values)

    def _measure(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return entropy and -log p of every supervised token, nats, in row order. Rows are taken
        together as long as they are short, and no logits are kept."""
        trainer = self._trainer
        rows = list(trainer.eval_dataset.select(range(min(_ROWS, len(trainer.eval_dataset)))))
        model, training = trainer.model_wrapped, trainer.model.training
        model.eval()
        entropies, losses = [], []
        for some in _batches([len(row["labels"]) for row in rows]):
            inputs = trainer._prepare_inputs(trainer.data_collator([rows[i] for i in some]))
            inputs = {name: inputs[name] for name in inputs if not name.startswith(PREFIX)}
            labels = inputs.pop("labels")
            supervised = supervised_states(labels)
            tokens = labels[:, 1:][supervised[:, :-1]]
            with torch.no_grad(), self._head.measuring(supervised, tokens):
                model(**inputs, use_cache=False)
            entropy, loss = self._head.take()
            entropies.append(entropy.cpu())
            losses.append(loss.cpu())
        model.train(training)
        return torch.cat(entropies), torch.cat(losses)


def _batches(lengths: Sequence[int]) -> list[range]:
    """Group rows in order, up to 8 as long as they are within `_TOKENS` with padding."""
    groups, start = [], 0
    while start < len(lengths):
        stop = start + 1
        while (
            stop < len(lengths)
            and stop - start < 8
            and (stop + 1 - start) * max(lengths[start : stop + 1]) <= _TOKENS
        ):
            stop += 1
        groups.append(range(start, stop))
        start = stop
    return groups
