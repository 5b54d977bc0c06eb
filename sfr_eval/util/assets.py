"""Finds tasks/, judges/ and reports/: the user's own, a checkout's, or an installed wheel's.

Search order, first hit wins: a path given as such; `SFR_EVAL_ASSETS` (folders separated by the
path separator, each with tasks/ judges/ reports/ inside); the package's own.
"""

import os
import stat
from pathlib import Path
from typing import Literal

from sfr_eval.errors import UserError, did_you_mean

Kind = Literal["tasks", "judges", "reports"]
_MARKER: dict[Kind, str] = {"tasks": "suite.yaml", "judges": "*.yaml", "reports": "*"}


def roots() -> list[Path]:
    """Folders that hold tasks/, judges/ and reports/, in search order."""
    own = [Path(part) for part in os.environ.get("SFR_EVAL_ASSETS", "").split(os.pathsep) if part]
    package = Path(__file__).parents[1]
    wheel = package / "assets"
    return [*own, wheel if wheel.is_dir() else package.parent]


def available(kind: Kind) -> dict[str, Path]:
    """Name -> path of every asset of a kind: a suite's folder, a judge's or a report's file."""
    found: dict[str, Path] = {}
    for root in reversed(roots()):
        folder = root / kind
        if kind == "tasks":
            found.update({path.parent.name: path.parent for path in folder.glob("*/suite.yaml")})
        else:
            found.update({path.stem: path for path in sorted(folder.glob(_MARKER[kind]))})
    return dict(sorted(found.items()))


def find_suite(name: str) -> Path:
    """The folder of a suite by name or by path; UserError with the near name if there is none."""
    if os.sep in name or name.startswith("."):
        folder = Path(name)
        if not (folder / "suite.yaml").is_file():
            raise UserError(f"--suite {name}: no suite.yaml in this folder")
        return folder
    known = available("tasks")
    if name not in known:
        raise UserError(f"--suite {name}: unknown suite; {did_you_mean(name, known)}")
    return known[name]


def report_file(name: str) -> Path:
    """A template or style by file name, e.g. `report.html.j2`."""
    for root in roots():
        if (root / "reports" / name).is_file():
            return root / "reports" / name
    raise UserError(f"reports/{name}: not found; reinstall sfr-eval or mend SFR_EVAL_ASSETS")


def cache_folder() -> Path:
    """Where trained demo checkpoints, embeddings and fingerprints are kept between runs:
    SFR_EVAL_CACHE, else XDG_CACHE_HOME/sfr-eval, else ~/.cache/sfr-eval."""
    if own := os.environ.get("SFR_EVAL_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sfr-eval"


def cache_open_to_others() -> str | None:
    """A line if other users of this machine can write to the cache, where they could plant
    embeddings, fingerprints or checkpoints; None if it is ours alone or not there yet."""
    folder = cache_folder()
    try:
        found = folder.stat()
    except OSError:
        return None
    if found.st_mode & stat.S_IWOTH:
        who = "every user of this machine"
    elif found.st_uid not in (os.geteuid(), 0):
        who = "another user, who owns it,"
    elif found.st_mode & stat.S_IWGRP and found.st_gid != os.getegid():
        who = "every user of its group"
    else:
        return None
    return (
        f"cache {folder}: {who} can write to it, and so change results; chmod go-w it, or set "
        "SFR_EVAL_CACHE to a folder of your own"
    )
