"""What a metric may use: the samples of one suite, the suite itself, and the encoder.

Only replies with text (status ok or truncated) take part in measures of a set. Errors and refusals
are counted in the results and never become text. A prompt that lost too many replies to them is
undefined, with the reason.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_eval.errors import UserError
from sfr_eval.metrics.meanings import CosineCut, Equivalence
from sfr_eval.metrics.metric import Metric
from sfr_eval.metrics.normal_text import normal_text
from sfr_eval.metrics.taggers import Tagger, load_tagger
from sfr_eval.metrics.tokenizers import Tokenizer, load_tokenizer
from sfr_eval.models.hidden_states import NO_CHECKPOINT
from sfr_eval.types import Cell, MetricResult, Sample, Value
from sfr_eval.util.workers import Here, Workers

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from sfr_eval.embeddings.encoder import Encoder
    from sfr_eval.grading.verdicts import Grading
    from sfr_eval.judges.votes import Judged
    from sfr_eval.models.hidden_states import Forward
    from sfr_eval.models.reward_model import RewardModel
    from sfr_eval.models.states_on_disk import Readings
    from sfr_eval.store.given import Given
    from sfr_eval.suites.references import References
    from sfr_eval.suites.suite import Suite
    from sfr_eval.suites.teacher.reference import TeacherReference

QueryKey = tuple[float, str]
"""(temperature, query)"""

TOO_FEW = "fewer than 2 replies with text"
NO_TEXT = "no reply with text"


@dataclass(frozen=True, kw_only=True)
class Context:
    """The samples of exactly one suite, and what can be known about them; loaded on first use."""

    samples: Sequence[Sample]  # answers without thinking, in plan order, errors and refusals too
    suite: "Suite"
    encoder: "Encoder"
    speaks_world: bool = False  # the model was trained on the benchmark's grammar, which can judge
    style_data: Path | None = None
    tokenizer: Tokenizer = field(default_factory=load_tokenizer)
    equivalence: Equivalence = field(default_factory=CosineCut)  # which replies say the same
    load_tagger: Callable[[], Tagger | str] = field(default=load_tagger)  # or why there is none
    grading: "Grading | None" = None  # verdicts on the answers, for code suites
    forward: "Forward | None" = None  # the checkpoint, for families that read its hidden states
    judged: "Judged | None" = None  # the judges' votes on these samples
    reward: "RewardModel | None" = None  # of --reward-model
    references: "References | None" = None  # reference replies to the prompts
    teacher: "TeacherReference | None" = None  # the model that is the reference distribution
    given: Mapping[str, "Given"] = field(default_factory=dict)  # what the imported file said of it
    thoughts: Mapping[str, str] = field(default_factory=dict)
    """sample_id -> the text before the answer, which the checkpoint read when it wrote on."""
    workers: Workers = field(default_factory=Here)  # measure parts of the run
    jackknife: bool = False  # compute standard errors within prompts, where a family has them
    permutations: int | None = None  # per permutation test; None: the test's default, 0: no test
    fitted: dict[str, Any] = field(default_factory=dict)
    """What is fitted once per suite, for its run and its reference alike (the style probe)."""

    def part(self, text: str) -> str:
        """Return what measures of words and meaning read of a text: its normal form, up to the end
        of the window's last token. Without a common window, long replies would look more alike
        than short ones. Facts, judges, oracle, code and geometry read the whole reply."""
        return self.tokenizer.cut(text)

    @cached_property
    def texts(self) -> list[str]:
        """The `part` of each of `replies`."""
        return [self.part(reply.text) for reply in self.replies]

    @cached_property
    def window_notes(self) -> dict[str, Any]:
        """The share of replies that are shorter than the window, and the share of all characters
        that are beyond it; nothing without a window."""
        if self.tokenizer.window is None:
            return {}
        counts = Counter(self.texts)
        shorter = sum(n for text, n in counts.items() if self.tokenizer.is_short(text))
        characters = sum(len(normal_text(reply.text)) for reply in self.replies)
        read = sum(map(len, self.texts))
        return {
            "shorter_than_window": shorter / counts.total() if counts else None,
            "beyond_window": 1 - read / characters if characters else None,
        }

    def embeddings(self, texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        """Return unit-length embeddings of the `part` of each text, float32, shape (len(texts), d);
        cached on disk."""
        return self.encoder.encode([self.part(text) for text in texts])

    @property
    def encoder_signature(self) -> Mapping[str, Any]:
        """The name, fingerprint and window of the encoder, and which part of a text it reads."""
        return {**self.encoder.signature, **self.tokenizer.text_signature}

    @cached_property
    def replies(self) -> list[Sample]:
        """The samples with text, grouped by prompt."""
        return [reply for replies in self.by_prompt.values() for reply in replies]

    @cached_property
    def reply_embeddings(self) -> "npt.NDArray[np.float32]":
        """Row i belongs to `replies[i]`. Raises UserError if an embedding is not finite."""
        rows = self.encoder.encode(self.texts)
        self._refuse_nan(rows, first=0)
        return rows

    @cached_property
    def readable(self) -> "npt.NDArray[np.bool_]":
        """Which of `replies` the encoder can read; measures of sets leave the others out, like
        errors. See `Encoder.readable`."""
        return self.encoder.readable(self.texts)

    def reply_embedding_blocks(self) -> "Iterator[npt.NDArray[np.float32]]":
        """Yield `reply_embeddings` in blocks of rows, since a million rows are 1.5 GB."""
        if "reply_embeddings" in self.__dict__:  # computed already
            yield self.reply_embeddings
            return
        first = 0
        for rows in self.encoder.encode_in_blocks(self.texts):
            self._refuse_nan(rows, first=first)
            first += len(rows)
            yield rows

    def _refuse_nan(self, rows: "npt.NDArray[np.float32]", *, first: int) -> None:
        import numpy as np

        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(bad):
            reply = self.replies[first + int(bad[0])]
            raise UserError(
                f"encoder {self.encoder_signature.get('encoder')}: the embedding of sample "
                f"{reply.sample_id} (query {reply.query}, persona {reply.persona or '-'}) is not "
                f"finite, and {len(bad) - 1} more; use another --encoder"
            )

    def prompt_rows(self) -> "list[npt.NDArray[np.intp]]":
        """Return the rows of `replies` and `reply_embeddings` for each prompt of `by_prompt`."""
        import numpy as np

        sizes = [len(replies) for replies in self.by_prompt.values()]
        return np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]) if sizes else []

    def prompt_embeddings(self) -> "dict[Cell, npt.NDArray[np.float32]]":
        """Return the rows of `reply_embeddings` that belong to each prompt."""
        import numpy as np

        ends = np.cumsum([len(replies) for replies in self.by_prompt.values()], dtype=np.intp)
        # Views, not copies; the last part is empty.
        parts = np.split(self.reply_embeddings, ends)
        return dict(zip(self.by_prompt, parts, strict=False))

    @cached_property
    def readings(self) -> "Readings":
        """What the checkpoint, and its base, computed on each of `replies`."""
        if self.forward is None:
            raise UserError(NO_CHECKPOINT)
        return self.forward.over(self.suite, self.replies, thoughts=self.thoughts)

    @cached_property
    def by_prompt(self) -> dict[Cell, list[Sample]]:
        """Every prompt with its replies that have text; the list may be empty."""
        prompts: dict[Cell, list[Sample]] = {}
        for sample in self.samples:
            replies = prompts.setdefault(sample.cell, [])
            if sample.has_text:
                replies.append(sample)
        return prompts

    @cached_property
    def by_query(self) -> dict[QueryKey, dict[str, list[Sample]]]:
        """Every query with the replies of each persona."""
        queries: dict[QueryKey, dict[str, list[Sample]]] = {}
        for (temperature, query, persona), replies in self.by_prompt.items():
            queries.setdefault((temperature, query), {})[persona] = replies
        return queries

    def prompt_value(self, key: Cell, number: float | None, *, reason: str) -> Value:
        """Make the value of one prompt; `reason` is used only if it is undefined."""
        temperature, query, persona = key
        return Value(
            suite=self.suite.id,
            temperature=temperature,
            query=query,
            persona=persona,
            value=number,
            reason=reason if number is None else "",
        )

    def query_value(self, key: QueryKey, number: float | None, *, reason: str) -> Value:
        """Make the value of one query, all personas together."""
        return self.prompt_value((*key, ""), number, reason=reason)

    def prompt_values(self, numbers: Iterable[float], *, reason: str) -> list[Value]:
        """Make the values of all prompts, given their numbers in order; NaN is undefined."""
        return [
            self.prompt_value(key, None if math.isnan(number) else number, reason=reason)
            for key, number in zip(self.by_prompt, numbers, strict=True)
        ]

    def query_values(self, numbers: Mapping[Any, float], *, reason: str) -> list[Value]:
        """Make the values of all queries; those without a number are undefined."""
        return [self.query_value(key, numbers.get(key), reason=reason) for key in self.by_query]

    def per_prompt(
        self, measure: Callable[[list[Sample]], float | None], *, reason: str
    ) -> list[Value]:
        """Apply a measure to the replies of each prompt; `reason` says why it may be None."""
        return [
            self.prompt_value(key, measure(replies), reason=reason)
            for key, replies in self.by_prompt.items()
        ]


def sample_value(reply: Sample, number: float | None, *, reason: str = "") -> Value:
    """Make the value of one reply; `reason` is kept only if the value is undefined."""
    return Value(
        suite=reply.suite,
        temperature=reply.temperature,
        query=reply.query,
        persona=reply.persona,
        sample_id=reply.sample_id,
        value=number,
        reason=reason if number is None else "",
    )


def metric_result(
    metric: Metric,
    *,
    version: str,
    values: Sequence[Value],
    signature: Mapping[str, Any],
    notes: Mapping[str, Any] | None = None,
    ceiling: float | None = None,
) -> MetricResult:
    """Make a result of this metric, with the unit and direction of its entry."""
    return MetricResult(
        metric=metric.id,
        version=version,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        signature=signature,
        values=values,
        notes=notes or {},
        range=metric.range,
        outcomes=metric.outcomes,
        ceiling=ceiling,
    )
