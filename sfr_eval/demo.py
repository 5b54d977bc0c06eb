"""The demo: a plain fine-tune and its SFR twin, and the training of demo checkpoints on demand."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError


@dataclass(frozen=True, kw_only=True)
class DemoSize:
    """twins: demo checkpoints to compare, the second with the first, by the name of their run.
    settings: every query that they have read about, and samples."""

    twins: Mapping[str, str]
    settings: Mapping[str, Any]


SMALL = DemoSize(
    twins={"sft": "demo:small_sft", "sfr": "demo:small_sfr"},
    settings={"limit": 16, "samples": 4},
)
FULL = DemoSize(
    twins={"full/sft": "demo:sft", "full/sfr": "demo:sfr"},
    settings={"limit": 32, "samples": 8},
)


def train_demo_models(*models: str | None) -> None:
    """Train those of `models` that are demo checkpoints and are not in the cache, and link each
    where sfr_eval.models.checkpoint looks for it. Raises UserError for an unknown demo name."""
    from sfr_eval.models.checkpoint import demo_link, is_demo

    for model in filter(None, models):
        if not is_demo(model):
            continue
        from sfr_train.demo.checkpoints import demo_checkpoint

        link = demo_link(model)
        folder = demo_checkpoint(link.name)
        if link.is_dir() and link.resolve() == folder.resolve():
            continue
        scratch = link.with_name(f".{link.name}-{os.getpid()}")
        try:
            scratch.symlink_to(folder.name)
            scratch.replace(link)  # in one step: another command may be reading it
        except OSError as error:
            raise UserError(
                f"{link}: cannot be written ({error.strerror}); set SFR_EVAL_CACHE to a folder "
                "that can be"
            ) from None


def demo(folder: Path, *, full: bool) -> Iterator[str]:
    """Train both twins if need be, run the persona suite on them and compare them. Yields what the
    user should read. The same command resumes, and measures nothing twice. Raises RunError and
    UserError as a run and a comparison do; an interrupt reaches the caller once the samples are
    kept."""
    from sfr_eval.comparison.compare import compare_runs
    from sfr_eval.comparison.files import write_comparison
    from sfr_eval.config import load_run_config
    from sfr_eval.pipeline.run import execute

    if (folder / "manifest.json").exists():
        raise UserError(f"--output {folder}: holds a run; the demo needs a folder for several")
    size = FULL if full else SMALL
    runs = [folder / run for run in size.twins]
    for run, model in zip(runs, size.twins.values(), strict=True):
        settings = {"model": model, "suite": ("persona",), "output": run, **size.settings}
        train_demo_models(model)
        outcome = execute(load_run_config(settings, environment={}), measure_again=False)
        yield from outcome.lines
        if outcome.exit_code:
            raise DemoStopped(outcome.exit_code)
    comparison = compare_runs(*runs)
    page = write_comparison(comparison, runs[0].with_name("comparison"))
    for suite in comparison.pairs[0].suites:
        yield f"{suite.summary.headline}."
        yield from suite.summary.sentences
    yield f"comparison: {page.resolve()}"


class DemoStopped(Exception):
    """A run of the demo ended early, with this exit code."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code
