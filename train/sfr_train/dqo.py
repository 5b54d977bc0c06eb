"""DQO's diversity bonus as a reward function for trl.GRPOTrainer (2509.04784).

For the k replies of one prompt, L_ij = <phi_i, phi_j> with unit embeddings phi:

    bonus_i = alpha log( det(L + I_k) / det(L_without_i + I_{k-1}) )

the regularized leave-one-out form. It lies in alpha [log(1 + 1/k), log 2], low for a copy and high
for a reply orthogonal to all others; det(L + I) >= 1, so it is never minus infinity. Use it beside
a reward for quality, ideally a reward model: with a rule that reads only the answer, policies learn
to answer first and then write anything. An empty reply has no embedding and gets no bonus.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.util.assets import cache_folder

Floats = npt.NDArray[np.float64]


def leave_one_out_bonus(embeddings: Any) -> Floats:
    """(k, d) unit rows -> (k,), natural logarithms."""
    rows = np.asarray(embeddings, dtype=np.float64)
    gram = rows @ rows.T + np.eye(len(rows))
    log_det = np.linalg.slogdet(gram).logabsdet
    # det(A without row and column i) = det(A) (A^-1)_ii, so one inverse gives all bonuses.
    log_det_without = log_det + np.log(np.diag(np.linalg.inv(gram)))
    return np.asarray(log_det - log_det_without)


class DiversityReward:
    """A reward function: `GRPOTrainer(reward_funcs=[quality, DiversityReward(8)])`.

    generations: replies per prompt, GRPO's num_generations, which arrive next to each other.
    """

    def __init__(
        self,
        generations: int,
        *,
        alpha: float = 1.0,
        encoder: str | None = None,
        cache: Path | None = None,
    ) -> None:
        if generations < 2:
            raise ValueError(f"diversity needs at least 2 generations, got {generations}")
        self.generations = generations
        self.alpha = alpha
        self.__name__ = "dqo_diversity"  # the name of the column in TRL's log
        self._encoder = Encoder(encoder, cache or cache_folder())

    def __call__(self, completions: Sequence[Any], **_: Any) -> list[float]:
        """Return one number per completion, given as text or messages."""
        texts = [_text(completion) for completion in completions]
        if len(texts) % self.generations:
            raise ValueError(
                f"{len(texts)} completions cannot be divided into groups of {self.generations}"
            )
        model = self._encoder.model  # without the cache: these texts never return
        written = np.array([i for i, text in enumerate(texts) if text.strip()], dtype=np.int64)
        replies = [texts[i] for i in written]
        rows = model.encode(replies, normalize_embeddings=True, show_progress_bar=False)
        rewards = np.zeros(len(texts))
        for prompt in np.unique(written // self.generations):
            group = written // self.generations == prompt
            if group.sum() > 1:
                rewards[written[group]] = self.alpha * leave_one_out_bonus(rows[group])
        return [float(reward) for reward in rewards]


def _text(completion: Any) -> str:
    if isinstance(completion, str):
        return completion
    return str(completion[-1]["content"]) if completion else ""
