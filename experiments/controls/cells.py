"""A cell: one training in one world, what it measures, and its file."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
import trl

from controls import setting as fixed
from controls.arms import ARMS, FILTERS
from controls.base import base_model
from controls.measures import measure, prompts, reference, replies, reply_scores, sampled
from controls.setting import Setting, digest
from controls.training import RULES, Outcome, plain, train
from controls.worlds import TUNING, suite_source, triple, world_of
from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.files import write_atomic

EDITION = 2  # raised when a change of the code changes a value
_FIXED = (
    *(fixed.BATCH, fixed.VALIDATION, fixed.CHECKS, fixed.EARLY, fixed.TEMPERATURES, fixed.COPIES),
    *(fixed.SAMPLED_PERSONAS, fixed.ONE_TEMPERATURE, fixed.TRUE_REPLIES, fixed.MAX_TOKENS),
    *(fixed.SCORED_AT, RULES),
)


@dataclass(frozen=True)
class Cell:
    """One training. Cells of the tuning world are the sweep: they hold validation losses alone."""

    setting: Setting
    arm: str
    strength: float
    world: int

    @property
    def name(self) -> str:
        """The name of its file. The digest covers everything that the result depends on."""
        method = ARMS[self.arm].method(self.strength, steps=self.setting.steps)
        filters = FILTERS if self.arm == "ce" else {}
        key = digest(
            *(EDITION, asdict(method), self.setting, self.setting.base_key(self.world)),
            *(self.world, triple(self.world), suite_source().version, _FIXED, filters),
        )
        return f"{self.setting.name}-{self.arm}-{self.strength:g}-w{self.world:02d}-{key}"

    def file(self, results: Path) -> Path:
        """Where its result is written."""
        return results / f"{self.name}.json"

    def is_done(self, results: Path) -> bool:
        """Whether its result is there."""
        return self.file(results).is_file()


def read(cell: Cell, results: Path) -> dict[str, Any]:
    """A finished cell."""
    content: dict[str, Any] = json.loads(cell.file(results).read_text(encoding="utf-8"))
    return content


def run(cell: Cell, *, results: Path, work: Path) -> dict[str, Any]:
    """Train, measure at each stopping rule, and write the result."""
    started = time.process_time()
    content = world_of(cell.world, cell.setting.generic_share)
    base = base_model(cell.setting, cell.world, work=work)
    based = time.process_time()
    method = ARMS[cell.arm].method(cell.strength, steps=cell.setting.steps)
    outcome = train(
        method,
        cell.setting,
        content,
        world=cell.world,
        base=base,
        scratch=work / "trainers" / cell.name,
        cache=work / "cache",
    )
    trained = time.process_time()
    measures = {} if cell.world == TUNING else dict(_measures(cell, outcome, content))
    result = {
        "setting": cell.setting.name,
        "arm": cell.arm,
        "strength": cell.strength,
        "world": cell.world,
        "topics": triple(cell.world),
        "validation": [round(loss, 5) for loss in outcome.validation],
        "log": outcome.log,
        "cpu_seconds": {
            "base": round(based - started, 1),
            "training": round(trained - based, 1),
            "measures": round(time.process_time() - trained, 1),
        },
        "versions": {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "trl": trl.__version__,
            "suite": suite_source().version,
        },
        **measures,
    }
    results.mkdir(parents=True, exist_ok=True)
    write_atomic(cell.file(results), json.dumps(result, indent=1))
    return result


def _measures(
    cell: Cell, outcome: Outcome, content: PersonaWorld
) -> Iterator[tuple[str, dict[str, Any]]]:
    setting, world = cell.setting, cell.world
    model, tokenizer = plain(outcome.model), outcome.tokenizer
    for rule in RULES:
        outcome.load(rule)
        values = measure(model, tokenizer, setting, content, world=world)
        if cell.arm == "ce":
            every = prompts(setting, content, world)["trained"]
            asked = sampled("trained", every, content)
            for name, (filters, heats) in FILTERS.items():
                drawn = replies(
                    model, tokenizer, asked, temperatures=heats, seed=world, filters=filters
                )
                values[name] = [
                    {"temperature": heat, **reply_scores(content, asked, drawn[heat])}
                    for heat in heats
                ]
        yield rule, values
    if cell.arm == "ce":
        yield "reference", reference(setting, content, world)
