"""Hidden states of two runs beside each other, on the same axes.

The maps are fitted on the points of both runs together and drawn with the same limits: a run whose
personas have moved together shows it beside one whose personas have not. That presumes that the
same direction means the same in both, as in two fine-tunings of one base; the checkpoints must have
the same width and number of layers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.errors import UserError
from sfr_eval.metrics.maps import POINTS, centred_by, chosen_queries, maps
from sfr_eval.models.states_on_disk import States, read_states
from sfr_eval.report.figures import MODEL, Panel, files
from sfr_eval.report.hidden_maps import MAPS, map_panel, persona_names
from sfr_eval.report.layer_profiles import HIGH, PROFILES, profile_panel
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import SuiteResults, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.temperature import OWN_TEMPERATURE, nearest
from sfr_eval.types import Sample
from sfr_eval.util.files import write_atomic, writing_to

READINGS = {"model": "replies", "blind": "text"}
"""Folder of the states -> what they are of."""


def write_beside(first: RunFolder, second: RunFolder) -> list[Path]:
    """Write plots/<suite>-beside_maps and -beside_profiles (PNG, SVG, CSV) into the first run's
    folder; returns the PNG files. UserError if the runs have no such states in common."""
    names = _two_names(first, second)
    ones, others = ({s.id: s for s in _results(folder)} for folder in (first, second))
    written = []
    for id, suite in ones.items():
        if id not in others:
            continue
        groups = {
            "beside_maps": list(_maps(id, (first, second), names, suite)),
            "beside_profiles": list(_profiles(suite, others[id], names)),
        }
        for kind, panels in groups.items():
            columns = 2 if kind == "beside_maps" else 3
            if not panels:
                continue
            with writing_to(first.path):
                (first.path / "plots").mkdir(exist_ok=True)
                for suffix, content in files(panels, columns=columns):
                    file = first.path / "plots" / f"{id}-{kind}.{suffix}"
                    write_atomic(file, content)
                    written += [file] if suffix == "png" else []
    if not written:
        raise UserError(f"--beside {second.path}: has no suite in common with {first.path}")
    return written


@dataclass(frozen=True, kw_only=True)
class _Points:
    """Replies of one run at one temperature."""

    states: States
    temperature: float
    places: Mapping[str, list[int]]  # query -> places in `states`
    samples: Sequence[Sample]  # by place


def _maps(
    suite: str, folders: tuple[RunFolder, RunFolder], names: tuple[str, str], about: SuiteResults
) -> Iterator[Panel]:
    for reading, what in READINGS.items():
        kept = [_states(folder, suite, reading) for folder in folders]
        one, other = kept
        if one is None or other is None:
            continue
        shapes = [(s.prompt_states.shape[2], s.layers[-1]) for s in (one, other)]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"--beside {folders[1].path}: hidden states of another shape (width, layer "
                f"{shapes[1]}, not {shapes[0]}); only checkpoints of one kind share axes"
            )
        runs = _points(folders, (one, other), suite)
        if runs is not None:
            yield from _joint(suite, runs, names, what, about)


def _joint(
    suite: str,
    runs: Sequence[_Points],
    names: tuple[str, str],
    what: str,
    about: SuiteResults,
) -> Iterator[Panel]:
    """For each kind of map one panel a run, fitted together."""
    common = {
        query: sum(len(run.places[query]) for run in runs)
        for query in runs[0].places
        if query in runs[1].places
    }
    if not common:
        return
    shown = chosen_queries(common, points=2 * POINTS)
    vectors, personas, groups, owners = [], [], [], []
    for number, run in enumerate(runs):
        places = [place for query in shown for place in run.places[query]]
        rows = run.states.replies(places, len(run.states.layers) - 1)
        queries = np.repeat(np.arange(len(shown)), [len(run.places[query]) for query in shown])
        vectors.append(centred_by(rows, queries))
        personas += [run.samples[place].persona for place in places]
        groups.append(queries)
        owners += [number] * len(places)
    _, codes = np.unique(personas, return_inverse=True)
    found = maps(np.concatenate(vectors), codes, np.concatenate(groups))
    owner = np.array(owners)
    for kind in MAPS:
        if kind not in found:
            continue
        points = found[kind]
        limits = (_limits(points["x"]), _limits(points["y"]))
        for number, run in enumerate(runs):
            own = _only(points, owner, number)
            if not own["rows"]:
                continue
            part = {
                "persona": personas,
                "layer": run.states.layers[-1],
                "temperature": run.temperature,
                kind: own,
            }
            yield map_panel(
                kind,
                part,
                persona_names(about.personas, personas),
                suite_id=suite,
                title=f"{MAPS[kind]}, {what}: {names[number]}",
                limits=limits,
            )


def _only(
    points: Mapping[str, Any], owner: npt.NDArray[np.integer[Any]], number: int
) -> dict[str, Any]:
    """The points of one run; what is said of all stays."""
    kept = [place for place, row in enumerate(points["rows"]) if owner[row] == number]
    return {
        **points,
        **{key: [points[key][place] for place in kept] for key in ("rows", "x", "y")},
    }


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room


def _points(
    folders: tuple[RunFolder, RunFolder], kept: tuple[States, States], suite: str
) -> list[_Points] | None:
    """Both runs at the common temperature nearest to 1."""
    samples = [
        {sample.sample_id: sample for sample in folder.sealed_samples() if sample.suite == suite}
        for folder in folders
    ]
    rows = [
        [by_id[id] for id in states.samples] for by_id, states in zip(samples, kept, strict=True)
    ]
    common = set.intersection(*({sample.temperature for sample in of_run} for of_run in rows))
    if not common:
        return None
    temperature = nearest(tuple(common), OWN_TEMPERATURE)
    found = []
    for states, of_run in zip(kept, rows, strict=True):
        places: dict[str, list[int]] = {}
        for place, sample in enumerate(of_run):
            if sample.temperature == temperature and states.has_token(place):
                places.setdefault(sample.query, []).append(place)
        found.append(_Points(states=states, temperature=temperature, places=places, samples=of_run))
    return found


def _profiles(one: SuiteResults, other: SuiteResults, names: tuple[str, str]) -> Iterator[Panel]:
    common = tuple(sorted(set(one.temperatures) & set(other.temperatures)))
    if not common:
        return
    temperature = f"{nearest(common, OWN_TEMPERATURE):g}"
    for metric in PROFILES:
        rows = [suite.notes_of(metric).profile.get(temperature, []) for suite in (one, other)]
        if all(any(row["value"] is not None for row in of_run) for of_run in rows):
            lines = list(zip(names, (MODEL, HIGH), rows, strict=True))
            yield profile_panel(metric, lines, suite_id=one.id)


def _states(folder: RunFolder, suite: str, reading: str) -> States | None:
    found = read_states(folder.path / "hidden" / f"{suite}-{reading}")
    if found is None and reading == "model":
        raise UserError(
            f"{folder.path}: no hidden states of suite {suite} are kept there; "
            f"run `sfr-eval score {folder.path} --metrics geometry` first"
        )
    return found


def _results(folder: RunFolder) -> list[SuiteResults]:
    return read_suites(Manifest.load(folder.path), folder.read_results())


def _two_names(first: RunFolder, second: RunFolder) -> tuple[str, str]:
    """The model names; the folders' where they are the same."""
    names = [Path(Manifest.load(folder.path).name).name for folder in (first, second)]
    if names[0] == names[1]:
        names = [first.path.name, second.path.name]
    return names[0], names[1]
