"""Averages of weights: the final model is not the last one.

    wise   (1 - alpha) base + alpha tuned (WiSE-FT, Wortsman et al. 2109.01903)
    tail   mean of the weights after each of the last `share` of the steps
    ema    exponential mean from the base on: mean <- rate mean + (1 - rate) weights
    l2_sp  decay toward the base beside the optimizer, as AdamW's toward 0: after each step
           weights <- weights - learning rate * strength * (weights - base) (Li et al. 1802.01483)

Sums are kept in float32, 4 bytes a trained parameter, of the shard that a rank holds: each element
is averaged alone, so that DDP and FSDP2 need no communication. DeepSpeed is refused: its engine
holds the weights. Evaluations and checkpoints during training are those of the weights that train;
the average takes their place when training ends.

With LoRA, `wise` multiplies each B by alpha, which is exact in the merged weights. The other kinds
are refused: a mean of low-rank products is not one of low rank.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.distributed.fsdp import FSDPModule
from transformers import TrainerCallback

from sfr_eval.errors import RunError, UserError
from sfr_train.job import AverageSettings
from sfr_train.loop.head_run import HEAD

_COUNT = "steps"  # in the file beside the sums: how many steps a mean holds


def reshard(model: Any) -> None:
    """Shard again what FSDP2 left whole: its root, after a forward pass without a backward one."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


class WeightAverage(TrainerCallback):
    """Keeps the average of one trainer's model, without its head."""

    def __init__(self, trainer: Any, settings: AverageSettings) -> None:
        self._trainer, self._settings = trainer, settings
        self._sums: dict[str, torch.Tensor] = {}  # the base, or the mean so far
        self._count = 0
        self._resumed = False
        self._adapted = hasattr(trainer.model, "peft_config")
        self._check()

    def _check(self) -> None:
        kind, trainer = self._settings.kind, self._trainer
        if trainer.is_deepspeed_enabled:
            raise UserError("average: not possible with DeepSpeed; use FSDP2 or DDP")
        if trainer.args.load_best_model_at_end and kind != "wise":
            raise UserError(f"average {kind}: training.load_best_model_at_end would be undone")
        if not self._adapted:
            return
        if kind != "wise":
            raise UserError(
                f"average {kind}: not possible with an adapter, whose mean has a higher rank; take "
                "wise, or train all weights"
            )
        others = [name for name, _ in self._parameters() if "lora_" not in name]
        if others:
            raise UserError(f"average wise: {others[0]} is trained beside the adapter's A and B")

    def _parameters(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield the trained weights of the model, or of the shard on this rank."""
        model = self._trainer.accelerator.unwrap_model(self._trainer.model)
        reshard(model)
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and not name.startswith(HEAD + "."):
                data = parameter.detach()
                yield name, data.to_local() if hasattr(data, "to_local") else data

    # Events of the Trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep the base, unless a resumed run has brought it."""
        if self._adapted or self._settings.kind == "tail" or self._resumed:
            return
        # wise reads its base only once, at the end.
        place = torch.device("cpu") if self._settings.kind == "wise" else None
        self._sums = {
            name: weight.to(place or weight.device, torch.float32, copy=True)
            for name, weight in self._parameters()
        }

    def on_optimizer_step(
        self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any
    ) -> None:
        """Decay toward the base at the rate of the step that was just taken."""
        if self._settings.kind != "l2_sp":
            return
        rate = optimizer.param_groups[0]["lr"] * self._settings.strength
        for name, weight in self._parameters():
            weight.lerp_(self._base(name, weight).to(weight.dtype), rate)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Add the weights to the mean."""
        kind = self._settings.kind
        if kind == "ema":
            share = 1 - self._settings.rate
        elif kind == "tail" and state.global_step > self._start(state.max_steps):
            self._count += 1
            share = 1 / self._count
        else:
            return
        for name, weight in self._parameters():
            mean = self._sums.get(name)
            if mean is None:
                self._sums[name] = weight.to(torch.float32, copy=True)
            else:
                self._base(name, weight).lerp_(weight.float(), share)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write what a resumed run needs into the checkpoint."""
        if self._adapted or not (self._sharded or args.should_save):
            return
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        tensors = {name: value.cpu().contiguous() for name, value in self._sums.items()}
        save_file({**tensors, _COUNT: torch.tensor(self._count)}, folder / self._file)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Put the average in the place of the weights."""
        self.apply()

    def resume(self, checkpoint: Path) -> None:
        """Read what `on_save` wrote."""
        if self._adapted:
            return
        file = checkpoint / self._file
        if not file.is_file():
            raise RunError(
                f"{file}: missing; delete {checkpoint} to continue from the one before, or resume "
                "with as many processes as wrote it"
            )
        tensors = load_file(file)
        self._count = int(tensors.pop(_COUNT))
        self._sums, self._resumed = tensors, True

    # The average

    def apply(self) -> None:
        """Replace the weights by the average."""
        kind, alpha = self._settings.kind, self._settings.alpha
        for name, weight in self._parameters():
            if self._adapted:
                if "lora_B" in name or "lora_embedding_B" in name:
                    weight.mul_(alpha)
            elif kind == "wise":
                base = self._sums[name].to(weight.device)  # one at a time, beside the optimizer
                weight.copy_(torch.lerp(base, weight.float(), alpha))
            elif kind != "l2_sp" and name in self._sums:
                weight.copy_(self._sums[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within this context the model is the average; training can go on after it."""
        kept = [weight.clone() for _, weight in self._parameters()]
        self.apply()
        try:
            yield
        finally:
            for (_, weight), old in zip(self._parameters(), kept, strict=True):
                weight.copy_(old)

    def _base(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """Return the sum of a parameter on its device."""
        self._sums[name] = self._sums[name].to(weight.device)
        return self._sums[name]

    def _start(self, total: int) -> int:
        return total - max(1, round(self._settings.share * total))

    @property
    def _sharded(self) -> bool:
        return bool(self._trainer.is_fsdp_enabled)

    @property
    def _file(self) -> str:
        args = self._trainer.args
        part = f"-{args.process_index}-of-{args.world_size}" if self._sharded else ""
        return f"sfr_average{part}.safetensors"
