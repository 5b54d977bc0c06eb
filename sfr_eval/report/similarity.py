"""A heat map of how alike the personas sound, with a frame for each temperature."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sfr_eval.report.charts.chart import Frame, HeatMap
from sfr_eval.report.figures import SQUARE, Figure
from sfr_eval.store.results import Similarity, SuiteResults

Cells = Sequence[Sequence[float | None]]


def similarity(suite: SuiteResults) -> list[Figure]:
    """Return the similarity of personas at every temperature, the one nearest to 1 first; [] where
    none was measured."""
    measured = {
        t: suite.similarity[t]
        for t in sorted(suite.similarity)
        if any(cell is not None for row in suite.similarity[t].matrix for cell in row)
    }
    if not measured:
        return []
    temperatures = list(measured)
    middle = suite.middle_temperature
    shown = middle if middle in measured else temperatures[len(temperatures) // 2]
    personas = measured[shown].personas
    alike = {t: one for t, one in measured.items() if one.personas == personas}
    names = tuple(suite.personas.get(persona, persona) for persona in personas)
    chart = HeatMap(
        title="Similarity of replies",
        rows=names,
        columns=names,
        frames=tuple(
            Frame(label=f"T = {t:g}", cells=one.matrix, temperature=t) for t, one in alike.items()
        ),
        shown=list(alike).index(shown),
        order=clustered(measured[shown].matrix),
        row_replies=tuple({"persona": persona} for persona in personas),
    )
    return [
        Figure(
            title=chart.title,
            description=_description(measured[shown].matrix, shown),
            rows=[row for t, one in measured.items() for row in _rows(suite, t, one)],
            chart=chart,
            size=SQUARE,
        )
    ]


def clustered(cells: Cells) -> tuple[int, ...]:
    """Return an order in which rows that are alike stand together: that of the leaves of average
    linkage on 1 - similarity. An undefined cell counts as the least similarity of all."""
    if len(cells) < 3:
        return ()
    import numpy as np
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    numbers = np.array(cells, dtype=float)
    numbers = np.where(np.isnan(numbers), np.nanmin(numbers), numbers)
    distances = (numbers.max() - numbers + (numbers.max() - numbers).T) / 2
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    return tuple(int(leaf) for leaf in leaves_list(tree))


def _rows(suite: SuiteResults, temperature: float, one: Similarity) -> Iterator[Mapping[str, Any]]:
    for persona, row in zip(one.personas, one.matrix, strict=True):
        for other, cell in zip(one.personas, row, strict=True):
            yield {
                "suite": suite.id,
                "temperature": temperature,
                "persona": persona,
                "other": other,
                "similarity": cell,
            }


def _description(cells: Cells, temperature: float) -> str:
    within = [c for i, row in enumerate(cells) for c in row[i : i + 1] if c is not None]
    between = [c for i, row in enumerate(cells) for c in row[:i] if c is not None]
    parts = [
        f"{name} {sum(values) / len(values):.2f}"
        for name, values in (("within a persona", within), ("between personas", between))
        if values
    ]
    return f"Mean similarity at T = {temperature:g}: {', '.join(parts)}."
