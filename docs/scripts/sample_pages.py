"""The sample report and comparison of the site: made anew by the current code at every build.

python docs/scripts/sample_pages.py FOLDER     # the two pages, to look at

mkdocs loads this file as a hook (mkdocs.yml). The pages are not committed: they would be a megabyte
of old templates in every clone. Nothing is loaded but the sentence encoder; the "models" are the
simulator without and with a collapse. It takes two minutes of CPU time.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RUN = (
    *("run", "--suite", "persona", "--limit", "10", "--samples", "8"),
    *("--temperatures", "0.4,0.7,1.0,1.3"),
)
MODELS = {"base": "world:cross=0,within=0", "tuned": "world:cross=0.5,within=0.4"}
LARGEST = 2_500_000
"""Bytes that a page may have."""

_made: dict[str, bytes] = {}  # `mkdocs serve` builds often; the pages are made once


def sample_pages(folder: Path) -> dict[str, bytes]:
    """Run both models and compare them in `folder`. Returns name -> page."""
    for name, model in MODELS.items():
        base = ("--base-run", "runs/base") if name != "base" else ()
        _command(folder, *RUN, "--model", model, "--output", f"runs/{name}", *base)
    runs = [f"runs/{name}" for name in MODELS]
    _command(folder, "compare", *runs, "--output", "runs/compare")
    pages = {
        "sample/report.html": (folder / "runs" / "tuned" / "report.html").read_bytes(),
        "sample/compare.html": (folder / "runs" / "compare" / "compare.html").read_bytes(),
    }
    for name, page in pages.items():
        if len(page) > LARGEST:
            raise SystemExit(f"{name}: {len(page):,} bytes, more than {LARGEST:,}")
    return pages


def _command(folder: Path, *arguments: str) -> None:
    environment = {"HF_HUB_OFFLINE": "1", **os.environ}
    command = [sys.executable, "-m", "sfr_eval", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        lines = done.stdout.decode(errors="replace").splitlines()
        raise SystemExit("\n".join([f"sfr-eval {' '.join(arguments)} failed:", *lines[-5:]]))


def on_files(files: Any, config: Any) -> Any:
    """Add the pages to the `Files` of the site. mkdocs calls this."""
    from mkdocs.structure.files import File

    if not _made:
        with tempfile.TemporaryDirectory() as folder:
            _made.update(sample_pages(Path(folder)))
    for name, page in _made.items():
        files.append(File.generated(config, name, content=page))
    return files


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    sample_pages(target)
