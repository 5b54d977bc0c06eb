"""Joins the shards of one plan: the run folder is the same as if it had been one run."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sfr_eval.config import Shard
from sfr_eval.errors import UserError
from sfr_eval.pipeline.draw import is_missing
from sfr_eval.pipeline.preflight import refuse_other_plan
from sfr_eval.plan import Plan, describe_plan, differences, plan_of
from sfr_eval.store.manifest import Manifest, ShardFacts
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.own import keep, kept_folder
from sfr_eval.suites.stored import require_stored_suites
from sfr_eval.types import Sample
from sfr_eval.util.progress import log

_SHARED = (
    "name",
    "model",
    "world",
    "world_queries",
    "identity",
    "thinking",
    "determinism",
    "versions",
    "platform",
    "sampler",
)
"""Fields of the manifest that the shards of a run share."""


def join_folders(paths: Sequence[Path], output: Path | None) -> Path:
    """Write and return the run folder `output` from the folders of all shards of a plan, in any
    order, with the suites that the first one names.

    Its samples.parquet has the bytes of an unsharded run, and `sfr-eval run` can continue it. The
    same command again takes over what the shards have drawn since. Raises UserError for a shard
    that is missing, repeated, unfinished or of another plan.
    """
    if output is None:
        raise UserError("score: shards are joined in a new folder; name it with --output")
    manifests = read_shards(paths)
    place, first = next(iter(manifests.items()))
    suites = require_stored_suites(place, first)
    plan = plan_of(first, suites)
    drawn: dict[str, Sample] = {}
    order = [request.sample_id for request in plan.requests()]
    asked = set(order)
    for path in manifests:
        rows = RunFolder(path).sealed_samples()
        if other := sum(row.sample_id not in asked for row in rows):
            raise UserError(
                f"score {path}: {other:,} of its {len(rows):,} samples are not in the plan of the "
                "shards; run it anew with the settings of the others"
            )
        drawn.update((row.sample_id, row) for row in rows)
    if missing := len(asked - drawn.keys()):
        raise UserError(
            f"score: the shards {', '.join(map(str, manifests))} lack {missing:,} of the "
            f"{len(order):,} samples of their plan; run each to its end with the same settings"
        )
    with RunFolder(output) as folder:
        before = folder.read_manifest()
        if before is not None:
            refuse_other_plan(output, before.identity.stored(), first.identity.stored())
        whole = _manifest(plan, manifests, output=output)
        for suite in suites:
            if kept_folder(place, suite.id).is_dir():
                keep(suite, output)
        folder.write_manifest(whole.model_copy(update={"status": "running"}))
        stored = folder.read_samples()
        with closing(folder.writer()) as writer:
            writer.append([row for id, row in drawn.items() if is_missing(stored.get(id))])
        stored = folder.read_samples()
        samples = [stored[id] for id in order]
        errors = sum(sample.status == "error" for sample in samples)
        partial = errors or first.config.limit is not None
        state = {
            "status": "partial" if partial else "complete",
            "samples": len(samples),
            "sealed": folder.seal(samples),
        }
        folder.write_manifest(whole.model_copy(update=state))
    log(f"{len(paths)} shards: {len(samples):,} samples, {errors:,} errors -> {output}")
    return output


def read_shards(paths: Sequence[Path]) -> dict[Path, Manifest]:
    """Return the manifests of all shards of one plan, in order. Raises UserError if the folders are
    anything else."""
    by_index: dict[int, tuple[Path, Manifest]] = {}
    count = 0
    for path in paths:
        manifest = Manifest.load(path)
        if manifest.shard is None:
            raise UserError(
                f"score {path}: is not a shard; only folders made with --shard can be joined"
            )
        shard = Shard.parse(manifest.shard)
        if shard.index in by_index:
            raise UserError(f"score {path}: shard {shard} is in {by_index[shard.index][0]}, too")
        by_index[shard.index] = (path, manifest)
        first_path, first = next(iter(by_index.values()))
        for name, there, here in differences(_plan(first), _plan(manifest)):
            raise UserError(
                f"score {path}: has another plan than {first_path} "
                f"({name}: {there} there, {here} here)"
            )
        count = shard.count
    missing = [str(index) for index in range(1, count + 1) if index not in by_index]
    if missing:
        raise UserError(f"score: of {count} shards these are missing: {', '.join(missing)}")
    return dict(by_index[index] for index in sorted(by_index))


def _plan(manifest: Manifest) -> dict[str, Any]:
    """Return what the shards of a run must have in common."""
    return {
        **manifest.identity.stored(),
        "shards": Shard.parse(manifest.shard or "").count,
        "limit": manifest.config.limit,
        "plan": {
            part.suite: part.model_dump(
                mode="json", include={"temperatures", "samples", "personas"}
            )
            for part in manifest.plan
        },
    }


def _manifest(plan: Plan, shards: Mapping[Path, Manifest], *, output: Path) -> Manifest:
    """Return the manifest of the whole: that of the first shard, and what each shard was."""
    first = next(iter(shards.values()))
    facts = tuple(
        ShardFacts(folder=str(path), status=shard.status, samples=shard.samples)
        for path, shard in shards.items()
    )
    joined = Manifest(
        shard=None,
        shards=facts,
        plan=describe_plan(plan),
        config=first.config.model_copy(update={"shard": None, "output": str(output)}),
    )
    return joined.keeping(first, *_SHARED)
