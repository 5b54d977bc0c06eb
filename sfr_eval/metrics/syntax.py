"""Whether replies to one prompt are built alike: repetition of their parts of speech.

A model can change every word and keep the sentence: "Knead the dough and wait", "Boil the rice and
stir". Templates are sequences of part-of-speech tags that several texts have (Shaib et al.
2407.00211). The tagger is the user's (`metrics.taggers`), so the family runs only on request.
"""

from collections.abc import Sequence

import numpy as np

from sfr_eval.metrics.context import TOO_FEW, Context, metric_result
from sfr_eval.metrics.equivalence import DRAW
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.repetition import compression_ratio, compression_ratio_fixed
from sfr_eval.stats.rarefaction import absence
from sfr_eval.types import MetricResult

VERSION = "1"

METRICS = by_id(
    Metric("template_rate", "lower",
           "Share of replies that share a sequence of 5 parts of speech with one of 3 others.",
           range=(0, 1), claims=("within",)),
    Metric("pos_compression_ratio", "lower",
           "Compression ratio of the replies' parts of speech; rises with k.", claims=("within",)),
    Metric("pos_compression_ratio_fixed", "lower",
           "Compressed parts of speech of 4 replies, one by one over together.",
           range=(1, 4), claims=("within",)),
)  # fmt: skip
TEMPLATE = 5
"""Tags in a template, as in the package of the paper's authors."""


def template_rate(tags: Sequence[Sequence[str]], *, n: int = TEMPLATE) -> float | None:
    """Chance that a reply has a sequence of n tags that one of 3 other replies has, too.

    `tags` are the parts of speech of each reply; one with fewer than n of them is one sequence. For
    a reply of which s of the N = k - 1 others share a sequence, 1 - C(N - s, 3) / C(N, 3); the mean
    over replies. Range 0 to 1, lower is more varied. Unbiased for 4 replies at every k >= 4, else
    None. Rises with the length of replies. After Shaib et al. 2407.00211, whose templates are the
    most frequent sequences of a whole corpus.
    """
    if len(tags) < DRAW:
        return None
    templates = [_sequences(own, n) for own in tags]
    shared = [
        sum(not own.isdisjoint(other) for other in templates) - 1  # not with itself
        for own in templates
    ]
    return float((1 - absence(shared, len(tags) - 1, DRAW - 1)).mean())


def _sequences(tags: Sequence[str], n: int) -> set[tuple[str, ...]]:
    return {tuple(tags[i : i + n]) for i in range(max(1, len(tags) - n + 1))}


def compute(context: Context) -> list[MetricResult]:
    """Return the measures of parts of speech for each prompt; undefined without a tagger."""
    tagger = context.load_tagger()
    few = f"fewer than {DRAW} replies with text"
    reasons = dict(zip(METRICS, (few, TOO_FEW, few), strict=True))
    columns = {metric: np.full(len(context.by_prompt), np.nan) for metric in METRICS}
    signature = {**context.tokenizer.text_signature, "template": TEMPLATE}
    if isinstance(tagger, str):
        reasons, signature = dict.fromkeys(METRICS, tagger), {**signature, "tagger": "none"}
    else:
        signature["tagger"] = tagger.signature
        tags = tagger.tags(context.texts)
        for number, rows in enumerate(context.prompt_rows()):
            own = [tags[row] for row in rows]
            lines = [" ".join(reply) for reply in own]
            numbers = (
                template_rate(own),
                compression_ratio(lines) if len(lines) > 1 else None,
                compression_ratio_fixed(lines),
            )
            for column, value in zip(columns.values(), numbers, strict=True):
                column[number] = np.nan if value is None else value
    return [
        metric_result(
            METRICS[metric],
            version=VERSION,
            values=context.prompt_values(numbers.tolist(), reason=reasons[metric]),
            signature=signature,
        )
        for metric, numbers in columns.items()
    ]
