"""A run beside the run of its base model: what the report says of the two."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sfr_eval.comparison.against import against_base
from sfr_eval.errors import UserError
from sfr_eval.store.against import Against
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.temperature import OWN_TEMPERATURE, nearest
from sfr_eval.types import Estimate

BASE = "the base model"
KIND = "base model"


def check_base_run(base: Path, suites: dict[str, str], *, output: Path) -> None:
    """Raise UserError, before anything is drawn, unless `base` is a scored run of one of the suites
    (id -> version), and another one than `output`."""
    if base.resolve() == output.resolve():
        raise UserError(f"--base-run {base}: is this run itself; name that of the base model")
    manifest = Manifest.load(base)
    Results.load(base)
    shared = [part for part in manifest.plan if part.suite in suites]
    if not shared:
        names = ", ".join(part.suite for part in manifest.plan)
        raise UserError(f"--base-run {base}: is a run of {names}, not of {', '.join(suites)}")
    for part in shared:
        if part.version != suites[part.suite]:
            raise UserError(
                f"--base-run {base}: was made with suite {part.suite} {part.version}, which is "
                f"now {suites[part.suite]}: run the base model again"
            )


def add_base(folder: RunFolder, base: Path) -> None:
    """Put what is said against the base model into the stored results of a scored run. Raises
    UserError if `base` is not a scored run of its suites."""
    plan = Manifest.load(folder.path).plan
    check_base_run(base, {part.suite: part.version for part in plan}, output=folder.path)
    with folder:
        folder.write_results(with_base(folder, base))


def with_base(folder: RunFolder, base: Path) -> Results:
    """Return the stored results of a run with what `compare` says of it against its base model, and
    with the base's values as reference where there is no other. Two runs that may not be compared
    leave the reason instead of a verdict."""
    results = folder.read_results()
    try:
        found = against_base(folder.path, base)
    except UserError as error:
        name = base.resolve().name
        refused = Against(
            kind=KIND,
            name=name,
            headline=f"Not compared with the base model {name}",
            sentences=(f"{error}.",),
        )
        suites = dict.fromkeys(row.suite for row in results.estimates)
        return _with(results, dict.fromkeys(suites, refused), {}, {})
    reference = {suite: tuple(rows) for suite, rows in _estimates(results, base) if rows}
    free = {suite for suite in reference if results.reference_of.get(suite, BASE) == BASE}
    free -= {suite for suite in results.reference if suite not in results.reference_of}
    return _with(
        results,
        found,
        {suite: rows for suite, rows in reference.items() if suite in free},
        dict.fromkeys(free, BASE),
    )


def _with(
    results: Results,
    against: dict[str, Against],
    reference: dict[str, tuple[Estimate, ...]],
    reference_of: dict[str, str],
) -> Results:
    both = {
        suite: (*(one for one in results.against.get(suite, ()) if one.kind != KIND), row)
        for suite, row in against.items()
    }
    update: dict[str, Any] = {
        "against": {**results.against, **both},
        "reference": {**results.reference, **reference},
        "reference_of": {**results.reference_of, **reference_of},
    }
    return results.model_copy(update={name: rows for name, rows in update.items() if rows})


def _estimates(results: Results, base: Path) -> Iterator[tuple[str, list[Estimate]]]:
    """Yield (suite, the base's estimates at its temperature nearest to 1) of metrics that were
    measured in the same way in both."""
    ours = {(row.suite, row.metric): row.signature for row in results.estimates}
    for suite in read_suites(Manifest.load(base), Results.load(base)):
        t = nearest(suite.temperatures, OWN_TEMPERATURE)
        yield (
            suite.id,
            [
                row
                for row in suite.estimates.values()
                if row.temperature == t and ours.get((suite.id, row.metric)) == row.signature
            ],
        )
