"""calibration.json as a page of Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sfr_eval.calibration.design import TOLERANCE

Rows = Sequence[Sequence[str]]


def page(found: Mapping[str, Any]) -> str:
    """The whole page; equal calibrations give equal pages."""
    return "\n".join(_lines(found)).rstrip() + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    metrics: Mapping[str, Any] = found["metrics"]
    design, conditions = found["design"], found["conditions"]
    yield "# Calibration"
    yield ""
    yield (
        f"Written by `sfr-eval calibrate`, size {found['size']}, seed {found['seed']}, suite "
        f"{found['suite']}, encoder {conditions['encoder'] or 'none'}, sfr-eval "
        f"{conditions['sfr-eval']}; {conditions['seconds']:g} seconds on {conditions['machine']}."
    )
    if found["size"] == "quick":
        yield ""
        yield "**A quick calibration only shows that everything runs. Its verdicts are noise.**"
    yield ""
    yield (
        "Every metric is computed on replies of a world whose collapse is known: `cross` mixes the "
        "personas into one voice, `within` sharpens each persona to its modes, `both` does both. A "
        "metric is a headline if it gets worse with every turn of each dial that it claims to see, "
        "its intervals cover zero in 93 to 97 % of comparisons of a source with itself, and from k "
        f"= {design['counts'][0]} to {design['counts'][-1]} replies it moves by at most 5 % of "
        "what full collapse does to it."
    )
    yield ""
    yield "## Headline metrics"
    yield ""
    yield ", ".join(f"`{metric}`" for metric in found["headline"]) or "None."
    yield ""
    yield "## The others, and why"
    yield ""
    yield from _table(
        ("metric", "why not"),
        [
            (f"`{metric}`", "; ".join(row["reasons"]))
            for metric, row in metrics.items()
            if not row["headline"]
        ],
    )
    yield "## Dose and response"
    yield ""
    yield "![Dose and response](plots/dose.png)"
    yield ""
    yield (
        f"Means at each setting of the dial, k = {design['k']}; {design['light_queries']} queries "
        "and all personas for metrics without encoder, "
        f"{design['dose_queries']} queries and {design['dose_personas']} personas for the others."
    )
    yield ""
    for dial in ("within", "cross", "both"):
        rows = [
            (f"`{metric}`", *(_number(value) for value in row["dose"][dial]["mean"]))
            for metric, row in metrics.items()
            if dial in row["claims"]
        ]
        if rows:
            settings = [f"{s:g}" for s in (0, *design["steps"])]
            yield from _table((f"{dial} =", *settings), rows)
    yield "## Same source, two seeds"
    yield ""
    yield "![Same source, two seeds](plots/null.png)"
    yield ""
    yield (
        "Share of 95 % intervals of the difference that cover zero. Truth: "
        f"{design['null_runs']} whole runs of {design['null_queries']} queries and "
        f"{design['null_personas']} personas, each with a seed of its own, k = {design['k']} of "
        f"{design['null_pool']} replies to each prompt; each run is compared with "
        f"{design['null_partners']} others, t intervals. Collapsed (cross .3, within .5): "
        f"{design['wide_queries']} queries, {design['wide_personas']} personas, BCa intervals, "
        f"{design['wide_repeats']:,} pairs of runs, put together query by query from "
        f"{design['wide_sets']} runs with different seeds."
    )
    yield ""
    yield from _table(
        ("metric", "truth", "collapsed"),
        [
            (
                f"`{metric}`",
                *(_percent(row["null"]["cover"][where]) for where in ("truth", "collapsed")),
            )
            for metric, row in metrics.items()
        ],
    )
    yield "## Number of replies"
    yield ""
    yield "![Number of replies](plots/counts.png)"
    yield ""
    yield (
        "Means at k replies out of the same "
        f"{design['counts'][-1]}; {design['count_queries']} queries, {design['count_personas']} "
        "personas."
    )
    yield ""
    yield from _table(
        ("k =", *(str(k) for k in design["counts"]), "stable from"),
        [
            (
                f"`{metric}`",
                *(_number(row["counts"]["mean"][str(k)]) for k in design["counts"]),
                str(row["counts"]["stable_from"] or "-"),
            )
            for metric, row in metrics.items()
            if row["claims"]
        ],
    )
    yield "## Length"
    yield ""
    yield "![Length](plots/lengths.png)"
    yield ""
    yield (
        "Means over the first words of the same replies, and the farthest of them from whole "
        "replies as a part of what full collapse does. Nearly every metric moves with length, so "
        "this decides nothing; compare at similar lengths or in a common token window."
    )
    yield ""
    still = [
        f"`{metric}`"
        for metric, row in metrics.items()
        if None not in row["lengths"]["mean"].values()
        and row["lengths"]["moved"] is not None
        and row["lengths"]["moved"] <= TOLERANCE
    ]
    yield f"Moves by at most {TOLERANCE:.0%} from {design['lengths'][0]} words on: " + (
        f"{', '.join(still)}." if still else "none."
    )
    yield ""
    yield from _table(
        ("first words", *(str(w) for w in design["lengths"]), "all", "moves by"),
        [
            (
                f"`{metric}`",
                *(_number(row["lengths"]["mean"][str(w)]) for w in design["lengths"]),
                _number(row["lengths"]["mean"]["0"]),
                _percent(row["lengths"]["moved"]),
            )
            for metric, row in metrics.items()
            if row["claims"] and row["lengths"]["mean"]["0"] is not None
        ],
    )
    yield from _power(metrics, design)


def _power(metrics: Mapping[str, Any], design: Mapping[str, Any]) -> Iterator[str]:
    yield "## Power"
    yield ""
    yield "![Power](plots/power.png)"
    yield ""
    yield (
        "The smallest drop, from the truth, that two runs on the same queries show with 80 % power "
        "(paired t test, 5 %, two-sided, all personas): as a number, as a part of what full "
        "collapse does, and as the setting of the claimed dial that does it. Noise is that of two "
        "runs at the truth; the unevenness of the drop over queries is that of full collapse."
    )
    yield ""
    rows = []
    for metric, row in metrics.items():
        for cell in row["power"]:
            if cell["queries"] == 148 and cell["k"] == design["k"]:
                rows.append(
                    (
                        f"`{metric}`",
                        _number(cell["drop"]),
                        _percent(cell["part"]),
                        f"{row['claims'][0]} = {_number(cell['dial'])}",
                    )
                )
    yield f"148 prompts x {design['k']} samples see a drop of:"
    yield ""
    yield from _table(("metric", "drop", "of full collapse", "dial"), rows)
    headlines = [(metric, row) for metric, row in metrics.items() if row["headline"]]
    cells = sorted({(c["queries"], c["k"]) for _, row in headlines for c in row["power"]})
    if cells:
        yield "Headline metrics, part of full collapse, by queries x samples:"
        yield ""
        yield from _table(
            ("metric", *(f"{queries} x {k}" for queries, k in cells)),
            [
                (
                    f"`{metric}`",
                    *(
                        _percent(
                            next(
                                (c["part"] for c in row["power"] if (c["queries"], c["k"]) == cell),
                                None,
                            )
                        )
                        for cell in cells
                    ),
                )
                for metric, row in headlines
            ],
        )


def _table(head: Sequence[str], rows: Rows) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
