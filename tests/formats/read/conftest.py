"""Files of other tools, written as they write them, and what is read from them."""

import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.formats.read.folder import import_runs
from sfr_eval.formats.read.names import Fields
from sfr_eval.settings import CodeSettings
from sfr_eval.store.manifest import Manifest
from sfr_eval.suites.stored import require_stored_suites
from sfr_eval.suites.suite import Suite
from sfr_eval.types import Sample

Row = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """An imported run."""

    folder: Path
    manifest: Manifest
    samples: list[Sample]

    @property
    def suite(self) -> Suite:
        """The suite as scoring loads it."""
        return require_stored_suites(self.folder, self.manifest)[0]

    @property
    def replies(self) -> list[tuple[str, str]]:
        """(question, text) of each reply."""
        questions = self.suite.queries
        return [(questions[sample.query], sample.text) for sample in self.samples]

    @property
    def said(self) -> str:
        """All warnings."""
        return " ".join(self.manifest.imported.warnings) if self.manifest.imported else ""


@pytest.fixture
def place(tmp_path: Path) -> Callable[..., Path]:
    """Write a file: bytes, text, or rows as JSON lines."""

    def write(name: str, content: bytes | str | Iterable[Any]) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = content.encode()
        elif not isinstance(content, bytes):
            content = "".join(json.dumps(row) + "\n" for row in content).encode()
        file.write_bytes(content)
        return file

    return write


@pytest.fixture
def read_all(tmp_path: Path) -> Callable[..., dict[str, Run]]:
    """Import files; returns a run for each model, by its name."""
    numbers = itertools.count()

    def read(
        *files: Path,
        suite: str | None = None,
        code: dict[str, Any] | None = None,
        missing_fail: bool = False,
        **fields: str,
    ) -> dict[str, Run]:
        imported = import_runs(
            files,
            suite=suite,
            output=tmp_path / f"run{next(numbers)}",
            code=CodeSettings(**code or {}),
            fields=Fields(**fields),
            missing_fail=missing_fail,
        )
        runs = {}
        for folder in imported.folders:
            manifest = Manifest.load(folder.path)
            runs[manifest.name] = Run(folder.path, manifest, folder.sealed_samples())
        return runs

    return read


@pytest.fixture
def read_one(read_all: Callable[..., dict[str, Run]]) -> Callable[..., Run]:
    """Import files of one model."""

    def read(*files: Path, **options: Any) -> Run:
        (run,) = read_all(*files, **options).values()
        return run

    return read


@pytest.fixture
def problems(place: Callable[..., Path]) -> Path:
    """Three problems in HumanEval's form."""
    bodies = {
        "double": ("    return 2 * n\n", 4),
        "halve": ("    return n / 2\n", 1),
        "negate": ("    return -n\n", -2),
    }
    rows = [
        {
            "task_id": f"Own/{number}",
            "entry_point": name,
            "prompt": f'def {name}(n):\n    """ {name.title()} the number n. """\n',
            "canonical_solution": body,
            "test": f"def check(candidate):\n    assert candidate(2) == {of_two}\n",
        }
        for number, (name, (body, of_two)) in enumerate(bodies.items())
    ]
    return place("problems/own.jsonl", rows)


@pytest.fixture
def quiz(place: Callable[..., Path]) -> str:
    """A suite whose ids are running numbers."""
    spec = "id: quiz\nversion: '1'\ntitle: A quiz\nqueries: queries.jsonl\nmetrics: [text]\n"
    place("quiz/suite.yaml", spec)
    questions = ["Why is rust red?", "Which bird sings at night?", "How deep is the North Sea?"]
    rows = [{"id": str(number), "text": text} for number, text in enumerate(questions, start=1)]
    return str(place("quiz/queries.jsonl", rows).parent)
