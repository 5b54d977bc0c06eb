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
    """How a command ended and what it printed: in lower case, as one line, without the legend of
    its marks and without the suite. `reasons` are its warnings and verdicts alone: a table names
    metrics, whatever their values."""

    exit_code: int
    text: str
    reasons: str = ""


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
    return Said(result.return_value or 0, result.output.lower())


def one_line(text: str) -> str:
    """A text without the ends of its lines, where words of one phrase may be apart, and without
    the name of the suite, which is also the word for what replies may lose."""
    return " ".join(text.split()).replace("persona, ", "")


@pytest.fixture(scope="session")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """Name and kind of a run -> its scored run folder."""
    folder = tmp_path_factory.mktemp("runs")
    names = [TRUTH, AGAIN, *attacks_on({})]

    @cache
    def score(name: str, kind: Kind) -> Path:
        # What a command prints of files and folders must not name the attack.
        run = folder / f"{names.index(name)}-{kind}"
        if kind == "benchmark":
            shutil.copytree(score(name, "imported"), run)
            runs = RunFolder(run)
            manifest = runs.read_manifest()
            assert manifest is not None
            runs.write_manifest(manifest.model_copy(update={"world": "persona"}))
            command("score", str(run))
            return run
        file = folder / f"{names.index(name)}.jsonl"
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
        output = runs[0].with_name(f"{runs[0].name}-{runs[1].name}")
        labels = ("--label", "baseline", "--label", "candidate")
        said = command("compare", *map(str, runs), *labels, "--output", str(output))
        text = said.text.replace(LEGEND.lower(), "")
        return Said(
            said.exit_code, one_line(text), one_line(said.text.partition(LEGEND.lower())[2])
        )

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
        output = file.with_name(f"{old.name}-{new.name}.check.json")
        options = ("--candidate", str(new), "--output", str(output))
        said = command("check", "--baseline", str(file), *options)
        warnings = [line for line in said.text.splitlines() if line.startswith("warning: ")]
        rows = json.loads(output.read_text())["rows"]
        reasons = [
            f"{row['metric']} {row['reason']}".lower()
            for row in rows
            if row["verdict"] in ("fail", "unverified")
        ]
        return Said(said.exit_code, one_line(said.text), one_line("\n".join([*warnings, *reasons])))

    return check
