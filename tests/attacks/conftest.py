"""Runs of attacked replies of the persona benchmark, imported as rows of another tool and scored
with the defaults. Each is made once, when a test first asks for it."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from click.testing import CliRunner

from sfr_eval.calibration.attacks import attacks_on
from sfr_eval.cli import app
from sfr_eval.comparison.terminal import LEGEND
from sfr_eval.errors import RunError, UserError
from sfr_eval.plan import sample_seed
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import load_suite
from sfr_eval.types import Sample

QUERIES, PERSONAS, REPLIES = 16, 4, 8
TRUTH = "truth"
AGAIN = "truth_again"
"""Other draws from the same distribution as `TRUTH`."""


Kind = Literal["imported", "benchmark"]
"""imported: rows of a model about which nothing is known, so that quality is only whether replies
are recognised as answers; benchmark: a model that speaks the benchmark's grammar, which then judges
its quality."""


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed, in lower case, without the legend of its marks."""

    exit_code: int
    text: str


Scored = Callable[[str, Kind], Path]
Decided = Callable[[str, str, Kind], Said]


def truth(part: str) -> list[Sample]:
    """Replies of the reference distribution to sixteen questions of four topics or more."""
    suite = load_suite("persona")
    assert suite.world is not None
    rows = []
    for query in list(suite.queries)[:: len(suite.queries) // QUERIES][:QUERIES]:
        for persona in list(suite.personas)[:PERSONAS]:
            for index in range(REPLIES):
                seed = sample_seed(
                    0, suite=part, prompt=f"{query}/{persona}", temperature=1.0, index=index
                )
                text = suite.world.sample(persona, query, np.random.default_rng(seed))
                rows.append(
                    Sample(
                        sample_id=f"{query}/{persona}/{index}",
                        suite=suite.id,
                        query=query,
                        persona=persona,
                        temperature=1.0,
                        index=index,
                        seed=0,
                        status="ok",
                        text=text,
                        prompt_tokens=0,
                        completion_tokens=len(text.split()),
                    )
                )
    return rows


def rows_of(name: str) -> Sequence[Sample]:
    """The replies of a run: the truth, other draws from it, or the truth under an attack."""
    if name == AGAIN:
        return truth(AGAIN)
    whole = truth(TRUTH)
    if name == TRUTH:
        return whole
    edit = attacks_on(load_suite("persona").queries)[name].edit
    return edit(whole, np.random.default_rng(0))


def command(*arguments: str) -> Said:
    """Run a command of sfr-eval in this process."""
    result = CliRunner().invoke(app, arguments, standalone_mode=False)
    if result.exception is not None:
        assert isinstance(result.exception, (UserError, RunError)), result.output
        raise result.exception
    return Said(result.return_value or 0, result.output.replace(LEGEND, "").lower())


@pytest.fixture(scope="session")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """Name and kind of a run -> its scored run folder."""
    folder = tmp_path_factory.mktemp("attacks")

    @cache
    def score(name: str, kind: Kind) -> Path:
        run = folder / f"{name}-{kind}"
        if kind == "benchmark":
            shutil.copytree(score(name, "imported"), run)
            runs = RunFolder(run)
            manifest = runs.read_manifest()
            assert manifest is not None
            runs.write_manifest(manifest.model_copy(update={"world": "persona"}))
            command("score", str(run))
            return run
        file = folder / f"{name}.jsonl"
        fields = ("query", "persona", "temperature", "index", "text")
        rows = ({field: getattr(sample, field) for field in fields} for sample in rows_of(name))
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        command("score", str(file), "--suite", "persona", "--output", str(run))
        return run

    return score


@pytest.fixture(scope="session")
def compared(scored: Scored) -> Decided:
    """Names of two runs, and their kind -> what `compare` says of them."""

    @cache
    def compare(first: str, second: str, kind: Kind) -> Said:
        runs = [scored(name, kind) for name in (first, second)]
        output = runs[0].parent / f"{first}-{second}-{kind}"
        return command("compare", *map(str, runs), "--output", str(output))

    return compare


@pytest.fixture(scope="session")
def gated(scored: Scored) -> Decided:
    """Names of baseline and candidate, and their kind -> how `check` ends with its defaults."""

    @cache
    def check(baseline: str, candidate: str, kind: Kind) -> Said:
        old, new = (scored(name, kind) for name in (baseline, candidate))
        file = old.with_name(f"{old.name}.baseline.json")
        if not file.exists():
            command("check", "--baseline", str(file), "--write-baseline", str(old))
        output = file.with_name(f"{baseline}-{candidate}-{kind}.check.json")
        options = ("--candidate", str(new), "--output", str(output))
        return command("check", "--baseline", str(file), *options)

    return check
