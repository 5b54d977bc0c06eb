"""Which metrics exist: the families that compute them, and what each id means.

A new metric is a function in its family's module and a line in METRICS. Light to import: a family's
module is loaded when it is first asked for.
"""

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from sfr_eval.types import Unit

if TYPE_CHECKING:
    pass

NEED_CHECKPOINT = frozenset({"geometry", "tokens"})
"""Families that read the replies with the checkpoint again: only where they are asked for."""

Direction = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What a metric id means. `direction` says which way is better."""

    family: str
    unit: Unit
    direction: Direction
    description: str

    @property
    def higher_is_better(self) -> bool | None:
        """The direction as results carry it; None when neither is better."""
        return None if self.direction == "neither" else self.direction == "higher"


def _per_order(name: str, info: MetricInfo) -> dict[str, MetricInfo]:
    """The same metric for n-grams of order 1 to 4."""
    return {
        name.format(n=n): replace(info, description=info.description.format(n=n))
        for n in (1, 2, 3, 4)
    }


METRICS: dict[str, MetricInfo] = {
    "length": MetricInfo("text", "prompt", "neither", "Mean number of words of a reply."),
    "duplicate_rate": MetricInfo(
        "text", "prompt", "lower", "Chance that two replies to one prompt are the same text."
    ),
    "truncation_rate": MetricInfo(
        "text", "prompt", "lower", "Share of replies that were cut at max_tokens."
    ),
    "empty_rate": MetricInfo("text", "prompt", "lower", "Share of replies without a word."),
    "modal_share": MetricInfo(
        "text", "prompt", "lower", "Share of the most frequent reply; falls as k grows."
    ),
    "unique_share": MetricInfo(
        "text", "prompt", "higher", "Different replies over all; falls as k grows."
    ),
    **_per_order(
        "distinct_{n}",
        MetricInfo(
            "lexical",
            "prompt",
            "higher",
            "Different {n}-grams over all {n}-grams of one prompt's replies; falls as k grows.",
        ),
    ),
    **_per_order(
        "distinct_{n}_rarefied",
        MetricInfo(
            "lexical",
            "prompt",
            "higher",
            "Share of different ones among 100 {n}-grams of one prompt; does not move with k.",
        ),
    ),
    **_per_order(
        "ead_{n}",
        MetricInfo(
            "lexical",
            "prompt",
            "higher",
            "Different {n}-grams over those of uniform draws (EAD); falls as k grows.",
        ),
    ),
    **_per_order(
        "self_bleu_{n}",
        MetricInfo(
            "lexical",
            "prompt",
            "lower",
            "BLEU-{n} of a reply against the other replies to its prompt; rises with k.",
        ),
    ),
    **_per_order(
        "self_bleu_{n}_fixed",
        MetricInfo(
            "lexical",
            "prompt",
            "lower",
            "BLEU-{n} of a reply against 7 others to its prompt; does not move with k.",
        ),
    ),
    **_per_order(
        "cs_self_bleu_{n}",
        MetricInfo(
            "lexical",
            "query",
            "lower",
            "BLEU-{n} of a persona's reply against the other personas' replies to its query.",
        ),
    ),
    **_per_order(
        "style_bleu_gap_{n}",
        MetricInfo(
            "lexical",
            "query",
            "higher",
            "self-BLEU-{n} within a persona less that across personas, 3 references each.",
        ),
    ),
    "rouge_l_homogenization": MetricInfo(
        "lexical", "prompt", "lower", "Mean ROUGE-L F of two replies to one prompt."
    ),
    "compression_ratio": MetricInfo(
        "lexical", "prompt", "lower", "Bytes over gzipped bytes of one prompt's replies; rises."
    ),
    "compression_ratio_fixed": MetricInfo(
        "lexical", "prompt", "lower", "The same for 1,024 bytes; does not move with k."
    ),
    "self_repetition": MetricInfo(
        "lexical", "prompt", "lower", "Log of 4-grams shared with other replies; rises with k."
    ),
    "self_repetition_rate": MetricInfo(
        "lexical", "prompt", "lower", "Share of a reply's 4-grams that another has; rises with k."
    ),
    "embed_distance": MetricInfo(
        "semantic", "prompt", "higher", "Mean cosine distance between two replies to one prompt."
    ),
    "vendi_q1": MetricInfo(
        "semantic", "prompt", "higher", "Effective number of different replies; rises with k."
    ),
    "vendi_q2": MetricInfo(
        "semantic", "prompt", "higher", "The same of order 2, from pairs; stable from k = 16."
    ),
    "mean_squared_kernel": MetricInfo(
        "semantic", "prompt", "lower", "Mean squared cosine of two replies to one prompt."
    ),
    "dpp_logdet": MetricInfo(
        "semantic", "prompt", "higher", "log det(K + I) of the cosines, as in DQO; rises with k."
    ),
    "distinct_k": MetricInfo(
        "semantic", "prompt", "higher", "Expected number of meanings among 4 replies to a prompt."
    ),
    "cross_style_energy": MetricInfo(
        "semantic", "query", "higher", "Energy distance between the personas' replies to a query."
    ),
    "style_information": MetricInfo(
        "style", "prompt", "higher", "Bits about the asked persona that the probe finds in a reply."
    ),
    "style_strength": MetricInfo(
        "style", "prompt", "higher", "Mean probability that the probe gives the asked persona."
    ),
    "style_accuracy": MetricInfo(
        "style", "prompt", "higher", "Share of replies that the probe takes for the asked persona."
    ),
    "coverage": MetricInfo(
        "population",
        "query",
        "higher",
        "Share of the labelled replies' neighbourhoods that one reply of each persona reaches.",
    ),
    "uniformity": MetricInfo(
        "population",
        "query",
        "higher",
        "Chance that two personas' replies are nearest to different labelled replies.",
    ),
    "complexity": MetricInfo(
        "population",
        "query",
        "higher",
        "Number of directions in which all personas' replies to a query spread.",
    ),
    "oracle_well_formed": MetricInfo(
        "quality", "sample", "higher", "Can the world's grammar say this text at all?"
    ),
    "oracle_topic": MetricInfo("quality", "sample", "higher", "Is the reply about the topic?"),
    "oracle_intent": MetricInfo(
        "quality", "sample", "higher", "Does the reply answer what was asked about the topic?"
    ),
    "oracle_valid": MetricInfo(
        "quality", "sample", "higher", "Well formed, on topic and to the intent, all three."
    ),
    "oracle_styled": MetricInfo(
        "quality", "sample", "higher", "Valid, and most probable under the asked persona."
    ),
    "distinct_valid": MetricInfo(
        "quality", "prompt", "higher", "Number of different valid replies among the k of a prompt."
    ),
    "valid_self_bleu_4": MetricInfo(
        "gated", "prompt", "lower", "self-BLEU-4 of the replies that pass the gate, 3 references."
    ),
    "valid_embed_distance": MetricInfo(
        "gated", "prompt", "higher", "embed_distance of the replies that pass the gate."
    ),
    "valid_vendi_q2": MetricInfo(
        "gated", "prompt", "higher", "vendi_q2 of the replies that pass the gate."
    ),
    "valid_distinct_k": MetricInfo(
        "gated", "prompt", "higher", "Expected meanings that pass the gate among 4 replies."
    ),
    "pass_at_k": MetricInfo(
        "code", "prompt", "higher", "Chance that one of k programs passes all tests."
    ),
    "distinct_correct_at_k": MetricInfo(
        "code", "prompt", "higher", "Different correct programs (normalised syntax tree) among k."
    ),
    "distinct_behaviour_at_k": MetricInfo(
        "code",
        "prompt",
        "higher",
        "Correct programs among k that answer differently on inputs near to those of the tests.",
    ),
    "time_limit_rate": MetricInfo(
        "code", "prompt", "lower", "Share of graded programs that ran into the time limit."
    ),
    "near_limit_rate": MetricInfo(
        "code", "prompt", "lower", "Share of graded programs that ended within 20% of the limit."
    ),
    "runtime_error_rate": MetricInfo(
        "code", "prompt", "lower", "Share of graded programs that ended in an error."
    ),
    "no_code_rate": MetricInfo("code", "prompt", "lower", "Share of answers that hold no program."),
    "mode_difference_rate": MetricInfo(
        "code", "prompt", "lower", "Share of programs whose verdict the other verdict mode turns."
    ),
    "grader_flip_rate": MetricInfo(
        "code", "prompt", "lower", "Share of programs graded twice whose verdict changed."
    ),
    "hidden_participation_ratio": MetricInfo(
        "geometry", "query", "higher", "Directions that the hidden states of a query's replies use."
    ),
    "hidden_effective_rank": MetricInfo(
        "geometry", "query", "higher", "Effective rank of the hidden states of eight replies."
    ),
    "hidden_persona_share": MetricInfo(
        "geometry", "query", "higher", "Share of hidden-state variance that lies between personas."
    ),
    "hidden_persona_cosine": MetricInfo(
        "geometry", "query", "lower", "Mean cosine of two personas' centred hidden states."
    ),
    "hidden_base_cka": MetricInfo(
        "geometry", "query", "neither", "Debiased CKA of hidden states with the base checkpoint's."
    ),
    "prompt_effective_rank": MetricInfo(
        "geometry", "query", "higher", "Effective rank of eight personas at the last prompt token."
    ),
    "prompt_persona_cosine": MetricInfo(
        "geometry",
        "query",
        "lower",
        "Mean cosine of two personas at the last prompt token, centred.",
    ),
    "prompt_base_cka": MetricInfo(
        "geometry", "query", "neither", "Debiased CKA with the base at the last prompt token."
    ),
    "reread_persona_share": MetricInfo(
        "geometry", "query", "higher", "Variance share between personas, card left out on reading."
    ),
    "reread_persona_cosine": MetricInfo(
        "geometry", "query", "lower", "Mean cosine of two personas, card left out on reading."
    ),
    "token_entropy": MetricInfo(
        "tokens", "sample", "neither", "Mean entropy of the next token along a reply, nats."
    ),
    "fork_entropy": MetricInfo(
        "tokens", "sample", "higher", "The same where the base sees several ways to go on."
    ),
    "lock_entropy": MetricInfo(
        "tokens", "sample", "lower", "The same where the base sees one way to go on."
    ),
    "token_logprob": MetricInfo(
        "tokens", "sample", "neither", "Mean log-probability of a reply's tokens, nats."
    ),
    "fork_logprob": MetricInfo("tokens", "sample", "neither", "The same at forks."),
    "lock_logprob": MetricInfo("tokens", "sample", "neither", "The same at locks."),
    **{
        f"judge_{axis}{suffix}": MetricInfo("judge", "sample", "higher", f"{what} {how}")
        for axis, what in (
            ("ctx", "Does the reply stay with the subject of the conversation?"),
            ("rel", "Does the reply answer what was asked?"),
            ("flu", "Is the reply well-formed language?"),
            ("style", "Does the reply sound like the persona that was asked for?"),
        )
        for suffix, how in (
            ("", "Mean score of LLM judges, 1 to 5."),
            ("_good", "Share of replies that judges give 4 or 5."),
            ("_good_corrected", "That share, corrected for the judge's measured errors."),
        )
    },
}

_ACROSS = (
    "distinct_2_rarefied",
    "self_bleu_4",
    "self_bleu_4_fixed",
    "rouge_l_homogenization",
    "compression_ratio_fixed",
    "embed_distance",
    "vendi_q1",
    "vendi_q2",
    "distinct_k",
)
METRICS |= {
    f"across_{metric}": replace(
        METRICS[metric],
        family="across",
        unit="set",
        description=f"{metric} of a set of one reply each to several queries, of one persona.",
    )
    for metric in _ACROSS
}


def metric_info(metric: str) -> MetricInfo | None:
    """What an id means; None for no metric. pass_at_5 stands in the table as pass_at_k."""
    return METRICS.get(metric) or METRICS.get(re.sub(r"_at_\d+$", "_at_k", metric))


def shown_ks(n: int) -> list[int]:
    """The k of pass@k that tables show: 1, 2, 5, 10, 20, 50, 100 and n itself."""
    return sorted({k for k in (1, 2, 5, 10, 20, 50, 100) if k < n} | {max(1, n)})


def shown_metrics(metrics: set[str]) -> list[str]:
    """Of these metrics those that a table shows, in its order."""
    from sfr_eval.metrics.headlines import headlines

    return [
        metric for metric in dict.fromkeys((*_at_k(metrics), *headlines())) if metric in metrics
    ]


def _at_k(metrics: set[str]) -> list[str]:
    """Of the metrics that have a value for each k, those that a table shows."""

    shown = []
    for name in ("pass_at", "distinct_correct_at", "distinct_behaviour_at"):
        ks = [int(m.removeprefix(f"{name}_")) for m in metrics if m.startswith(f"{name}_")]
        shown += (
            [f"{name}_{k}" for k in shown_ks(max(ks)) if k > 1 or name == "pass_at"] if ks else []
        )
    return shown


LABELS = {
    "pass_at_1": "pass@1",
    "time_limit_rate": "Time limit",
    "runtime_error_rate": "Runtime error",
    "no_code_rate": "Answers without code",
    "style_strength": "Style strength",
    "style_accuracy": "Style accuracy",
    "oracle_valid": "Valid replies",
    "coverage": "Coverage by the personas",
    "distinct_valid": "Different valid replies",
    "oracle_styled": "Valid and in style",
    "style_bleu_gap_4": "Style gap in BLEU-4",
    "valid_embed_distance": "Distance of valid replies",
    "self_bleu_4_fixed": "Self-BLEU-4, 7 references",
    "distinct_2_rarefied": "Distinct-2, rarefied",
    "rouge_l_homogenization": "ROUGE-L of two replies",
    "grader_flip_rate": "Verdicts that flip",
    "mode_difference_rate": "Verdict depends on mode",
    "cs_self_bleu_4": "Cross-style self-BLEU-4",
    "self_bleu_4": "Self-BLEU-4",
    "distinct_2": "Distinct-2",
    "embed_distance": "Distance in meaning",
    "duplicate_rate": "Duplicate rate",
    "length": "Length in words",
    "truncation_rate": "Truncation rate",
    "hidden_participation_ratio": "Directions in use (replies)",
    "hidden_effective_rank": "Effective rank of 8 replies",
    "hidden_persona_share": "Variance between personas (replies)",
    "hidden_persona_cosine": "Cosine across personas (replies)",
    "hidden_base_cka": "CKA with the base (replies)",
    "prompt_effective_rank": "Effective rank of 8 personas (prompts)",
    "prompt_persona_cosine": "Cosine across personas (prompts)",
    "prompt_base_cka": "CKA with the base (prompts)",
    "reread_persona_share": "Variance between personas (text)",
    "reread_persona_cosine": "Cosine across personas (text)",
    "token_entropy": "Entropy of the next token",
    "fork_entropy": "Entropy at forks",
    "lock_entropy": "Entropy at locks",
    "token_logprob": "Log-probability of a token",
    "judge_ctx": "Judged Ctx",
    "judge_rel": "Judged Rel",
    "judge_flu": "Judged Flu",
    "judge_style": "Judged style",
}


def label(metric: str) -> str:
    """Name of a metric in plain words; its id where there is none."""
    return LABELS.get(metric, metric)


def direction(metric: str) -> str:
    """`higher is better`, `lower is better`, or "" where neither is."""
    info = metric_info(metric)
    return f"{info.direction} is better" if info and info.direction != "neither" else ""


def inside_sentence(metric: str) -> str:
    """The label as it stands inside a sentence."""
    name = label(metric)
    return name if name[:2].isupper() else name[0].lower() + name[1:]
