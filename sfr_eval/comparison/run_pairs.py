"""Which runs are compared with which: each with the base, or two sweeps decoder by decoder."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sfr_eval.comparison.runs import ScoredRun, open_runs
from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.store.manifest import FILE as MANIFEST
from sfr_eval.store.sweep_folder import decoders_of, expanded

Folder = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class RunPairs:
    """The runs of a comparison, and the pairs that are decided about: the base of a pair first."""

    runs: tuple[ScoredRun, ...]
    pairs: tuple[tuple[ScoredRun, ScoredRun], ...]
    left_out: tuple[str, ...] = ()  # decoders that only one of the sweeps has, as notes


def open_pairs(
    folders: Sequence[Folder], *, labels: Sequence[str] = (), base: Folder | None = None
) -> RunPairs:
    """Open the runs of a comparison, and pair each with the base: the first, or `base`, which is a
    label or one of the folders. The folder of a sweep stands for the runs of its decoders; if all
    folders are sweeps, two or more, the runs of equal decoders are paired.

    `labels` name the runs in their order, or the sweeps. Raises UserError for folders that are no
    scored runs, for a single run, and for labels and a base that fit none.
    """
    paths = [Path(folder) for folder in folders]
    sweeps = [decoders_of(path) for path in paths]
    for path, members in zip(paths, sweeps, strict=True):
        _require_all(path, members)
    if len(paths) > 1 and all(sweeps):
        return _by_decoder(paths, sweeps, labels=labels, base=base)
    members = expanded(paths)
    if len(members) < 2:
        raise UserError(f"compare {paths[0]}: one run only; name another to compare it with")
    runs = open_runs(members, labels=labels)
    if base is not None:
        place = place_of(base, [run.label for run in runs], [run.folder for run in runs])
        runs.insert(0, runs.pop(place))
    first, *others = runs
    return RunPairs(runs=tuple(runs), pairs=tuple((first, other) for other in others))


def _require_all(sweep: Path, members: Sequence[Path]) -> None:
    """Raise UserError for a sweep that was interrupted before its last decoder."""
    missing = [run.name for run in members if not (run / MANIFEST).is_file()]
    if missing:
        raise UserError(
            f"{sweep}: the sweep is not finished ({', '.join(missing)} missing); repeat the run "
            "command, which draws what is missing"
        )


def place_of(base: Folder, labels: Sequence[str], folders: Sequence[Path]) -> int:
    """Return the place of the base, which is a label or a folder. Raises UserError if there is
    none."""
    if str(base) in labels:
        return labels.index(str(base))
    resolved = [folder.resolve() for folder in folders]
    if (here := Path(base).resolve()) in resolved:
        return resolved.index(here)
    raise UserError(f"--base {base}: no such run; {did_you_mean(str(base), labels)}")


def _by_decoder(
    paths: Sequence[Path],
    sweeps: Sequence[Sequence[Path]],
    *,
    labels: Sequence[str],
    base: Folder | None,
) -> RunPairs:
    """Pair the runs of the first sweep, or of `base`, with those of the others that have the same
    decoder."""
    names = list(labels) or [str(path) for path in paths]
    if len(names) != len(paths):
        raise UserError(
            f"--label: {len(labels)} given for {len(paths)} sweeps; name each sweep once, in order"
        )
    order = list(range(len(paths)))
    if base is not None:
        order.insert(0, order.pop(place_of(base, names, paths)))
    decoders = [{run.name: run for run in sweeps[place]} for place in order]
    shared = [name for name in decoders[0] if any(name in other for other in decoders[1:])]
    if not shared:
        listed = "; ".join(
            f"{paths[place]}: {', '.join(decoders[number])}" for number, place in enumerate(order)
        )
        raise UserError(f"compare: the sweeps have no decoder in common ({listed})")
    chosen = [
        (place, name, decoders[number][name])
        for number, place in enumerate(order)
        for name in shared
        if name in decoders[number]
    ]
    named = [f"{names[place]} ({name})" for place, name, _ in chosen] if labels else ()
    runs = open_runs([run for _, _, run in chosen], labels=named)
    by_place = {(place, name): run for (place, name, _), run in zip(chosen, runs, strict=True)}
    return RunPairs(
        runs=tuple(runs),
        pairs=tuple(
            (by_place[order[0], name], by_place[place, name])
            for place in order[1:]
            for name in shared
            if (place, name) in by_place
        ),
        left_out=tuple(
            f"Only {paths[place]} has {', '.join(extra)}: not compared."
            for number, place in enumerate(order)
            if (extra := [name for name in decoders[number] if name not in shared])
        ),
    )
