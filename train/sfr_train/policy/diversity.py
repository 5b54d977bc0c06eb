"""DQO's bonus as a reward function of trl.GRPOTrainer (2509.04784): see `log_det` for the formula.

Use it beside a reward for quality, ideally one that reads the whole reply: with a rule that reads
only the answer, policies learn to answer first and then write anything.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.util.assets import cache_folder
from sfr_train.policy.groups import gather_rows, reply_text
from sfr_train.policy.log_det import bonus_of_a_copy, leave_one_out_bonus, log_det
from sfr_train.targets.text_encoder import outside_zero_init


class DiversityReward:
    """A reward function: `GRPOTrainer(reward_funcs=[quality, DiversityReward()])`.

    Replies are grouped by the prompts that TRL hands over, over all ranks. An empty reply has no
    embedding and gets no bonus, as does the only written reply of a group; with a ridge below 1 "no
    bonus" is that of a copy, which is negative. The log gets the mean of log det(L + ridge I) over
    groups as `dqo/log_det`, in any case that of all written replies.

    With `quality` only replies of a quality above 0 have a bonus and count in that of others: the
    kernel is then g_i g_j <phi_i, phi_j> with g 1 for them and 0 for the rest, the form with
    qualities of a determinantal point process (Kulesza and Taskar 1207.6083, section 3.1).
    Nonsense, which is as far from everything as a text can be, adds nothing.
    """

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        ridge: float = 1.0,
        encoder: str | None = None,
        cache: Path | None = None,
        quality: Callable[..., Sequence[float | None]] | None = None,
    ) -> None:
        """`encoder`: Hub id or folder of a sentence-transformers model; default all-MiniLM-L6-v2.
        It is loaded now, whole on every rank, even where DeepSpeed's ZeRO-3 shards the policy."""
        if not alpha >= 0:
            raise ValueError(f"alpha {alpha}: must be at least 0")
        if not ridge > 0:
            raise ValueError(f"ridge {ridge}: must be above 0")
        self.alpha, self.ridge, self._quality = alpha, ridge, quality
        self.__name__ = "dqo_diversity"  # the name of the column in TRL's log
        with outside_zero_init():
            self._model = Encoder(encoder, cache or cache_folder()).model

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> list[float]:
        """Return one number per completion, given as text or messages."""
        embeddings = self._embeddings([reply_text(c) for c in completions])
        good = np.ones((len(embeddings), 1), dtype=np.float32)
        if self._quality is not None:
            values = self._quality(prompts=prompts, completions=completions, **columns)
            good[:, 0] = [value is not None and value > 0 for value in values]
        gathered = gather_rows(prompts, np.hstack([embeddings, good]))
        rows, counted = gathered.rows[:, :-1], gathered.rows[:, -1] > 0
        least = 1 if self._quality is not None else 2
        rewards = np.zeros(len(gathered.keys))
        volumes = []
        for group in gathered.groups():
            written = group[np.any(rows[group], axis=1)]
            rewards[group] = min(0.0, bonus_of_a_copy(len(group), ridge=self.ridge))
            own = written[counted[written]]
            if len(own) >= least:
                rewards[own] = leave_one_out_bonus(rows[own], ridge=self.ridge)
            if len(written) > 1:
                volumes.append(log_det(rows[written], ridge=self.ridge))
        if log_metric is not None and volumes:
            log_metric("dqo/log_det", float(np.mean(volumes)))
        return [self.alpha * float(reward) for reward in rewards[gathered.own]]

    def _embeddings(self, texts: Sequence[str]) -> Any:
        """Return unit rows, and zeros for a text without a word."""
        written = [place for place, text in enumerate(texts) if text.strip()]
        size = self._model.get_embedding_dimension()
        rows = np.zeros((len(texts), size), dtype=np.float32)
        if written:  # without the encoder's cache: these texts never return
            rows[written] = self._model.encode(
                [texts[place] for place in written],
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        return rows


class OneReading:
    """A quality whose values of a batch are computed once, though the bonus reads them as well."""

    def __init__(self, quality: Callable[..., list[float | None]]) -> None:
        self._quality = quality
        self._batch: tuple[Any, Any] | None = None
        self._values: list[float | None] = []
        self.__name__ = getattr(quality, "__name__", "quality")  # of the column in TRL's log

    def __call__(
        self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any
    ) -> list[float | None]:
        """Return one number per completion, None where the quality cannot judge."""
        batch = (prompts, completions)
        if self._batch is None or any(a is not b for a, b in zip(self._batch, batch, strict=True)):
            self._values = self._quality(prompts=prompts, completions=completions, **columns)
            self._batch = batch
        return list(self._values)
