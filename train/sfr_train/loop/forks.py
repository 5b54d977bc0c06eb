"""Entropy and cross-entropy where text forks and where it is locked.

The entropy of a position under the model before training says how many continuations it has: the
top fifth are forks, the lower half locks (terms of 2604.01193; the shares are this project's). A
good objective keeps the entropy at forks and the certainty at locks. Both are measured on the
evaluation rows at each evaluation; the positions are fixed once, when training begins.
"""

from typing import Any

import torch
from transformers import TrainerCallback

from sfr_train.targets.segments import IGNORED

FORKS, LOCKS = 0.2, 0.5
_ROWS = 64


class ForkCallback(TrainerCallback):
    """Logs forks/entropy, forks/cross_entropy, locks/entropy and locks/cross_entropy."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
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
        """Return entropy and -log p of every supervised token, nats, in row order."""
        trainer = self._trainer
        rows = list(trainer.eval_dataset.select(range(min(_ROWS, len(trainer.eval_dataset)))))
        model, training = trainer.model_wrapped, trainer.model.training
        model.eval()
        entropies, losses = [], []
        for start in range(0, len(rows), 8):
            inputs = trainer._prepare_inputs(trainer.data_collator(rows[start : start + 8]))
            labels = inputs.pop("labels")[:, 1:]
            supervised = labels != IGNORED
            with torch.no_grad():
                logits = model(**inputs, use_cache=False).logits[:, :-1][supervised].float()
            log_p = torch.log_softmax(logits, dim=-1)
            entropies.append(-(log_p.exp() * log_p).sum(-1).cpu())
            losses.append(-log_p.gather(1, labels[supervised][:, None])[:, 0].cpu())
        model.train(training)
        return torch.cat(entropies), torch.cat(losses)
