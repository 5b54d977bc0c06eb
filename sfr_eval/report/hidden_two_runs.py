"""Hidden states of two runs side by side, on the same axes.

The maps are fitted on the points of both runs together and drawn with the same limits: a run whose
personas have moved together shows it beside one whose personas have not. This presumes that a
direction means the same in both runs, as in two fine-tunings of one base; the checkpoints must have
the same width and number of layers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.errors import UserError
from sfr_eval.metrics.maps import POINTS, centred_by, chosen_queries, maps
from sfr_eval.models.states_on_disk import States, read_states
from sfr_eval.report.figures import Figure
from sfr_eval.report.hidden_maps import MAPS, map_figure, persona_names
from sfr_eval.report.layer_profiles import PROFILES, profile_figure
from sfr_eval.report.plot_files import write_plots
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import SuiteResults, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.temperature import OWN_TEMPERATURE, nearest
from sfr_eval.types import Sample
from sfr_eval.util.files import writing_to

READINGS = {"model": "replies", "blind": "text"}
"""Part of the name of the stored states -> what they are of."""


@dataclass(frozen=True, kw_only=True)
class _Points:
    """The replies of one run at one temperature."""

    name: str
    states: States
    temperature: float
    samples: Sequence[Sample]  # by place in `states`

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Query -> places in `states` of its replies."""
        places: dict[str, list[int]] = {}
        for place, sample in enumerate(self.samples):
            if sample.temperature == self.temperature and self.states.has_token(place):
                places.setdefault(sample.query, []).append(place)
        return places

    def rows(self, queries: Sequence[str]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], list[str]]:
        """Return vectors less their query's mean, number of the query, persona of each reply."""
        places = [place for query in queries for place in self.places[query]]
        vectors = self.states.replies(places, len(self.states.layers) - 1)
        numbers = np.repeat(np.arange(len(queries)), [len(self.places[q]) for q in queries])
        personas = [self.samples[place].persona for place in places]
        return centred_by(vectors, numbers), numbers, personas


def write_beside(first: RunFolder, second: RunFolder) -> list[Path]:
    """Write plots/<suite>-beside_maps and -beside_profiles (PNG, SVG, CSV) into the first folder.

    Returns the PNG files. Raises UserError for runs without such states in common.
    """
    folders = (first, second)
    manifests = [Manifest.load(folder.path) for folder in folders]
    names = _names(folders, manifests)
    ones, others = (
        {suite.id: suite for suite in read_suites(manifest, folder.read_results())}
        for manifest, folder in zip(manifests, folders, strict=True)
    )
    written = []
    for id in [id for id in ones if id in others]:
        groups = {
            "beside_maps": (list(_maps(ones[id], folders, names)), 2),
            "beside_profiles": (list(_profiles(ones[id], others[id], names)), 3),
        }
        for kind, (figures, columns) in groups.items():
            with writing_to(first.path):
                (first.path / "plots").mkdir(exist_ok=True)
                stem = first.path / "plots" / f"{id}-{kind}"
                write_plots(stem, figures, images=True, columns=columns)
                written += [stem.with_name(f"{stem.name}.png")] if figures else []
    if not written:
        raise UserError(f"--beside {second.path}: has no suite in common with {first.path}")
    return written


def _maps(
    suite: SuiteResults, folders: tuple[RunFolder, RunFolder], names: tuple[str, str]
) -> Iterator[Figure]:
    for reading, what in READINGS.items():
        one, other = (_states(folder, suite.id, reading) for folder in folders)
        if one is None or other is None:
            continue
        shapes = [(states.prompt_states.shape[2], states.layers[-1]) for states in (one, other)]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"--beside {folders[1].path}: hidden states of another shape (width, layer "
                f"{shapes[1]}, not {shapes[0]}); only checkpoints of one kind share axes"
            )
        runs = _points(suite.id, folders, (one, other), names)
        if runs:
            yield from _joint_maps(suite, runs, what)


def _joint_maps(suite: SuiteResults, runs: Sequence[_Points], what: str) -> Iterator[Figure]:
    """Yield for each kind of map, fitted on all runs together, one figure a run."""
    common = [query for query in runs[0].places if query in runs[1].places]
    counts = {query: sum(len(run.places[query]) for run in runs) for query in common}
    if not counts:
        return
    queries = chosen_queries(counts, points=2 * POINTS)
    vectors, groups, personas = zip(*(run.rows(queries) for run in runs), strict=True)
    everyone = [persona for run in personas for persona in run]
    _, codes = np.unique(everyone, return_inverse=True)
    projections = maps(np.concatenate(vectors), codes, np.concatenate(groups))
    owners = np.repeat(np.arange(len(runs)), [len(group) for group in groups])
    for kind in MAPS:
        if kind not in projections:
            continue
        points = projections[kind]
        limits = (_limits(points["x"]), _limits(points["y"]))
        for number, run in enumerate(runs):
            places = [place for place, row in enumerate(points["rows"]) if owners[row] == number]
            if not places:
                continue
            columns = {key: [points[key][place] for place in places] for key in ("rows", "x", "y")}
            projection = {
                "persona": everyone,
                "layer": run.states.layers[-1],
                "temperature": run.temperature,
                kind: points | columns,
            }
            yield map_figure(
                kind,
                projection,
                persona_names(suite.personas, everyone),
                suite_id=suite.id,
                title=f"{MAPS[kind]}, {what}: {run.name}",
                limits=limits,
            )


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room


def _points(
    suite: str,
    folders: tuple[RunFolder, RunFolder],
    states: tuple[States, States],
    names: tuple[str, str],
) -> list[_Points]:
    """Return both runs at the common temperature nearest to 1; nothing without a common one."""
    rows = []
    for folder, stored in zip(folders, states, strict=True):
        by_id = {s.sample_id: s for s in folder.sealed_samples() if s.suite == suite}
        rows.append([by_id[id] for id in stored.samples])
    common = set.intersection(*({sample.temperature for sample in samples} for samples in rows))
    if not common:
        return []
    temperature = nearest(tuple(common), OWN_TEMPERATURE)
    return [
        _Points(name=name, states=stored, temperature=temperature, samples=samples)
        for name, stored, samples in zip(names, states, rows, strict=True)
    ]


def _profiles(one: SuiteResults, other: SuiteResults, names: tuple[str, str]) -> Iterator[Figure]:
    common = tuple(sorted(set(one.temperatures) & set(other.temperatures)))
    if not common:
        return
    temperature = f"{nearest(common, OWN_TEMPERATURE):g}"
    for metric in PROFILES:
        profiles = [suite.notes_of(metric).profile.get(temperature, []) for suite in (one, other)]
        if all(any(row["value"] is not None for row in rows) for rows in profiles):
            lines = list(zip(names, profiles, strict=True))
            yield profile_figure(metric, lines, suite_id=one.id)


def _states(folder: RunFolder, suite: str, reading: str) -> States | None:
    states = read_states(folder.path / "hidden" / f"{suite}-{reading}")
    if states is None and reading == "model":
        raise UserError(
            f"{folder.path}: no hidden states of suite {suite} are stored there; "
            f"run `sfr-eval score {folder.path} --metrics geometry` first"
        )
    return states


def _names(folders: tuple[RunFolder, RunFolder], manifests: Sequence[Manifest]) -> tuple[str, str]:
    """Return the models' names, or the folders' where these are the same."""
    one, other = (Path(manifest.name).name for manifest in manifests)
    return (folders[0].path.name, folders[1].path.name) if one == other else (one, other)
