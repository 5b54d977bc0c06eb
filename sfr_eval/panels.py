"""The curves of a report: quality against diversity, and each metric over temperature."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.metrics.table import METRICS, metric_info
from sfr_eval.plots import Panel
from sfr_eval.results import OWN_TEMPERATURE, SuiteResults, bounds, nearest
from sfr_eval.types import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# These two, the ink and the grid of plots.mplstyle become CSS variables in the page.
MODEL = "#0072b2"
TRUTH = "#d55e00"

TRADE_OFFS = (
    ("oracle_valid", ("distinct_valid", "embed_distance")),
    ("style_strength", ("embed_distance",)),
    ("style_strength", ("cs_self_bleu_4",)),
    ("style_strength", ("coverage",)),
    ("pass_at_1", ("self_bleu_4",)),
)
"""(quality, the diversities to take the first of that is there)"""

SWEEP = (
    "pass_at_1",
    "time_limit_rate",
    "style_strength",
    "style_accuracy",
    "oracle_valid",
    "distinct_valid",
    "cs_self_bleu_4",
    "self_bleu_4",
    "distinct_2",
    "embed_distance",
    "duplicate_rate",
    "length",
    "truncation_rate",
    "reread_persona_share",
    "reread_persona_cosine",
    "token_entropy",
    "fork_entropy",
    "lock_entropy",
    "judge_ctx",
    "judge_rel",
    "judge_flu",
    "judge_style",
)

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

JUDGED = ("judge_ctx", "judge_rel", "judge_flu")

_LABEL_PIXELS = (38, 13)  # two labels nearer than this overlap


def label(metric: str) -> str:
    """Name of a metric in plain words; its id where there is none."""
    return LABELS.get(metric, metric)


def direction(metric: str) -> str:
    """`higher is better`, `lower is better`, or "" where neither is."""
    info = metric_info(metric)
    return f"{info.direction} is better" if info and info.direction != "neither" else ""


def trade_off(suite: SuiteResults) -> list[Panel]:
    """Quality against diversity over the sweep, for each pair of metrics that is there."""
    panels = []
    for y, diversities in TRADE_OFFS:
        for x in diversities:
            of_x, of_y = suite.sweep(x), suite.sweep(y)
            points = [(t, of_x[t], of_y[t]) for t in of_x if t in of_y]
            if points:
                panels.append(_trade_off(suite, x, y, points))
                break
    return panels


def judged(suite: SuiteResults) -> list[Panel]:
    """Style strength against what judges think of each reply, one panel an axis, over the sweep."""
    y = "style_strength"
    panels = []
    for x in JUDGED:
        of_x, of_y = suite.sweep(x), suite.sweep(y)
        points = [(t, of_x[t], of_y[t]) for t in of_x if t in of_y]
        if points:
            panels.append(_trade_off(suite, x, y, points, roles=("quality", "style")))
    return panels


def over_temperature(suite: SuiteResults) -> list[Panel]:
    """Each headline metric against temperature, with its interval as a band."""
    return [_sweep(suite, metric) for metric in SWEEP if suite.sweep(metric)]


def _trade_off(
    suite: SuiteResults,
    x: str,
    y: str,
    points: Sequence[tuple[float, Estimate, Estimate]],
    *,
    roles: tuple[str, str] = ("diversity", "quality"),
) -> Panel:
    truth_x, truth_y = suite.truth_of(x), suite.truth_of(y)

    def draw(ax: "Axes") -> None:
        for _, of_x, of_y in points:
            _cross(ax, of_x, of_y, MODEL)
        places = [(t, bounds(of_x)[0], bounds(of_y)[0]) for t, of_x, of_y in points]
        _, xs, ys = zip(*places, strict=True)
        ax.plot(xs, ys, "-o", color=MODEL, label="model, over T")
        if truth_x is not None and truth_y is not None:
            _cross(ax, truth_x, truth_y, TRUTH)
            star = ([bounds(truth_x)[0]], [bounds(truth_y)[0]])
            ax.plot(*star, "*", color=TRUTH, markersize=13, label="truth", zorder=4)
        ax.set_xlabel(_axis(x, roles[0]))
        ax.set_ylabel(_axis(y, roles[1]))
        _room(ax, [of_y for _, _, of_y in points] + ([truth_y] if truth_y else []))
        ax.margins(x=0.12)
        if METRICS[x].direction == "lower":
            ax.invert_xaxis()  # right is more diverse in every panel
        ax.legend(loc="best")
        _label_points(ax, places)

    rows = [_pair_row(suite, "model", t, of_x, of_y) for t, of_x, of_y in points]
    if truth_x is not None and truth_y is not None:
        rows.append(_pair_row(suite, "truth", truth_x.temperature, truth_x, truth_y))
    first, last = points[0], points[-1]
    return Panel(
        title=f"{label(y)} against {_inside(x)}",
        description=(
            f"{label(y)} goes from {first[2].value:.3g} at T = {first[0]:g} to "
            f"{last[2].value:.3g} at T = {last[0]:g}, {_inside(x)} from "
            f"{first[1].value:.3g} to {last[1].value:.3g}."
        ),
        rows=rows,
        draw=draw,
    )


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
        _room(ax, list(sweep.values()) + ([truth] if truth else []))

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


def _cross(ax: "Axes", of_x: Estimate, of_y: Estimate, color: str) -> None:
    (x, left, right), (y, low, high) = bounds(of_x), bounds(of_y)
    ax.plot([left, right], [y, y], color=color, alpha=0.45, linewidth=1.1)
    ax.plot([x, x], [low, high], color=color, alpha=0.45, linewidth=1.1)


def _label_points(ax: "Axes", points: Sequence[tuple[float, float, float]]) -> None:
    """Label both ends and T = 1 first, then every point that is not too near to a labelled one."""
    temperatures = tuple(t for t, _, _ in points)
    first = (temperatures[0], temperatures[-1], nearest(temperatures, OWN_TEMPERATURE))
    places = {t: (x, y) for t, x, y in points}
    taken: list[tuple[float, float]] = []
    for t in dict.fromkeys((*first, *temperatures)):
        x, y = ax.transData.transform(places[t])
        if all(abs(x - a) > _LABEL_PIXELS[0] or abs(y - b) > _LABEL_PIXELS[1] for a, b in taken):
            taken.append((x, y))
            ax.annotate(
                f"T={t:g}",
                places[t],
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                zorder=5,
            )


def _room(ax: "Axes", estimates: Sequence[Estimate]) -> None:
    """Leave some height around numbers that are all the same, which would be drawn as a jump."""
    numbers = [number for estimate in estimates for number in bounds(estimate)]
    low, high = min(numbers), max(numbers)
    scale = max(abs(low), abs(high), 0.5)
    if high - low < 0.02 * scale:
        ax.set_ylim(low - (0.1 if low > 0 else 0.02) * scale, high + 0.1 * scale)


def _inside(metric: str) -> str:
    """The label as it stands inside a sentence."""
    return label(metric)[0].lower() + label(metric)[1:]


def _axis(metric: str, role: str) -> str:
    return f"{label(metric)}\n{role}; {direction(metric)}"


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


def _pair_row(
    suite: SuiteResults, who: str, temperature: float, x: Estimate, y: Estimate
) -> dict[str, Any]:
    return {"suite": suite.id, "who": who, "temperature": temperature} | {
        f"{axis}_{key}": getattr(estimate, key)
        for axis, estimate in (("x", x), ("y", y))
        for key in ("metric", "value", "low", "high", "n", "k")
    }
