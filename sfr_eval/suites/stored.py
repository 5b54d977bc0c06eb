"""The suites of a run, read back from its folder."""

from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.suites.problems.options import CodeOptions
from sfr_eval.suites.suite import Suite, load_suite


def stored_suites(manifest: dict[str, Any]) -> list[Suite]:
    """The suites of a run; UserError if their data have changed since."""
    config = manifest["config"]
    personas = config.get("personas")
    suites = []
    for name, part in zip(config["suite"], manifest["plan"], strict=True):
        suite = load_suite(
            name,
            personas=tuple(personas) if personas else None,
            code=CodeOptions.from_config(config),
        )
        if suite.version != part["version"]:
            raise UserError(
                f"suite {suite.id}: is at version {suite.version}, the run was made with "
                f"{part['version']}; run again, or score it with that version"
            )
        suites.append(suite)
    return suites
