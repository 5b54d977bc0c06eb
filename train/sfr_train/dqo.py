"""DQO's diversity bonus as a reward function for trl.GRPOTrainer (2509.04784).

For the k replies of one prompt, L_ij = <phi_i, phi_j> with unit embeddings phi:

    bonus_i = alpha log( det(L + I_k) / det(L_without_i + I_{k-1}) )

the regularised leave-one-out form: it lies in alpha [log(1 + 1/k), log 2], low for a copy, high for
a reply orthogonal to all others, and det(L + I) >= 1, so it is never minus infinity. Use it beside
a reward for quality, best a reward model: with a rule that only reads the answer, policies learn to
answer first and then write anything. A reply that is empty has no embedding and gets no bonus.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def leave_one_out_bonus(embeddings: Any) -> Floats:
    """(k, d) unit rows -> (k,), natural logarithms."""
    rows = np.asarray(embeddings, dtype=np.float64)
    gram = rows @ rows.T + np.eye(len(rows))
    whole = np.linalg.slogdet(gram).logabsdet
    # det(A without row and column i) = det(A) (A^-1)_ii, so one inverse gives all of them.
    without = whole + np.log(np.diag(np.linalg.inv(gram)))
    found: Floats = whole - without
    return found


class DiversityReward:
    """A reward function: `GRPOTrainer(reward_funcs=[quality, DiversityReward(8)])`.

    generations: replies per prompt, GRPO's num_generations; they come next to each other.
    """

    def __init__(
        self,
        generations: int,
        *,
        alpha: float = 1.0,
        encoder: str | None = None,
        cache: Path | None = None,
    ) -> None:
        from sfr_eval.embeddings.encoder import Encoder
        from sfr_eval.util.assets import cache_folder

        if generations < 2:
            raise ValueError(f"diversity needs at least 2 generations, got {generations}")
        self.generations = generations
        self.alpha = alpha
        self.__name__ = "dqo_diversity"  # the column in TRL's log
        self._encoder = Encoder(encoder, cache or cache_folder())

    def __call__(self, completions: Sequence[Any], **_: Any) -> list[float]:
        """One number for each completion, text or messages."""
        texts = [_text(completion) for completion in completions]
        if len(texts) % self.generations:
            raise ValueError(
                f"{len(texts)} completions are no multiple of {self.generations} generations"
            )
        model = self._encoder.model  # not the cached store: these texts never come back
        spoken = [text for text in texts if text.strip()]
        rows = model.encode(spoken, normalize_embeddings=True, show_progress_bar=False)
        rewards = np.zeros(len(texts))
        place = 0
        for start in range(0, len(texts), self.generations):
            group = [i for i in range(start, start + self.generations) if texts[i].strip()]
            found = rows[place : place + len(group)]
            place += len(group)
            if len(group) > 1:
                rewards[group] = self.alpha * leave_one_out_bonus(found)
        return [float(reward) for reward in rewards]


def _text(completion: Any) -> str:
    if isinstance(completion, str):
        return completion
    return str(completion[-1]["content"]) if completion else ""
