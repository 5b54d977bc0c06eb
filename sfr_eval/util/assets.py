"""Finds tasks/, judges/, presets/ and reports/: the user's own, a checkout's, or a wheel's.

Search order, first match wins: a path; the folders of `SFR_EVAL_ASSETS` (separated by the path
separator, each with tasks/, judges/, presets/ or reports/ inside); the package's own.
"""

import os
import stat
from pathlib import Path
from typing import Literal

from sfr_eval.errors import UserError, did_you_mean


def roots() -> list[Path]:
    """Return the folders that hold tasks/, judges/, presets/ and reports/, in search order."""
    users = [Path(part) for part in os.environ.get("SFR_EVAL_ASSETS", "").split(os.pathsep) if part]
    package = Path(__file__).parents[1]
    wheel = package / "assets"
    return [*users, wheel if wheel.is_dir() else package.parent]


def available(kind: Literal["tasks", "judges", "presets"]) -> dict[str, Path]:
    """Map the name of every asset of a kind to its path: a suite's folder, or a YAML file."""
    paths: dict[str, Path] = {}
    for root in reversed(roots()):
        if kind == "tasks":
            paths |= {path.parent.name: path.parent for path in root.glob("tasks/*/suite.yaml")}
        else:
            paths |= {path.stem: path for path in root.glob(f"{kind}/*.yaml")}
    return dict(sorted(paths.items()))


def find_suite(name: str) -> Path:
    """Return the folder of a suite, given by name or path. Raises UserError if there is none."""
    if os.sep in name or name.startswith("."):
        folder = Path(name)
        if not (folder / "suite.yaml").is_file():
            raise UserError(f"--suite {name}: no suite.yaml in this folder")
        return folder
    suites = available("tasks")
    if name not in suites:
        raise UserError(f"--suite {name}: unknown suite; {did_you_mean(name, suites)}")
    return suites[name]


def report_file(name: str) -> Path:
    """Return the path of a template or style sheet, e.g. `report.html.j2`."""
    for root in roots():
        if (root / "reports" / name).is_file():
            return root / "reports" / name
    raise UserError(f"reports/{name}: not found; reinstall sfr-eval or correct SFR_EVAL_ASSETS")


def cache_folder() -> Path:
    """Return the folder that keeps demo checkpoints, embeddings and fingerprints between runs:
    SFR_EVAL_CACHE, else XDG_CACHE_HOME/sfr-eval, else ~/.cache/sfr-eval."""
    if folder := os.environ.get("SFR_EVAL_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sfr-eval"


def cache_open_to_others() -> str | None:
    """Return a warning if other users of this machine can write to the cache, where they could
    plant embeddings, fingerprints or checkpoints; None if they cannot, or if there is no cache."""
    folder = cache_folder()
    try:
        status = folder.stat()
    except OSError:
        return None
    if status.st_mode & stat.S_IWOTH:
        who = "every user of this machine"
    elif status.st_uid not in (os.geteuid(), 0):
        who = "another user, who owns it,"
    elif status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid():
        who = "every user of its group"
    else:
        return None
    return (
        f"cache {folder}: {who} can write to it, and so change results; run chmod go-w on "
        "it, or set SFR_EVAL_CACHE to a folder of your own"
    )
