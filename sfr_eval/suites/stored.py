"""Loads the suites of a stored run again."""

from pathlib import Path

from sfr_eval.config import TeacherSettings
from sfr_eval.errors import UserError
from sfr_eval.settings import CodeSettings
from sfr_eval.store.manifest import FILE, Manifest
from sfr_eval.suites.own import kept_folder
from sfr_eval.suites.suite import SUITE_FILE, Suite, load_suite


def stored_suite(folder: Path, manifest: Manifest, suite: str) -> Suite | None:
    """Return a suite of a run; None if it is not at hand, or has changed since the run."""
    version = manifest.part(suite).version
    for name in _names(folder, manifest):
        try:
            loaded = _load(folder, manifest, name)
        except UserError:
            continue
        if (loaded.id, loaded.version) == (suite, version):
            return loaded
    return None


def query_texts(folder: Path, manifest: Manifest, suite: str) -> dict[str, str]:
    """Return the texts of a suite's queries by id; {} if the suite is not at hand as it was."""
    loaded = stored_suite(folder, manifest, suite)
    return {} if loaded is None else dict(loaded.queries)


def require_stored_suites(folder: Path, manifest: Manifest) -> list[Suite]:
    """Return all suites of a run. Raises UserError if one has changed since the run."""
    suites, names = [], _names(folder, manifest)
    if len(names) != len(manifest.plan):
        raise UserError(
            f"{folder / FILE}: damaged (names {len(names)} suites, its plan {len(manifest.plan)}); "
            "restore it"
        )
    for name, part in zip(names, manifest.plan, strict=True):
        suite = _load(folder, manifest, name)
        if suite.version != part.version:
            raise UserError(
                f"suite {suite.id}: is at version {suite.version}, the run was made with "
                f"{part.version}; run again, or score it with that version"
            )
        suites.append(suite)
    return suites


def _names(folder: Path, manifest: Manifest) -> list[str]:
    """Return the suites as load_suite finds them, in the order of the plan: those that the user
    named, then those that the run folder keeps."""
    kept = (kept_folder(folder, part.suite) for part in manifest.plan)
    own = [str(path.absolute()) for path in kept if (path / SUITE_FILE).is_file()]
    return [*manifest.config.suite, *own]


def _load(folder: Path, manifest: Manifest, name: str) -> Suite:
    config, read = manifest.config, f"{folder / FILE}: config."
    code = CodeSettings.from_flat(config.stored(), where=read)
    sees = TeacherSettings.from_flat(config.stored(), where=read).student_sees
    return load_suite(name, personas=config.personas or None, code=code, sees=sees)
