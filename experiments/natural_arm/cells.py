"""A cell: one arm in one replicate. Its steps are commands of the product, and resume."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from natural_arm.arms import ARMS, BASE, REPLICATES, job
from sfr_eval.api import load
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import load_suite
from sfr_eval.suites.teacher.chats import teacher_chats
from sfr_eval.util.assets import find_suite
from sfr_eval.util.files import write_atomic

QUESTIONS = Path(__file__).parent / "questions.jsonl"
EACH = 8  # questions of a replicate, and replies of the teacher to each prompt
MEASURES = (
    *("forward_kl", "distinct_valid", "reverse_kl", "oracle_valid", "style_strength"),
    *("cs_self_bleu_2", "embed_distance"),
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """What all cells of an experiment share. limit: questions of the suite that are asked."""

    model: str
    results: Path
    work: Path
    limit: int
    engine: str


@dataclass(frozen=True)
class Cell:
    """One arm in one replicate; the base model, which nothing trains, has one cell."""

    arm: str
    replicate: int

    def file(self, place: Place) -> Path:
        """Where its result is written."""
        return place.results / f"{self.arm}-{self.replicate}.json"


def all_cells() -> list[Cell]:
    """All cells in their order: replicate by replicate, so that contrasts are complete early."""
    arms = [Cell(arm, replicate) for replicate in range(REPLICATES) for arm in ARMS]
    return [Cell(BASE, 0), *arms]


def remaining(place: Place) -> list[Cell]:
    """The cells without a result."""
    return [cell for cell in all_cells() if not cell.file(place).is_file()]


def run(cell: Cell, *, place: Place) -> None:
    """Train and measure, and write the result."""
    before = _children()
    model = place.model if cell.arm == BASE else str(_trained(cell, place=place))
    trained = _children()
    runs = load(_measured(cell, model, place=place)).results
    whole = runs[(runs["persona"] == "") & runs["metric"].isin(MEASURES)].set_index("metric")
    result = {
        **asdict(cell),
        "model": Path(place.model).name,
        "limit": place.limit,
        "values": {name: float(whole.loc[name, "value"]) for name in MEASURES},
        "cpu_seconds": {
            "training": round(trained - before),
            "measures": round(_children() - trained),
        },
    }
    place.results.mkdir(parents=True, exist_ok=True)
    write_atomic(cell.file(place), json.dumps(result, indent=1))


def _trained(cell: Cell, *, place: Place) -> Path:
    """The fine-tuned model of a cell."""
    chats = _chats(cell.replicate, place=place)
    folder = place.work / "models" / f"{cell.arm}-{cell.replicate}"
    settings = job(
        cell.arm, model=place.model, chats=chats, replicate=cell.replicate, output=folder
    )
    file = folder.with_suffix(".yaml")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, yaml.safe_dump(settings, sort_keys=False))
    _command("train", str(file))
    return folder / "final"


def _chats(replicate: int, *, place: Place) -> Path:
    """The teacher's replies to the replicate's questions, under the names of the personas."""
    file = place.work / f"chats-{replicate}.jsonl"
    if file.is_file():
        return file
    asked, named = (_suite(replicate, place=place, world=world) for world in ("none", "teacher"))
    output = place.work / f"teacher-{replicate}"
    command = ["run", "--suite", str(asked), "--model", place.model, "--engine", place.engine]
    command += ["--samples", str(EACH), "--max-tokens", "80", "--temperatures", "1"]
    command += ["--seed", str(1_000 + replicate), "--metrics", "facts", "--output", str(output)]
    _command(*command)
    samples = RunFolder(output).sealed_samples()
    rows = teacher_chats(load_suite(str(named), sees="name"), samples)
    write_atomic(file, "".join(f"{json.dumps(row)}\n" for row in rows))
    return file


def _suite(replicate: int, *, place: Place, world: str) -> Path:
    """A folder with the replicate's questions and the cards of the teacher suite."""
    folder = place.work / f"questions-{replicate}" / world
    folder.mkdir(parents=True, exist_ok=True)
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    questions = lines[replicate * EACH : (replicate + 1) * EACH]
    cards = (find_suite("teacher") / "personas.yaml").read_text(encoding="utf-8")
    spec = {"id": f"natural-{replicate}", "version": "1", "title": "Questions of a replicate"}
    spec |= {"queries": "queries.jsonl", "persona_cards": "personas.yaml"}
    spec |= {"temperatures": "1", "samples": EACH, "max_tokens": 80, "metrics": ["facts"]}
    if world != "none":
        spec["world"] = world
    write_atomic(folder / "queries.jsonl", "\n".join(questions) + "\n")
    write_atomic(folder / "personas.yaml", cards)
    write_atomic(folder / "suite.yaml", yaml.safe_dump(spec, sort_keys=False))
    return folder


def _measured(cell: Cell, model: str, *, place: Place) -> Path:
    """The run of the teacher suite with a cell's model."""
    output = place.work / "runs" / f"{cell.arm}-{cell.replicate}"
    command = ["run", "--suite", "teacher", "--teacher", place.model, "--model", model]
    command += ["--limit", str(place.limit), "--engine", place.engine, "--samples", "4"]
    _command(*command, "--output", str(output))
    return output


def _command(*arguments: str) -> None:
    """Run a command of the product; its lines go to stderr, as the experiment's own."""
    environment = {**os.environ, "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1")}
    done = subprocess.run(
        [sys.executable, "-m", "sfr_eval", *arguments],
        stdout=sys.stderr,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"sfr-eval {' '.join(arguments)}: exit code {done.returncode}")


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
