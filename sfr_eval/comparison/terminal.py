"""A comparison on the terminal."""

from collections.abc import Iterator, Mapping

from sfr_eval.comparison.result import Comparison, Pair, SuiteComparison
from sfr_eval.comparison.tables import difference_cells, matched_cells, training_rows
from sfr_eval.report.numbers import Interval
from sfr_eval.util.terminal import print_json, print_table

SHOWN_PART = 0.8
"""Part of the lower best quality at which the terminal shows diversity; the files hold all."""


def show_comparison(comparison: Comparison, *, as_json: bool) -> list[str]:
    """Print the tables, or JSON. Returns the lines that belong beside them, for stderr with JSON:
    mismatches that were allowed, warnings, summaries."""
    if as_json:
        print_json(comparison.as_dict())
        return list(_notes(comparison))
    letters = {name: _letter(place) for place, name in enumerate(comparison.names)}
    for pair in comparison.pairs:
        for suite in pair.suites:
            _print_differences(pair, suite, letters)
            _print_matched(pair, suite)
    _print_trainings(comparison)
    return [*_notes(comparison), *_summaries(comparison)]


def _letter(place: int) -> str:
    """Return A to Z, then A2 to Z2."""
    turn, letter = divmod(place, 26)
    return chr(ord("A") + letter) + (str(turn + 1) if turn else "")


def _print_differences(pair: Pair, suite: SuiteComparison, letters: Mapping[str, str]) -> None:
    """Print the primary family, then the headline metrics at every shared temperature; the rest is
    in the files."""
    names = f"{letters[pair.first]} = {pair.first}, {letters[pair.second]} = {pair.second}"
    queries = max((row.n for row in suite.rows), default=0)
    primary = [row for row in suite.rows if row.role is not None]
    others = [row for row in suite.rows if row.role is None]
    others = [row for row in others if row.headline] or (others if not primary else [])
    for title, rows, columns in (
        (f"primary family of {suite.id}: {names}; {queries} queries", primary, ["p", "verdict"]),
        (f"{suite.id}: exploratory, each with its own 95 % interval", others, []),
    ):
        lines = []
        for row in rows:
            cells = difference_cells(row)
            where = "matched" if row.temperature is None else f"{row.temperature:g}"
            numbers = [cells["first"], cells["second"], cells["difference"]]
            called = [cells["p"].lstrip("0"), cells["verdict"]] if columns else []
            lines.append([row.metric, where, *numbers, *called])
        if lines:
            head = ["metric", "T", letters[pair.first], letters[pair.second], "difference [95 %]"]
            print_table(title, [*head, *columns], lines)


def _print_matched(pair: Pair, suite: SuiteComparison) -> None:
    lines = []
    for row in suite.matched_rows():
        if row["part"] in (None, SHOWN_PART):
            cells = matched_cells(row)
            level, quality = cells["level"], cells["quality"]
            where = f"{level} with {quality}" if row["part"] is None else f"at {quality} {level}"
            lines.append([cells["diversity"], where, cells["difference"], cells["reason"]])
    if lines:
        print_table(
            f"{suite.id}: {pair.second} minus {pair.first} at equal quality, whole curves; "
            "exploratory",
            ["diversity", "", "difference [95 %]", ""],
            lines,
        )


def _print_trainings(comparison: Comparison) -> None:
    """Print the primary metrics training by training."""
    lines = [
        [row.group, row.metric, f"{row.temperature:g}", row.mean, row.values, row.spread]
        for suite in dict.fromkeys(suite.id for pair in comparison.pairs for suite in pair.suites)
        for row in training_rows(comparison, suite)
    ]
    if lines:
        head = ["group", "metric", "T", "mean [95 %]", "its trainings", "sd between"]
        print_table("training by training", head, lines)


def _notes(comparison: Comparison) -> Iterator[str]:
    for pair in comparison.pairs:
        for mismatch in pair.mismatches:
            yield f"mismatch: {mismatch} ({pair.first} and {pair.second})"
        for line in pair.warnings:
            yield f"note: {line}"


def _summaries(comparison: Comparison) -> Iterator[str]:
    for pair in comparison.pairs:
        for suite in pair.suites:
            yield from suite.summary.sentences
            yield from beside(suite)
            if suite.summary.counts:
                yield f"{suite.id}: {suite.summary.counts}."
            yield f"{suite.id}: {suite.summary.headline}."


def beside(suite: SuiteComparison) -> Iterator[str]:
    """Yield what belongs beside the primary rows: what became of good replies' variety, and how
    alike the models are."""
    t = suite.summary.temperature
    if t is not None and t in suite.losses:
        yield f"T = {t:g}: {suite.losses[t].sentence}."
    for row in suite.similarity:
        cosines = (row.between, row.first, row.second, row.unrelated)
        between, first, second, unrelated = (
            Interval(None) if one is None else Interval(one.value, one.low, one.high)
            for one in cosines
        )
        yield (
            f"T = {row.temperature:g}: cosine of a reply of each model to one prompt "
            f"{between.text()}; of two replies of the first {first.text()}, of the second "
            f"{second.text()}; to unrelated prompts {unrelated.text()}."
        )
