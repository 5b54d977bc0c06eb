"""Loads the suites of a stored run again."""

from sfr_eval.errors import UserError
from sfr_eval.settings import CodeSettings
from sfr_eval.store.manifest import Manifest
from sfr_eval.suites.suite import Suite, load_suite


def stored_suite(manifest: Manifest, suite: str) -> Suite | None:
    """Return a suite of a run; None if it is not at hand, or has changed since the run."""
    version = manifest.part(suite).version
    for name in manifest.config.suite:
        try:
            loaded = _load(manifest, name)
        except UserError:
            continue
        if (loaded.id, loaded.version) == (suite, version):
            return loaded
    return None


def query_texts(manifest: Manifest, suite: str) -> dict[str, str]:
    """Return the texts of a suite's queries by id; {} if the suite is not at hand as it was."""
    loaded = stored_suite(manifest, suite)
    return {} if loaded is None else dict(loaded.queries)


def require_stored_suites(manifest: Manifest) -> list[Suite]:
    """Return all suites of a run. Raises UserError if one has changed since the run."""
    suites = []
    for name, part in zip(manifest.config.suite, manifest.plan, strict=True):
        suite = _load(manifest, name)
        if suite.version != part.version:
            raise UserError(
                f"suite {suite.id}: is at version {suite.version}, the run was made with "
                f"{part.version}; run again, or score it with that version"
            )
        suites.append(suite)
    return suites


def _load(manifest: Manifest, name: str) -> Suite:
    config = manifest.config
    code = CodeSettings.from_flat(config.stored())
    return load_suite(name, personas=config.personas or None, code=code)
