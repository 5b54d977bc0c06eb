"""`sfr-eval export`: a measured run in another tool's format."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.formats.write import (
    chats,
    hub,
    inspect_log,
    lm_eval,
    model_card,
    novelty_bench,
    tables,
    trackers,
)
from sfr_eval.formats.write.source import ExportSource
from sfr_eval.util.files import writing_to

FILES: Mapping[str, Callable[[ExportSource, Path], list[Path]]] = {
    "lm-eval": lm_eval.write,
    "inspect": inspect_log.write,
    "noveltybench": novelty_bench.write,
    "model-card": model_card.write_card,
    "csv": tables.write_csv,
    "jsonl": tables.write_jsonl,
    "chats": chats.write,
}
EVAL_RESULTS = "eval-results"
SERVICES = ("hub", "mlflow", "wandb")
FORMATS = (*FILES, EVAL_RESULTS, *SERVICES)


def export(
    run: Path,
    *,
    format: str,
    output: Path | None = None,
    metrics: Sequence[str] | None = None,
    repo: str | None = None,
    artifacts: bool = True,
) -> list[str]:
    """Export a measured run. Return the files written, or the address of what was uploaded.

    `output` is a folder, by default `<run>/export/<format>`. `metrics` None exports all of them
    (model-card, eval-results: the headlines). `repo` is the repository of `hub`, or for
    `eval-results` the benchmark's data set. `artifacts` False keeps replies and report away from
    hub, mlflow and wandb. Raises UserError for a wrong name or a missing package, RunError if a
    service fails.
    """
    if format not in FORMATS:
        raise UserError(f"export --format {format}: unknown; {did_you_mean(format, FORMATS)}")
    source = ExportSource.open(run, metrics=metrics)
    if format not in SERVICES:
        target = output or run / "export" / format
        with writing_to(target):
            if format == EVAL_RESULTS:
                files = model_card.write_eval_results(source, target, dataset=repo)
            else:
                files = FILES[format](source, target)
        return [str(file) for file in files]
    if output is not None:
        raise UserError(f"export --output: {format} is a service and writes no folder; omit it")
    if format == "hub":
        return [hub.upload(source, repo=repo, artifacts=artifacts)]
    return [trackers.log_run(run, format, artifacts=artifacts, metrics=metrics)]
