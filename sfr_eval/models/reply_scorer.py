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
from sfr_eval.models.token_head import LOGITS, Decoded, TokenHead
from sfr_eval.settings import EngineSettings
from sfr_eval.suites.teacher.reply import ReplyScore, ReplyText
from sfr_eval.types import Message

if TYPE_CHECKING:
    import torch

__all__ = ["ReplyScore", "ReplyScorer", "ReplyText", "scoring_dtype"]

TOKENS = {"cpu": 2**12, "cuda": 2**13}
"""Tokens in a batch, those of the prompt counted for each reply, since their keys are repeated."""


class ReplyScorer:
    """A loaded model that scores replies."""

    def __init__(
        self, checkpoint: Checkpoint, *, prompter: Prompter, serving: EngineSettings
    ) -> None:
        import torch

        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        model: Any = load_model(
            checkpoint,
            dtype=scoring_dtype(serving),
            trust_remote_code=serving.trust_remote_code,
        )
        model = model.to(self._device).eval()
        self._head = TokenHead(model, device=self._device)
        self._vocabulary = int(model.config.get_text_config().vocab_size)
        self._name, self._prompter = checkpoint.name, prompter
        self._ends = end_ids(model, prompter.tokenizer)
        self._window = window_of(model.config) or 2**31

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
        start = self._head.run(torch.tensor([ids], device=self._device), use_cache=True)
        for rows in self._batches(tokens, prompt=len(ids)):
            states = self._states(start, [tokens[row] for row in rows])
            ended = [replies[row].ended for row in rows]
            scores = self._scores(states, [tokens[row] for row in rows], ended, temperatures)
            yield dict(zip(rows, scores, strict=True))

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

    def _batches(self, tokens: Sequence[Sequence[int]], *, prompt: int) -> Iterator[list[int]]:
        """Yield rows of similar lengths, as many as `TOKENS` allows; at least one."""
        most = TOKENS[self._device]
        if not self._head.in_parts:
            most = min(most, 4 * LOGITS[self._device] // self._vocabulary)
        batch: list[int] = []
        for row in sorted(range(len(tokens)), key=lambda row: len(tokens[row])):
            size = (len(batch) + 1) * (prompt + len(tokens[row]))
            if batch and size > most:
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    def _states(self, start: Decoded, tokens: Sequence[Sequence[int]]) -> "torch.Tensor":
        """Return the states before and after each token of the replies, shape (replies, longest +
        1, ...). The prompt was read once: its keys and values are repeated. Padded on the right,
        where causal attention never looks."""
        import torch

        first = start.last[:, -1:].expand(len(tokens), -1, -1)
        width = max(map(len, tokens))
        if width == 0:
            return first
        cache = copy.deepcopy(start.cache)  # which the model extends in place
        cache.batch_repeat_interleave(len(tokens))
        padded = torch.tensor(
            [[*row, *[0] * (width - len(row))] for row in tokens], device=self._device
        )
        rest = self._head.run(padded, past_key_values=cache, use_cache=True)
        return torch.cat([first, rest.last], dim=1)

    def _scores(
        self,
        states: "torch.Tensor",
        tokens: Sequence[Sequence[int]],
        ended: Sequence[bool],
        temperatures: Sequence[float],
    ) -> list[tuple[ReplyScore, ...]]:
        """Return the scores of each reply of a batch. Sums are in float64, since they have hundreds
        of terms."""
        import torch

        counts = [len(row) + end for row, end in zip(tokens, ended, strict=True)]
        places = torch.arange(states.shape[1], device=self._device)
        before = states[places < torch.tensor(counts, device=self._device)[:, None]]
        # The end of a turn is any of several tokens, which -1 stands for.
        drawn = torch.tensor(
            [
                token
                for row, end in zip(tokens, ended, strict=True)
                for token in (*row, *([-1] if end else ()))
            ],
            device=self._device,
            dtype=torch.long,
        )
        logs = torch.zeros((len(temperatures), len(drawn)), dtype=torch.float64)
        place = 0
        for part in self._head.logits(before, vocabulary=self._vocabulary):
            here = slice(place, place + len(part))
            for number, temperature in enumerate(temperatures):
                logs[number, here] = self._log_probabilities(part / temperature, drawn[here]).cpu()
            place = here.stop
        sums = [part.sum(dim=1).tolist() for part in logs.split(counts, dim=1)]
        return [
            tuple(ReplyScore(log_prob=total, tokens=count) for total in of_reply)
            for of_reply, count in zip(sums, counts, strict=True)
        ]

    def _log_probabilities(self, logits: "torch.Tensor", drawn: "torch.Tensor") -> "torch.Tensor":
        """Return the log-probability of each drawn token, in float64."""
        import torch

        own = logits.gather(1, drawn.clamp(min=0)[:, None])[:, 0].double()
        end = logits[:, self._ends].double().logsumexp(dim=1)
        return torch.where(drawn < 0, end, own) - logits.logsumexp(dim=-1).double()


def scoring_dtype(serving: EngineSettings) -> str:
    """Return the dtype in which replies are scored: float32 unless --dtype says otherwise, also on
    a GPU, since the scores of two models are subtracted."""
    return "float32" if serving.dtype == "auto" else serving.dtype
