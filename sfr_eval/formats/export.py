"""`sfr-eval export`: a scored run in another tool's format."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.formats.write.source import Source
from sfr_eval.util.files import writing_to


def _lm_eval(source: Source, output: Path, repo: str | None) -> list[Path]:
    from sfr_eval.formats.write import lm_eval

    return lm_eval.write(source, output)


def _inspect(source: Source, output: Path, repo: str | None) -> list[Path]:
    from sfr_eval.formats.write import inspect_log

    return inspect_log.write(source, output)


def _card(source: Source, output: Path, repo: str | None) -> list[Path]:
    from sfr_eval.formats.write import model_card

    return model_card.write_card(source, output)


def _eval_results(source: Source, output: Path, repo: str | None) -> list[Path]:
    from sfr_eval.formats.write import model_card

    return model_card.write_eval_results(source, output, dataset=repo)


def _csv(source: Source, output: Path, repo: str | None) -> list[Path]:
    from sfr_eval.formats.write import tables

    return tables.write_csv(source, output)


def _jsonl(source: Source, output: Path, repo: str | None) -> list[Path]:
    from sfr_eval.formats.write import tables

    return tables.write_jsonl(source, output)


FILES: Mapping[str, Callable[[Source, Path, str | None], list[Path]]] = {
    "lm-eval": _lm_eval,
    "inspect": _inspect,
    "model-card": _card,
    "eval-results": _eval_results,
    "csv": _csv,
    "jsonl": _jsonl,
}
SERVICES = ("hub", "mlflow", "wandb")
FORMATS = (*FILES, *SERVICES)


def export(
    run: Path,
    *,
    format: str,
    output: Path | None = None,
    metrics: Sequence[str] | None = None,
    repo: str | None = None,
    artifacts: bool = True,
) -> list[str]:
    """Export a scored run. Returns the files written, or the address of what was uploaded.

    `output` is a folder, by default `<run>/export/<format>`. `metrics` None is all of them
    (model-card, eval-results: the headlines). `repo` is the repository of `hub`, or for
    `eval-results` the benchmark's data set. `artifacts` False keeps replies and report away from
    hub, mlflow and wandb. UserError for a wrong name and for a missing package; RunError if a
    service fails.
    """
    if format not in FORMATS:
        raise UserError(f"export --format {format}: unknown; {did_you_mean(format, FORMATS)}")
    source = Source.open(run, metrics=metrics)
    if format in FILES:
        target = output or run / "export" / format
        with writing_to(target):
            return [str(file) for file in FILES[format](source, target, repo)]
    if output is not None:
        raise UserError(f"export --output: {format} is a service, not a folder; leave it out")
    if format == "hub":
        from sfr_eval.formats.write import hub

        return [hub.upload(source, repo=repo, artifacts=artifacts)]
    from sfr_eval.formats.write.trackers import log_run

    return log_run(run, [format], artifacts=artifacts, metrics=metrics)
