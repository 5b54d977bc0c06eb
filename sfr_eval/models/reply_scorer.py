"""Exact log-probabilities of replies under a causal language model, given the prompt.

The model reads the tokens that its tokenizer gives to a reply, and is asked for each how probable
it was. A reply that ended by itself also has the probability of ending: of any of the tokens that
end a turn, together. One that was cut off has not, so what is scored is the distribution over the
first tokens, which is a distribution too.

A text may have other tokenizations, which a model can draw. Their mass is missing here, so the
log-probability of the text is at least what is returned.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.errors import UserError
from sfr_eval.models.architecture import window_of
from sfr_eval.models.checkpoint import Checkpoint
from sfr_eval.models.loading import end_ids, load_model
from sfr_eval.models.prompting import Prompter
from sfr_eval.settings import EngineSettings
from sfr_eval.suites.teacher.reply import ReplyScore, ReplyText
from sfr_eval.types import Message

if TYPE_CHECKING:
    import torch

__all__ = ["ReplyScore", "ReplyScorer", "ReplyText", "scoring_dtype"]

LOGITS = {"cpu": 2**24, "cuda": 2**29}
"""Logits in a batch. CPU seconds for 36 replies of 48 tokens of a 135M model with 49,152 entries:
the same within noise from 2**23 to 2**25."""


class ReplyScorer:
    """A loaded model that scores replies."""

    def __init__(
        self, checkpoint: Checkpoint, *, prompter: Prompter, serving: EngineSettings
    ) -> None:
        import torch

        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model: Any = load_model(
            checkpoint,
            dtype=scoring_dtype(serving),
            trust_remote_code=serving.trust_remote_code,
        )
        self._model.to(self._device).eval()
        self._name, self._prompter = checkpoint.name, prompter
        self._ends = end_ids(self._model, prompter.tokenizer)
        self._window = window_of(self._model.config) or 2**31

    def score(
        self,
        prompt: tuple[Message, ...],
        replies: Sequence[ReplyText],
        *,
        temperatures: Sequence[float] = (1.0,),
    ) -> list[tuple[ReplyScore, ...]]:
        """Return the scores of the replies to one prompt, at each temperature, over the whole
        vocabulary. Raises UserError for a temperature of 0, where most replies are impossible, or
        beyond the window."""
        scores: list[tuple[ReplyScore, ...]] = [()] * len(replies)
        for batch in self.batches(prompt, replies, temperatures=temperatures):
            for row, of_reply in batch.items():
                scores[row] = of_reply
        return scores

    def batches(
        self,
        prompt: tuple[Message, ...],
        replies: Sequence[ReplyText],
        *,
        temperatures: Sequence[float],
    ) -> Iterator[dict[int, tuple[ReplyScore, ...]]]:
        """Yield row -> scores for each batch as it is read, the shortest replies first. The rest
        is as for `score`."""
        import torch

        if not all(temperature > 0 for temperature in temperatures):
            raise UserError("temperature 0: greedy decoding has no log-probabilities to compare")
        ids = self._prompter.token_ids(prompt)
        tokens = self._tokens(replies)
        longest = len(ids) + max(map(len, tokens), default=0)
        if longest > self._window:
            raise UserError(
                f"--model {self._name}: a prompt with its reply has {longest:,} tokens, its window "
                f"is {self._window:,}"
            )
        with torch.inference_mode():
            start = self._model(
                input_ids=torch.tensor([ids], device=self._device), use_cache=True, return_dict=True
            )
        first = start.logits[0, -1]
        for rows in self._batches(tokens, vocabulary=len(first)):
            with torch.inference_mode():
                rest = self._continued(start, [tokens[row] for row in rows])
                scores = {
                    row: self._scores(
                        first,
                        None if rest is None else rest[place],
                        tokens[row],
                        replies[row].ended,
                        temperatures,
                    )
                    for place, row in enumerate(rows)
                }
            yield scores

    def _tokens(self, replies: Sequence[ReplyText]) -> list[list[int]]:
        """Return the tokens of each text. The name of a special token in a text is text: tokens
        that a model draws as special ones are not in the text of its reply."""
        if not any(reply.text for reply in replies):
            return [[] for _ in replies]
        encoding = self._prompter.tokenizer(
            [reply.text for reply in replies],
            add_special_tokens=False,
            split_special_tokens=True,
            verbose=False,
        )
        ids: list[list[int]] = encoding["input_ids"]
        return ids

    def _batches(self, tokens: Sequence[Sequence[int]], *, vocabulary: int) -> Iterator[list[int]]:
        """Yield rows of similar lengths, as many as `LOGITS` allows; at least one."""
        batch: list[int] = []
        for row in sorted(range(len(tokens)), key=lambda row: len(tokens[row])):
            size = (len(batch) + 1) * (len(tokens[row]) + 1) * vocabulary
            if batch and size > LOGITS[self._device]:
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    def _continued(self, start: Any, tokens: Sequence[Sequence[int]]) -> "torch.Tensor | None":
        """Return the logits after each token of the replies, shape (replies, longest, vocabulary);
        None without a token. The prompt was read once: its keys and values are repeated. Padded on
        the right, where causal attention never looks."""
        import torch

        width = max(map(len, tokens))
        if width == 0:
            return None
        cache = copy.deepcopy(start.past_key_values)  # which the model extends in place
        cache.batch_repeat_interleave(len(tokens))
        padded = [[*row, *[0] * (width - len(row))] for row in tokens]
        logits: torch.Tensor = self._model(
            input_ids=torch.tensor(padded, device=self._device),
            past_key_values=cache,
            use_cache=True,
            return_dict=True,
        ).logits
        return logits

    def _scores(
        self,
        first: "torch.Tensor",
        rest: "torch.Tensor | None",
        tokens: Sequence[int],
        ended: bool,
        temperatures: Sequence[float],
    ) -> tuple[ReplyScore, ...]:
        """Return the scores of one reply. `first` are the logits before its first token, `rest`
        those after each. Sums are in float64, since they have hundreds of terms."""
        import torch

        count = len(tokens) + ended
        if not count:  # cut before its first token
            return (ReplyScore(log_prob=0.0, tokens=0),) * len(temperatures)
        parts = [first[None]] if rest is None else [first[None], rest[: count - 1]]
        drawn = torch.tensor(tokens, device=self._device, dtype=torch.long)
        scores = []
        for temperature in temperatures:
            total = 0.0
            place = 0
            for part in parts:
                logits = part.float() if temperature == 1 else part.float() / temperature
                mass = logits.logsumexp(dim=-1).double()
                here = drawn[place : place + len(part)]
                total += float(logits[: len(here)].gather(1, here[:, None]).double().sum())
                if ended and len(here) < len(part):
                    total += float(logits[-1, self._ends].double().logsumexp(dim=0))
                total -= float(mass.sum())
                place += len(part)
            scores.append(ReplyScore(log_prob=total, tokens=count))
        return tuple(scores)


def scoring_dtype(serving: EngineSettings) -> str:
    """Return the dtype in which replies are scored: float32 unless --dtype says otherwise, also on
    a GPU, since the scores of two models are subtracted."""
    return "float32" if serving.dtype == "auto" else serving.dtype
