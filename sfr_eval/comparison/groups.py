"""Groups of runs: the trainings of one recipe, which differ in the seed of training alone."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from sfr_eval.comparison.lengths import Side
from sfr_eval.comparison.mismatch import Mismatch
from sfr_eval.comparison.runs import ScoredRun, open_runs
from sfr_eval.errors import UserError
from sfr_eval.store.sweep_folder import expanded
from sfr_eval.types import PromptKey

Folder = str | os.PathLike[str]

_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, kw_only=True)
class RunGroup:
    """Runs of one recipe, one for each training."""

    name: str
    runs: tuple[ScoredRun, ...]

    @property
    def is_one_training(self) -> bool:
        """Whether nothing is known about other trainings of this recipe."""
        return len(self.runs) == 1

    def means(self, suite: str) -> Side:
        """Return the means over the runs, prompt by prompt where all have a value."""

        def values(metric: str) -> dict[float, dict[PromptKey, float]]:
            if not all(metric in run.suites[suite].metrics for run in self.runs):
                return {}
            first, *others = [run.values(suite, metric) for run in self.runs]
            return {
                t: {
                    key: sum((value, *(other[t][key] for other in others))) / len(self.runs)
                    for key, value in prompts.items()
                    if all(key in other.get(t, {}) for other in others)
                }
                for t, prompts in first.items()
            }

        return values


def parse_groups(texts: Sequence[str]) -> dict[str, list[Path]]:
    """Read `sft=runs/sft-*,runs/other` once for each group. Returns name -> run folders.

    Patterns are expanded to the run folders that match, numbers in their names in order (2 before
    10). Raises UserError for a text of another form, for a name that comes twice, and for a pattern
    that matches no run.
    """
    groups: dict[str, list[Path]] = {}
    for text in texts:
        name, equals, folders = (part.strip() for part in text.partition("="))
        parts = [part.strip() for part in folders.split(",") if part.strip()]
        if not (name and equals and parts):
            raise UserError(f"--group {text}: write it as NAME=FOLDER,FOLDER,...")
        if name in groups:
            raise UserError(f"--group {name}: named twice; list all its folders behind one `=`")
        groups[name] = [folder for part in parts for folder in _expanded(part, name)]
    return groups


def single_runs(folders: Sequence[Folder]) -> dict[str, list[Path]]:
    """Return the runs that stand beside groups, each as a group of its own by its folder's name.
    The folder of a sweep stands for the runs of its decoders. Raises UserError for two folders of
    one name."""
    groups: dict[str, list[Path]] = {}
    for run in expanded(map(Path, folders)):
        name = run.resolve().name
        if name in groups:
            raise UserError(f"compare {run}: {groups[name][0]} has this name, too; use --group")
        groups[name] = [run]
    return groups


def _expanded(text: str, name: str) -> list[Path]:
    path = Path(text).expanduser()
    if path.exists() or not _MAGIC.search(text):
        return [path]
    runs = [Path(match) for match in glob(str(path)) if (Path(match) / "manifest.json").is_file()]
    if not runs:
        raise UserError(f"--group {name}: {text} matches no run folder")
    return sorted(runs, key=lambda run: _natural(str(run)))


def _natural(text: str) -> list[tuple[int, str]]:
    """Return a key by which seed-2 comes before seed-10."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def open_groups(groups: Mapping[str, Sequence[Folder]]) -> list[RunGroup]:
    """Open the runs of two or more groups.

    Raises UserError for fewer groups, for a group without a run, for a folder that stands in two
    places, and for a folder that is not a scored run.
    """
    if len(groups) < 2:
        raise UserError(
            f"--group: {len(groups)} given; two or more are needed, the first is what the others "
            "are compared with"
        )
    for name, members in groups.items():
        if not members:
            raise UserError(f"--group {name}: holds no run")
    owners: dict[Path, str] = {}
    for name, members in groups.items():
        for member in members:
            owner = owners.setdefault(folder := Path(member).resolve(), name)
            if owner != name:
                raise UserError(f"--group {name}: {folder} is in {owner}, too")
        for folder, count in Counter(Path(member).resolve() for member in members).items():
            if count > 1:
                raise UserError(f"--group {name}: {folder} comes twice; a run is one training")
    folders = [Path(member) for members in groups.values() for member in members]
    runs = iter(open_runs(folders))
    return [
        RunGroup(name=name, runs=tuple(next(runs) for _ in members))
        for name, members in groups.items()
    ]


def equal_weights(group: RunGroup) -> Iterator[Mismatch]:
    """Yield the runs of a group that are of the same weights, or hold the same replies: one
    training, seen twice. Counted as two, it would show no spread between trainings."""
    first: dict[tuple[str, str], str] = {}
    for run in group.runs:
        for what, key in (("weights", run.fingerprint), ("replies", _replies(run))):
            other = first.setdefault((what, key), run.label)
            if other != run.label:
                yield Mismatch(
                    what=f"{group.name}: one training counted twice, with the same {what}",
                    first=other,
                    second=run.label,
                )
                break


def _replies(run: ScoredRun) -> str:
    """Return a hash of all replies, in whatever order they are stored."""
    rows = sorted((s.suite, *s.cell, s.index, s.text) for s in run.samples)
    return hashlib.sha256(repr(rows).encode(errors="surrogatepass")).hexdigest()
