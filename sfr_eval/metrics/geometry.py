"""Hidden states: whether they tell personas apart, and how many directions they use.

Measured for each query, over the replies of all its personas, in three positions:

    hidden_   mean over the reply, as the model read it after its prompt
    prompt_   the last prompt token: one state for each persona, whatever was drawn
    reread_   mean over the reply, read again without the persona's card

A model sees the card while it writes, so its states differ between personas even if all replies are
the same text. Only in `reread_` do differences come from the replies alone. Values are those of the
last requested layer. The notes have every layer and, for some metrics, a null: personas are
permuted within each query, which has no effect if they do not matter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sfr_eval.metrics import spectra
from sfr_eval.metrics.context import Context, QueryKey, metric_result
from sfr_eval.metrics.maps import centred_by, chosen_queries, maps
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.stats.arrays import Doubles, Floats, Integers
from sfr_eval.stats.intervals import t_interval
from sfr_eval.types import MetricResult, Value

if TYPE_CHECKING:
    from sfr_eval.models.states_on_disk import States

VERSION = "1"

METRICS = by_id(
    Metric("hidden_participation_ratio", "higher",
           "Directions that the hidden states of a query's replies use.", unit="query",
           label="Directions in use (replies)"),
    Metric("hidden_effective_rank", "higher",
           "Effective rank of the hidden states of eight replies.", unit="query",
           label="Effective rank of 8 replies"),
    Metric("hidden_persona_share", "higher",
           "Share of hidden-state variance that lies between personas.", unit="query",
           label="Variance between personas (replies)", headline=("inside", 3)),
    Metric("hidden_persona_cosine", "lower", "Mean cosine of two personas' centred hidden states.",
           unit="query", label="Cosine across personas (replies)"),
    Metric("hidden_base_cka", "neither",
           "Debiased CKA of hidden states with the base checkpoint's.", unit="query",
           label="CKA with the base (replies)", headline=("inside", 4)),
    Metric("prompt_effective_rank", "higher",
           "Effective rank of eight personas at the last prompt token.", unit="query",
           label="Effective rank of 8 personas (prompts)"),
    Metric("prompt_persona_cosine", "lower",
           "Mean cosine of two personas at the last prompt token, centred.", unit="query",
           label="Cosine across personas (prompts)"),
    Metric("prompt_base_cka", "neither", "Debiased CKA with the base at the last prompt token.",
           unit="query", label="CKA with the base (prompts)"),
    Metric("reread_persona_share", "higher",
           "Variance share between personas, replies read without the card.", unit="query",
           label="Variance between personas (text)", headline=("inside", 1)),
    Metric("reread_persona_cosine", "lower",
           "Mean cosine of two personas, replies read without the card.", unit="query",
           label="Cosine across personas (text)", headline=("inside", 2)),
)  # fmt: skip

RANK_ROWS = 8  # one reply of each of nine personas is enough
RANK_SUBSETS = 16
PERMUTATIONS = 199
OWN_TEMPERATURE = 1.0  # the maps show the nearest one
_SEED = 8_113_405

Measured = tuple[float | None, Doubles | None]
"""(value of one query, its values for permuted personas)"""


@dataclass(frozen=True, kw_only=True)
class QueryVectors:
    """The vectors of one query at one layer, with the data to measure them by."""

    vectors: Floats
    base: Floats | None  # the same replies in the base checkpoint
    personas: Integers
    centre: Floats  # mean over all queries
    generator: np.random.Generator


def _ratio(rows: QueryVectors) -> Measured:
    return spectra.participation_ratio(rows.vectors), None


def _rank(rows: QueryVectors) -> Measured:
    rank = spectra.effective_rank(
        rows.vectors, rows=RANK_ROWS, subsets=RANK_SUBSETS, generator=rows.generator
    )
    return rank, None


def _share(rows: QueryVectors) -> Measured:
    chance = spectra.permuted_shares(
        rows.vectors, rows.personas, permutations=PERMUTATIONS, generator=rows.generator
    )
    return spectra.persona_share(rows.vectors, rows.personas), chance


def _prompt_cosine(rows: QueryVectors) -> Measured:
    return spectra.persona_cosine(rows.vectors, rows.personas, centre=rows.centre), None


def _cosine(rows: QueryVectors) -> Measured:
    generator, count = rows.generator, PERMUTATIONS
    chance = spectra.permuted_cosines(
        rows.vectors, rows.personas, centre=rows.centre, permutations=count, generator=generator
    )
    return _prompt_cosine(rows)[0], chance


def _cka(rows: QueryVectors) -> Measured:
    return (None if rows.base is None else spectra.cka(rows.vectors, rows.base)), None


Measure = Callable[[QueryVectors], Measured]

_FEW = "fewer than 4 different hidden states"
REPLY: Mapping[str, tuple[Measure, str]] = {
    "hidden_participation_ratio": (_ratio, _FEW),
    "hidden_effective_rank": (_rank, f"fewer than {RANK_ROWS} different hidden states"),
    "hidden_persona_share": (_share, "needs two personas, one of them with two replies"),
    "hidden_persona_cosine": (_cosine, "fewer than two personas"),
    "hidden_base_cka": (_cka, _FEW),
}
PROMPT: Mapping[str, tuple[Measure, str]] = {
    "prompt_effective_rank": (_rank, f"fewer than {RANK_ROWS} personas with different states"),
    "prompt_persona_cosine": (_prompt_cosine, "fewer than two personas"),
    "prompt_base_cka": (_cka, "fewer than 4 personas with different states"),
}
REREAD: Mapping[str, tuple[Measure, str]] = {
    "reread_persona_share": (_share, "needs two personas, one of them with two different replies"),
    "reread_persona_cosine": (_cosine, "fewer than two personas"),
}
"""metric -> (measure, why it is undefined)"""
AT = {
    "hidden": "mean over the reply",
    "prompt": "last prompt token",
    "reread": "mean over the reply, read without the persona's card",
}
MAPPED = ("hidden_persona_share", "reread_persona_share")  # their notes have the maps
NO_BASE = "no base checkpoint; give --base-model"


@dataclass(frozen=True, kw_only=True)
class QueryReplies:
    """The replies to one query at one temperature: places in `context.replies`, personas."""

    query: str
    places: Integers
    personas: Integers


def compute(context: Context) -> list[MetricResult]:
    """Return all measures of every query, in all three positions."""
    readings = context.readings
    cells = _cells(context, readings.model)
    model, base, blind = readings.model, readings.base, readings.blind
    return [
        *_results(context, model, base, cells, "reply", REPLY),
        *_results(context, model, base, cells, "prompt", PROMPT),
        *(_results(context, blind, None, cells, "reply", REREAD) if blind is not None else ()),
    ]


def _results(
    context: Context,
    states: "States",
    base: "States | None",
    cells: Mapping[float, Sequence[QueryReplies]],
    position: str,
    measures: Mapping[str, tuple[Measure, str]],
) -> list[MetricResult]:
    values: dict[str, list[Value]] = {metric: [] for metric in measures}
    profiles: dict[str, dict[str, Any]] = {metric: {} for metric in measures}
    if base is not None and (base.layers, base.depth) != (states.layers, states.depth):
        base = None
    last = len(states.layers) - 1
    for temperature, of_temperature in cells.items():
        for layer in range(len(states.layers)):
            measured = _at_layer(states, base, of_temperature, position, measures, layer)
            for metric, (_, reason) in measures.items():
                profiles[metric].setdefault(f"{temperature:g}", []).append(
                    {"layer": states.layers[layer], **_summary(measured[metric], metric)}
                )
                if layer == last:
                    why = NO_BASE if metric.endswith("_cka") and base is None else reason
                    values[metric] += [
                        context.query_value((temperature, cell.query), number, reason=why)
                        for cell, (number, _) in zip(of_temperature, measured[metric], strict=True)
                    ]
    notes = {"depth": states.depth, "mean_vector_share": _cone(states, cells, position)}
    signature: dict[str, Any] = {
        **states.signature,
        "base": dict(base.signature)["model"] if base is not None else None,
        "layer": states.layers[-1],
        "at": AT[next(iter(measures)).partition("_")[0]],
        "permutations": PERMUTATIONS,
        "rank_rows": RANK_ROWS,
    }
    hidden_maps = {name: _map(context, states, cells) for name in MAPPED if name in measures}
    return [
        metric_result(
            METRICS[metric],
            version=VERSION,
            values=values[metric],
            signature=signature,
            notes={"profile": profiles[metric], **notes}
            | ({"map": hidden_maps[metric]} if metric in hidden_maps else {}),
        )
        for metric in measures
    ]


def _cells(context: Context, states: "States") -> dict[float, list[QueryReplies]]:
    """Return temperature -> queries, in the order of the run; omits replies without a token."""
    codes: dict[str, int] = {}
    places: dict[QueryKey, list[tuple[int, int]]] = {key: [] for key in context.by_query}
    for place, reply in enumerate(context.replies):
        if states.has_token(place):
            persona = codes.setdefault(reply.persona, len(codes))
            places[reply.temperature, reply.query].append((place, persona))
    cells: dict[float, list[QueryReplies]] = {}
    for (temperature, query), rows in places.items():
        pairs = np.array(rows, np.int64).reshape(-1, 2)
        cell = QueryReplies(query=query, places=pairs[:, 0], personas=pairs[:, 1])
        cells.setdefault(temperature, []).append(cell)
    return cells


def _vectors(
    states: "States", cell: QueryReplies, position: str, layer: int
) -> tuple[Floats, Integers]:
    if position == "reply":
        return states.replies(cell.places, layer), cell.personas
    personas, first = np.unique(cell.personas, return_index=True)
    return states.prompts(cell.places[first], layer), personas


def _at_layer(
    states: "States",
    base: "States | None",
    cells: Sequence[QueryReplies],
    position: str,
    measures: Mapping[str, tuple[Measure, str]],
    layer: int,
) -> dict[str, list[Measured]]:
    """Measure each cell, by metric; one layer of one temperature is in memory at a time."""
    states_of_cells = [_vectors(states, cell, position, layer) for cell in cells]
    count = sum(len(vectors) for vectors, _ in states_of_cells)
    total = sum(vectors.sum(axis=0, dtype=np.float64) for vectors, _ in states_of_cells)
    centre = total / max(count, 1)
    measured: dict[str, list[Measured]] = {metric: [] for metric in measures}
    for number, (cell, (vectors, personas)) in enumerate(zip(cells, states_of_cells, strict=True)):
        rows = QueryVectors(
            vectors=vectors,
            base=None if base is None else _vectors(base, cell, position, layer)[0],
            personas=personas,
            centre=centre,
            generator=np.random.default_rng((_SEED, number)),
        )
        for metric, (measure, _) in measures.items():
            measured[metric].append(measure(rows) if len(vectors) else (None, None))
    return measured


def _summary(measured: Sequence[Measured], metric: str) -> dict[str, Any]:
    """Return the mean over queries with its interval and, if there is a null, its range and p."""
    numbers = [value for value, _ in measured if value is not None]
    if not numbers:
        return {"value": None, "low": None, "high": None, "n": 0}
    mean, low, high = t_interval(numbers) if len(numbers) > 1 else (numbers[0], None, None)
    summary = {"value": mean, "low": low, "high": high, "n": len(numbers)}
    chance = [null for value, null in measured if value is not None and null is not None]
    if chance:
        summary |= against_chance(mean, np.mean(chance, axis=0), lower=metric.endswith("_cosine"))
    return summary


def against_chance(value: float, permuted: Doubles, *, lower: bool) -> dict[str, float]:
    """Return {"null_low", "null_high", "p"}: the middle 95% of the permuted values, and the chance
    of one as extreme as `value`, (1 + number) / (1 + permutations). `lower`: small is extreme."""
    low, high = np.quantile(permuted, [0.025, 0.975])
    # The same sum in a different order differs by rounding, which does not make it more extreme.
    tolerance = 1e-9 * max(abs(value), float(np.abs(permuted).max()))
    beyond = permuted <= value + tolerance if lower else permuted >= value - tolerance
    return {
        "null_low": float(low),
        "null_high": float(high),
        "p": (1 + int(beyond.sum())) / (1 + len(permuted)),
    }


def _cone(
    states: "States", cells: Mapping[float, Sequence[QueryReplies]], position: str
) -> dict[str, float | None]:
    """Return temperature -> share of the mean vector in the last layer, which inflates cosines."""
    last = len(states.layers) - 1
    return {
        f"{temperature:g}": spectra.mean_share(
            np.concatenate([_vectors(states, cell, position, last)[0] for cell in of_temperature])
        )
        for temperature, of_temperature in cells.items()
    }


def _map(
    context: Context, states: "States", cells: Mapping[float, Sequence[QueryReplies]]
) -> dict[str, Any]:
    """Return the maps of the last layer at the temperature nearest to 1, around each query's mean;
    `persona[i]` is the id of point i."""
    if not cells:
        return {}
    temperature = min(cells, key=lambda t: (abs(t - OWN_TEMPERATURE), t))
    counts = {cell.query: len(cell.places) for cell in cells[temperature]}
    queries_to_show = set(chosen_queries(counts))
    shown_cells = [c for c in cells[temperature] if c.query in queries_to_show and len(c.places)]
    if not shown_cells:
        return {"temperature": temperature}
    places = np.concatenate([cell.places for cell in shown_cells])
    personas = np.concatenate([cell.personas for cell in shown_cells])
    queries = np.repeat(np.arange(len(shown_cells)), [len(cell.places) for cell in shown_cells])
    vectors = centred_by(states.replies(places, len(states.layers) - 1), queries)
    return {
        "temperature": temperature,
        "layer": states.layers[-1],
        "persona": [context.replies[place].persona for place in places],
        **maps(vectors, personas, queries),
    }
