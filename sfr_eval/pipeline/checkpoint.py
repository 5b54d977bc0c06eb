"""The models that read stored replies: the checkpoint that wrote them, and the reward model."""

import functools
from collections.abc import Iterable
from pathlib import Path

from sfr_eval.errors import UserError
from sfr_eval.metrics.families import NEED_CHECKPOINT
from sfr_eval.metrics.reward import NO_MODEL
from sfr_eval.models.checkpoint import Checkpoint, resolve, resolve_base
from sfr_eval.models.hidden_states import NO_CHECKPOINT, Forward
from sfr_eval.models.reward_model import RewardModel, find_reward_model
from sfr_eval.settings import EngineSettings, ScoreSettings
from sfr_eval.store.manifest import Manifest
from sfr_eval.util.progress import OnProgress


def check_subject(checkpoint: Checkpoint, families: Iterable[str]) -> None:
    """Raise UserError if one of the families needs weights and there are none here."""
    family = next((name for name in families if name in NEED_CHECKPOINT), None)
    if family is not None and checkpoint.folder is None:
        raise UserError(
            f"--metrics {family}: --model {checkpoint.name} has no hidden states; "
            "leave it out, or give a checkpoint"
        )


def check_reward(settings: ScoreSettings, families: Iterable[str]) -> None:
    """Raise UserError if the reward model that the settings name cannot be used, or if they need
    one and name none. Reads no weights."""
    if settings.reward_model is not None:
        find_reward_model(settings.reward_model)
    elif "reward" in families:
        raise UserError(NO_MODEL)
    elif settings.reward_threshold is not None:
        raise UserError("--reward-threshold: belongs to --reward-model, which is not given")


def reward_model(
    settings: ScoreSettings, cache: Path, *, on_progress: OnProgress | None
) -> RewardModel | None:
    """Return the reward model that the settings name."""
    if settings.reward_model is None:
        return None
    return RewardModel(
        settings.reward_model,
        cache,
        threshold=settings.reward_threshold,
        on_progress=on_progress and functools.partial(on_progress, "reward"),
    )


def forward_for(
    folder: Path,
    manifest: Manifest,
    families: Iterable[str],
    *,
    settings: ScoreSettings,
    serving: EngineSettings,
    model: str | None = None,
    on_progress: OnProgress | None = None,
) -> Forward | None:
    """Return the checkpoint that wrote the replies, if one of the families needs it. `model` says
    where it is, for imported generations or if it has moved. Raises UserError if it is another."""
    names = set(families)
    if not names & NEED_CHECKPOINT:
        return None
    name = model or manifest.config.model
    if name is None:
        raise UserError(NO_CHECKPOINT)
    checkpoint = resolve(name)
    check_subject(checkpoint, sorted(names))
    if manifest.model.kind != "text" and checkpoint.fingerprint != manifest.model.fingerprint:
        raise UserError(
            f"--model {name}: is not the checkpoint that wrote these replies (other fingerprint); "
            "give that one"
        )
    return Forward(
        checkpoint,
        base=resolve_base(settings.base_model) if settings.base_model else None,
        folder=folder / "hidden",
        serving=serving,
        layers=settings.layers,
        blind="geometry" in names,
        on_progress=on_progress,
    )
