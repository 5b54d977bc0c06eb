"""What metrics are called in plain words, and each headline metric over temperature."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.metrics.headlines import headlines
from sfr_eval.metrics.table import metric_info
from sfr_eval.report.figures import Panel
from sfr_eval.store.results import SuiteResults, bounds
from sfr_eval.types import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# These two, the ink and the grid of plots.mplstyle become CSS variables in the page.
MODEL = "#0072b2"
TRUTH = "#d55e00"

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


def over_temperature(suite: SuiteResults) -> list[Panel]:
    """Each headline metric against temperature, with its interval as a band."""
    return [_sweep(suite, metric) for metric in headlines() if suite.sweep(metric)]


def _sweep(suite: SuiteResults, metric: str) -> Panel:
    sweep, truth = suite.sweep(metric), suite.truth_of(metric)

    def draw(ax: "Axes") -> None:
        temperatures = list(sweep)
        values, lows, highs = zip(*map(bounds, sweep.values()), strict=True)
        ax.fill_between(temperatures, lows, highs, color=MODEL, alpha=0.22, linewidth=0)
        ax.plot(temperatures, values, "-o", color=MODEL, label="model")
        if truth is not None:
            value, low, high = bounds(truth)
            ax.axhspan(low, high, color=TRUTH, alpha=0.16, linewidth=0)
            ax.axhline(value, color=TRUTH, linestyle="--", label="truth")
            ax.legend(loc="best")
        ax.set_title(label(metric))
        ax.set_xlabel("temperature")
        ax.set_ylabel(direction(metric) or "neither way is better")
        leave_room(ax, list(sweep.values()) + ([truth] if truth else []))

    rows = [_row(suite, "model", t, estimate) for t, estimate in sweep.items()]
    if truth is not None:
        rows.append(_row(suite, "truth", truth.temperature, truth))
    values = [f"{e.value:.3g} at T = {t:g}" for t, e in sweep.items()]
    return Panel(
        title=label(metric),
        description=f"{label(metric)}: {', '.join(values)}"
        + (f"; truth {truth.value:.3g}." if truth is not None else "."),
        rows=rows,
        draw=draw,
    )


def leave_room(ax: "Axes", estimates: Sequence[Estimate]) -> None:
    """Leave some height around numbers that are all the same, which would be drawn as a jump."""
    numbers = [number for estimate in estimates for number in bounds(estimate)]
    low, high = min(numbers), max(numbers)
    scale = max(abs(low), abs(high), 0.5)
    if high - low < 0.02 * scale:
        ax.set_ylim(low - (0.1 if low > 0 else 0.02) * scale, high + 0.1 * scale)


def inside_sentence(metric: str) -> str:
    """The label as it stands inside a sentence."""
    name = label(metric)
    return name if name[:2].isupper() else name[0].lower() + name[1:]


def _row(suite: SuiteResults, who: str, temperature: float, estimate: Estimate) -> dict[str, Any]:
    return {
        "suite": suite.id,
        "who": who,
        "metric": estimate.metric,
        "temperature": temperature,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "k": estimate.k,
    }
