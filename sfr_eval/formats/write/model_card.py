"""Model card (`model-index`) and evaluation files of the Hub, by huggingface_hub's own classes.

The Hub groups results by task and data set without their arguments. Temperature, k and signature
are therefore arguments of each metric, so that the entry of each temperature survives. Values are
plain numbers; undefined ones are omitted.
"""

import shutil
from pathlib import Path
from typing import Any

import yaml

from sfr_eval.errors import UserError, brief_error
from sfr_eval.formats.write.source import ExportSource
from sfr_eval.metrics.table import shown_metrics
from sfr_eval.types import Estimate
from sfr_eval.util.files import atomic_path, write_atomic
from sfr_eval.util.untrusted import plain_text

TASK = "text-generation"
DATASET_TYPE = "sfr-eval"


def write_card(source: ExportSource, output: Path) -> list[Path]:
    """Write model-index to README.md in `output`. An existing README keeps its text, its other
    fields, and the entries of other tools."""
    hub = _hub()
    card = output / "README.md"
    output.mkdir(parents=True, exist_ok=True)
    old, name, results = _old_card(hub, card) if card.exists() else (None, None, [])
    results += [_entry(hub, source, estimate) for estimate in shown(source)]
    model_index = hub.repocard_data.eval_results_to_model_index(name or source.model, results)
    index = {"model-index": model_index}
    if not card.exists():
        text = yaml.safe_dump(index, sort_keys=False, allow_unicode=True)
        write_atomic(card, f"---\n{text}---\n")
    else:
        with atomic_path(card.resolve()) as temporary:
            shutil.copy(card, temporary)  # the package empties the file before it writes
            hub.metadata_save(temporary, {**(old or {}), **index})
    return [card]


def write_eval_results(source: ExportSource, output: Path, *, dataset: str | None) -> list[Path]:
    """Write `.eval_results/sfr-eval.yaml`, a row for each estimate, for the leaderboard of the Hub
    data set `dataset`. Interval, k and temperature have no field there and go into the notes."""
    if dataset is None:
        raise UserError(
            "export --format eval-results: name the benchmark's data set on the Hub with --repo, "
            "e.g. --repo openai/openai_humaneval"
        )
    hub = _hub()
    rows = hub.eval_result_entries_to_yaml(
        [
            hub.EvalResultEntry(
                dataset_id=dataset,
                task_id=f"{estimate.suite}_{estimate.metric}",
                value=estimate.value,
                notes=_note(estimate),
            )
            for estimate in shown(source)
        ]
    )
    folder = output / ".eval_results"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "sfr-eval.yaml"
    write_atomic(file, yaml.safe_dump(rows, sort_keys=False, allow_unicode=True))
    return [file]


def shown(source: ExportSource) -> list[Estimate]:
    """Return the defined estimates over all personas: of the named metrics, otherwise of the
    headlines."""
    estimates = [e for e in source.estimates() if not e.persona and e.value is not None]
    if source.metrics is not None:
        return estimates
    names = shown_metrics({estimate.metric for estimate in estimates})
    return [estimate for estimate in estimates if estimate.metric in names]


def _entry(hub: Any, source: ExportSource, estimate: Estimate) -> Any:
    arguments = ("temperature", "k", "n", "low", "high", "signature")
    return hub.EvalResult(
        task_type=TASK,
        dataset_type=DATASET_TYPE,
        dataset_name=next(suite.title for suite in source.suites if suite.id == estimate.suite),
        dataset_config=estimate.suite,
        dataset_revision=source.manifest.part(estimate.suite).version,
        metric_type=estimate.metric,
        metric_value=estimate.value,
        metric_name=f"{estimate.metric} (T={estimate.temperature:g}, k={estimate.k})",
        metric_args={name: getattr(estimate, name) for name in arguments},
    )


def _old_card(hub: Any, card: Path) -> tuple[dict[str, Any] | None, str | None, list[Any]]:
    """Return the metadata of an existing card, and of these the model's name and the results that
    are not ours. Raises UserError if they cannot be read: they would be lost."""
    try:
        plain_text(card)  # nothing is waited for
        old = hub.metadata_load(card)
        return old, *_other_results(hub, old or {})
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{card}: cannot be read ({error.strerror})") from None
    except (
        *(yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError),
        *(ArithmeticError, RecursionError),
    ) as error:
        raise UserError(
            f"{card}: its metadata, between `---` and `---`, are not those of a model card "
            f"({brief_error(error)}); mend them, or choose another --output"
        ) from None


def _other_results(hub: Any, card: dict[str, Any]) -> tuple[str | None, list[Any]]:
    """Return the model's name in an existing card, and the results that are not ours."""
    index = card.get("model-index")
    if not index:
        return None, []
    _, results = hub.repocard_data.model_index_to_eval_results(index)
    return index[0].get("name"), [r for r in results if r.dataset_type != DATASET_TYPE]


def _note(estimate: Estimate) -> str:
    parts = [f"{estimate.metric}, T={estimate.temperature:g}, k={estimate.k}, n={estimate.n}"]
    if estimate.low is not None and estimate.high is not None:
        parts.append(f"95% interval {estimate.low:.4g} to {estimate.high:.4g} ({estimate.method})")
    return "; ".join(parts)


def _hub() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.repocard_data
    except ImportError as error:
        raise UserError(
            f"export: needs huggingface_hub ({error}); pip install huggingface_hub"
        ) from None
    return huggingface_hub
