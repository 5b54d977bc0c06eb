"""SFRTrainer: TRL's SFTTrainer with another token loss, or a loss on the future beside it.

    loss = CE + lambda_t * (sum of weighted anchor losses) / (sum of weights)

Both divisors belong to the whole optimizer step, over its micro-batches and ranks. With weight 0,
or an objective that is TRL's own, nothing of this class acts: the weights are TRL's, bit for bit.
The head's parameters are clipped and optimised in groups of their own, so that they cannot change
how the model's are.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from transformers import TrainerCallback
from trl import SFTTrainer
from trl.data_utils import pack_dataset

from sfr_eval.assets import cache_folder
from sfr_eval.config import read_model
from sfr_eval.errors import RunError, UserError
from sfr_train.collate import COLUMN, PREFIX, FutureCollator, next_tokens
from sfr_train.flow import blind_floor, blind_loss
from sfr_train.forks import ForkCallback
from sfr_train.head_run import HEAD, HeadRun, Outcome, Pending
from sfr_train.noise import HashNoise
from sfr_train.objectives import objective_module
from sfr_train.objectives.base import Anchors, Objective, Sizes
from sfr_train.objectives.neftune import embedding_noise
from sfr_train.schedule import Phase, ScheduleSettings, phase_at
from sfr_train.segments import TargetSettings
from sfr_train.targets import Targets, TextEncoder, load_or_build
from sfr_train.token_loss import cross_entropy, supervised_loss

HEAD_FILE = "sfr_head.safetensors"
STATE_FILE = "sfr_state.json"


class SFRTrainer(SFTTrainer):
    """An SFTTrainer with an objective.

    objective: a name of `OBJECTIVES`, or a mapping {name: ..., settings}. schedule, targets:
    mappings or models of settings. full_logits: cross-entropy from full logits instead of TRL's
    fused head, twice as fast for a vocabulary of thousands on a CPU. save_head: write the head
    beside the final checkpoint too. encoder: in place of targets.encoder, for tests and own models.
    All else is SFTTrainer's.
    """

    _tag_names: ClassVar = ["trl", "sft", "sfr"]
    data_collator: Any
    _signature_columns: Any

    def __init__(
        self,
        model: Any,
        args: Any = None,
        *,
        objective: str | Mapping[str, Any] = "sfr",
        schedule: ScheduleSettings | Mapping[str, Any] | None = None,
        targets: TargetSettings | Mapping[str, Any] | None = None,
        full_logits: bool = False,
        save_head: bool = False,
        encoder: TextEncoder | None = None,
        cache: Path | None = None,
        **others: Any,
    ) -> None:
        named = {"name": objective} if isinstance(objective, str) else dict(objective)
        module = objective_module(str(named.pop("name", "sfr")))
        settings = read_model(module.Settings, named, where="objective")
        self.schedule = _settings(ScheduleSettings, schedule, where="schedule")
        self.target_settings = _settings(TargetSettings, targets, where="targets")
        self._encoder, self._cache = encoder, cache or cache_folder()
        self._full_logits, self._save_head = full_logits, save_head
        self._targets: Targets | None = None
        self._saving_checkpoint = False
        # What the objective needs is only known when it is built, which needs sizes of the data:
        # a throw-away of the smallest sizes tells.
        shape = module.build(settings, Sizes(hidden=4, vocabulary=4, target=4))
        active = shape.future is not None and self.schedule.weight > 0
        self._needs_targets = active and shape.future.needs == "embeddings"
        super().__init__(model, args, **others)
        self.objective: Objective = self._build_objective(module, settings)
        if not active:
            self.objective = Objective(
                self.objective.token_loss, None, self.objective.embedding_noise
            )
        self._lengths: torch.Tensor | None = None  # of the samples of the running micro-batch
        self._step_weight = torch.ones(())
        self._steps_seen = -1
        self._gate = _Gate(self.schedule)
        self._run: HeadRun | None = None
        if self.objective.future is not None:
            self._attach_head()
        if self.eval_dataset is not None and hasattr(self.eval_dataset, "select"):
            self.add_callback(ForkCallback(self))
        if self.objective.embedding_noise:
            self.model.get_input_embeddings().register_forward_hook(self._add_noise)

    # Building

    def _build_objective(self, module: Any, settings: Any) -> Objective:
        """Built from a generator state of its own: the global one stays where TRL left it."""
        text = self.model.config.get_text_config()
        targets = self._targets
        sizes = Sizes(
            hidden=text.hidden_size,
            vocabulary=text.vocab_size,
            target=targets.size if targets else 4,
            scale=targets.deviation if targets else 1.0,
        )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.args.seed)
            built: Objective = module.build(settings, sizes)
        return built

    def _attach_head(self) -> None:
        future = self.objective.future
        assert future is not None
        if future.head is not None:
            # Searching for unused parameters starts from the model's outputs, which do not know
            # of the head; and there are none, as every rank runs all of both in every step.
            if self.accelerator.ddp_handler is not None:
                self.accelerator.ddp_handler.find_unused_parameters = False
            future.head.to(self.args.device)
            setattr(self.model, HEAD, future.head)
            self._wrap_in_fsdp(type(future.head).__name__)
        self.add_callback(_StepCallback(self))
        self._run = HeadRun(self.model, future)
        if self._targets is not None:
            self.data_collator = FutureCollator(
                self.data_collator, self._targets, padding_free=self.padding_free
            )

    def _wrap_in_fsdp(self, name: str) -> None:
        """The head is a unit of its own: it may have another dtype than the model."""
        if not self.is_fsdp_enabled:
            return
        plugin = self.accelerator.state.fsdp_plugin
        if plugin.transformer_cls_names_to_wrap is not None:
            plugin.transformer_cls_names_to_wrap = [*plugin.transformer_cls_names_to_wrap, name]
        else:
            known = getattr(self.model, "_no_split_modules", None) or ()
            self.model._no_split_modules = {*known, name}

    @property
    def head(self) -> Any:
        """The module beside the model, or None."""
        return getattr(self.accelerator.unwrap_model(self.model), HEAD, None)

    @contextmanager
    def _without_head(self) -> Iterator[None]:
        """The model as it would be without us."""
        model, head = self.accelerator.unwrap_model(self.model), self.head
        if head is None:
            yield
            return
        delattr(model, HEAD)
        try:
            yield
        finally:
            setattr(model, HEAD, head)

    def _prepare_dataset(
        self,
        dataset: Any,
        processing_class: Any,
        args: Any,
        packing: bool,
        formatting_func: Any,
        dataset_name: str,
    ) -> Any:
        """TRL's tokens and labels; for training data also each token's state number, which goes
        through packing beside the tokens, so that no target can cross a sample's border."""
        if dataset_name != "train" or not self._needs_targets:
            return super()._prepare_dataset(
                dataset, processing_class, args, packing, formatting_func, dataset_name
            )
        if not hasattr(dataset, "__len__"):
            raise UserError(
                "data: targets are encoded before training; a stream has no end: save it first"
            )
        plain = copy.copy(args)
        plain.shuffle_dataset = False
        if packing:
            plain.max_length = None  # packing cuts
        prepared = super()._prepare_dataset(
            dataset, processing_class, plain, False, formatting_func, dataset_name
        )
        if len(prepared) == 0:
            raise UserError("data: no row has a token to train on (no assistant turn?)")
        self._targets = load_or_build(
            prepared,
            tokenizer=self._tokenizer,
            settings=self.target_settings,
            cache=self._cache,
            encoder=self._encoder,
        )
        targets = self._targets
        prepared = prepared.select_columns(["input_ids", "labels"])
        prepared = prepared.add_column(
            COLUMN,
            [
                targets.column(row, len(labels)).tolist()
                for row, labels in enumerate(prepared["labels"])
            ],
        )
        if packing:
            if args.shuffle_dataset:
                prepared = prepared.shuffle(seed=args.seed)
            prepared = pack_dataset(
                prepared,
                args.max_length,
                args.packing_strategy,
                {"num_proc": args.dataset_num_proc},
            )
        return prepared.shuffle(seed=args.seed) if args.shuffle_dataset else prepared

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if COLUMN not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, COLUMN]

    def create_optimizer(self, model: Any = None) -> Any:
        """TRL's optimizer for the model; the head's parameters as further groups."""
        with self._without_head():
            optimizer = super().create_optimizer(model)
        head = self.head
        if head is None:
            return optimizer
        known = {id(p) for group in optimizer.param_groups for p in group["params"]}
        fresh = [p for p in head.parameters() if id(p) not in known]
        for matrices in (True, False):
            group = [p for p in fresh if (p.ndim > 1) == matrices]
            if group:
                decay = self.schedule.head_weight_decay if matrices else 0.0
                optimizer.add_param_group(
                    {
                        "params": group,
                        "lr": self.schedule.head_learning_rate,
                        "weight_decay": decay,
                    }
                )
        return optimizer

    # One step

    def get_batch_samples(
        self, epoch_iterator: Any, num_batches: int, device: Any
    ) -> tuple[list[Any], Any]:
        """The micro-batches of a step; the weight of all their anchors on all ranks is noted."""
        samples, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        future = self.objective.future
        if future is not None and samples:
            weights = [future.step_weight(*self._weights(batch)).to(device) for batch in samples]
            total = torch.stack([weight.float() for weight in weights]).sum()
            self._step_weight = self.accelerator.reduce(total, reduction="sum").clamp(min=1)
        return samples, items

    def _weights(self, batch: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights and samples of a micro-batch's anchors."""
        if PREFIX + "weight" in batch:
            return batch[PREFIX + "weight"], batch[PREFIX + "sample"]
        assert self.objective.future is not None
        _, valid = next_tokens(batch["labels"], _starts(batch), self.objective.future.tokens)
        return valid, valid

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Evaluation is cross-entropy under every objective, so that they can be compared."""
        future = {name: inputs.pop(name) for name in list(inputs) if name.startswith(PREFIX)}
        training = self.model.training
        if self.objective.embedding_noise and training:
            self._lengths = _sample_lengths(inputs)
        phase = phase_at(self.state.global_step, total=self.state.max_steps, settings=self.schedule)
        run = self._run if training else None
        if run is not None:
            pending = self._pending(inputs, future, phase)
            run.arm(pending)
        loss = self._model_loss(model, inputs, return_outputs, num_items_in_batch, training)
        if run is None:
            return loss
        outcome = run.take()
        total = self._joined(
            loss[0] if return_outputs else loss, outcome, phase, num_items_in_batch
        )
        self._note(pending, outcome, phase)
        return (total, loss[1]) if return_outputs else total

    def _model_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool,
        num_items_in_batch: Any,
        training: bool,
    ) -> Any:
        token_loss = self.objective.token_loss if training else None
        if token_loss is None and not self._full_logits:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        batch = {name: value for name, value in inputs.items() if name != "labels"}
        outputs = model(**batch, use_cache=False)
        loss = supervised_loss(
            outputs.logits, inputs["labels"], token_loss=token_loss or cross_entropy
        )
        if num_items_in_batch is None:
            loss = loss / (inputs["labels"][:, 1:] != -100).sum().clamp(min=1)
        else:
            loss = loss / num_items_in_batch
            if self.args.average_tokens_across_devices:
                loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def _joined(
        self, loss: torch.Tensor, outcome: Outcome, phase: Phase, num_items_in_batch: Any
    ) -> torch.Tensor:
        """Ranks are averaged later, hence the factor; so are micro-batches where TRL cannot count
        the step's tokens."""
        factor = phase.weight * self.accelerator.num_processes
        if num_items_in_batch is None:
            factor *= self.current_gradient_accumulation_steps
        if not phase.cross_entropy:
            # Zero times the loss keeps every parameter in the graph, which DDP waits for. The
            # callback drops the zero gradients, else weight decay would act on them.
            loss = 0.0 * loss
        return loss + factor * outcome.terms.total / self._step_weight

    def _pending(
        self, inputs: Mapping[str, Any], future: Mapping[str, Any], phase: Phase
    ) -> Pending:
        """The anchors of a micro-batch; one of weight 0 if it has none."""
        labels = inputs["labels"]
        objective = self.objective.future
        assert objective is not None
        hidden = labels.new_zeros(0)
        if objective.needs == "tokens":
            tokens, valid = next_tokens(labels, _starts(inputs), objective.tokens)
            row, column = valid.any(dim=-1).nonzero(as_tuple=True)
            row, column = _at_least_one(row), _at_least_one(column)
            state = row * labels.shape[1] + column
            anchors = Anchors(hidden, valid[row, column].float(), row, tokens=tokens[row, column])
            groups = row
        else:
            row, column, state, groups, weight, target = (
                _at_least_one(future[PREFIX + name])
                for name in ("row", "column", "state", "sample", "weight", "target")
            )
            anchors = Anchors(hidden, weight, groups, target=target)
        step = self.state.global_step
        noise = HashNoise(
            self.args.seed, step, state, groups if objective.tau_per == "sequence" else state
        )
        joint = phase.joint and not self._gate.closed
        return Pending(row, column, anchors, noise, joint=joint, measure=self._measures(step))

    def _measures(self, step: int) -> bool:
        """On steps that are logged."""
        every = self.args.logging_steps
        logged = self.args.logging_strategy == "steps" and every >= 1
        return bool(logged and (step + 1) % every == 0)

    def _add_noise(self, module: Any, arguments: Any, output: torch.Tensor) -> torch.Tensor | None:
        if self._lengths is None or not module.training:
            return None
        lengths, self._lengths = self._lengths, None
        return output + embedding_noise(output, lengths, alpha=self.objective.embedding_noise)

    def _clip_grad_norm(self, model: Any) -> Any:
        """Model and head apart: a large head gradient must not shrink the model's step."""
        if self.head is None or self.is_deepspeed_enabled:
            return super()._clip_grad_norm(model)
        own = {id(p) for p in self.head.parameters()}
        rest = [p for p in model.parameters() if id(p) not in own]
        self.accelerator.clip_grad_norm_(list(self.head.parameters()), self.args.max_grad_norm)
        return self.accelerator.clip_grad_norm_(rest, self.args.max_grad_norm)

    # Notes for the log

    def _note(self, pending: Pending, outcome: Outcome, phase: Phase) -> None:
        """Values go where TRL collects its own; every logger of the Trainer gets them."""
        self._last = (pending, outcome, phase)
        self._gate.add(outcome.terms, pending.anchors.weight, scale=self._scale)

    @property
    def _scale(self) -> float:
        return self._targets.deviation if self._targets is not None else 1.0

    def note_step(self) -> None:
        """Called once for each optimizer step, on every rank."""
        pending, outcome, phase = self._last
        self._gate.close_step(self.accelerator)
        if not pending.measure:
            return
        future = self.objective.future
        assert future is not None
        weight = future.step_weight(pending.anchors.weight, pending.anchors.sequences)
        divisor = max(float(weight), 1e-9)
        loss = float(outcome.terms.total.detach()) / divisor
        values = {"loss": loss, "weight": phase.weight}
        if outcome.terms.tau is not None:
            values["loss_over_blind"] = loss / blind_floor(self._scale)
        if outcome.shuffled is not None:
            values["shuffled_gap"] = outcome.shuffled / divisor - loss
        if outcome.grad_future is not None and outcome.grad_model:
            values["gradient_ratio"] = outcome.grad_future / outcome.grad_model
        for name, value in values.items():
            self._metrics["train"][f"future/{name}"].append(value)

    def log_apart(self, values: dict[str, float]) -> None:
        """To all loggers as it is: TRL's own `log` would rename it and empty its collection."""
        super(SFTTrainer, self).log(values)

    # Checkpoints

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """The plain language model; the head in a file of its own, if asked or to resume from."""
        head_state = None
        if self.head is not None and (self._save_head or self._saving_checkpoint):
            head_state = _head_state(self.head, state_dict)
        if state_dict is not None:
            state_dict = {k: v for k, v in state_dict.items() if not k.startswith(HEAD + ".")}
        with self._without_head():
            super()._save(output_dir, state_dict)
        if head_state is not None and self.args.should_save:
            from safetensors.torch import save_file

            folder = Path(output_dir or self.args.output_dir)
            save_file(head_state, folder / HEAD_FILE)
            (folder / STATE_FILE).write_text(json.dumps(self._gate.state()), encoding="utf-8")

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self._saving_checkpoint = True
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._saving_checkpoint = False

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if self.is_fsdp_enabled or self.head is None:  # FSDP's own files hold the head as well
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            with self._without_head():
                super()._load_from_checkpoint(resume_from_checkpoint, model)
            file = Path(resume_from_checkpoint) / HEAD_FILE
            if not file.is_file():
                raise RunError(f"{file}: missing; resume from a checkpoint that this trainer wrote")
            from safetensors.torch import load_file

            self.head.load_state_dict(load_file(file))
        file = Path(resume_from_checkpoint) / STATE_FILE
        if file.is_file():
            self._gate.restore(json.loads(file.read_text(encoding="utf-8")))


class _Gate:
    """Detaches h while the future loss is low; off by default, as it starves the model of signal
    early and often. Decided from the loss of the last step, averaged over ranks and divided by
    what a blind head has at the same times, because at unit scale the plain loss moves more with
    tau than with anything learnt."""

    def __init__(self, settings: ScheduleSettings) -> None:
        self._settings = settings
        self._sum = self._weight = 0.0
        self._average: float | None = None
        self.closed = False

    def add(self, terms: Any, weight: torch.Tensor, *, scale: float) -> None:
        """The anchors of one micro-batch."""
        if self._settings.gate == "off":
            return
        loss = terms.loss
        if terms.tau is not None and loss.shape == terms.tau.shape:
            loss = loss / blind_loss(terms.tau, scale)
        if loss.shape == weight.shape:
            loss = loss * weight
        self._sum += float(loss.sum())
        self._weight += float(weight.sum())

    def close_step(self, accelerator: Any) -> None:
        """Decide for the next step; all ranks come to the same answer."""
        if self._settings.gate == "off":
            return
        both = torch.tensor([self._sum, self._weight], device=accelerator.device)
        total, weight = accelerator.reduce(both, reduction="sum").tolist()
        self._sum = self._weight = 0.0
        loss = total / max(weight, 1e-9)
        level = self._settings.gate_level
        if self._settings.gate == "static":
            self.closed = loss < level
            return
        self.closed = self._average is not None and loss < self._average / level
        old = loss if self._average is None else self._average
        self._average = 0.99 * old + 0.01 * loss

    def state(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"average": self._average, "closed": self.closed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""
        self._average, self.closed = state["average"], bool(state["closed"])


class _StepCallback(TrainerCallback):
    """What happens around the optimizer's step."""

    def __init__(self, trainer: SFRTrainer) -> None:
        self._trainer = trainer
        self._before: list[torch.Tensor] | None = None

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Head steps without cross-entropy leave the model alone; keep the head for its mean."""
        trainer = self._trainer
        phase = phase_at(state.global_step, total=state.max_steps, settings=trainer.schedule)
        if not phase.cross_entropy:
            own = {id(p) for p in trainer.head.parameters()} if trainer.head is not None else set()
            for parameter in trainer.model.parameters():
                if id(parameter) not in own:
                    parameter.grad = None
        if trainer.schedule.ema is not None and phase.joint and trainer.head is not None:
            self._before = [p.detach().clone() for p in trainer.head.parameters()]

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """head <- rho old + (1 - rho) new. As the head is set to its mean after every step, the
        mean is always the head before the step and needs no copy in a checkpoint; at the end of
        the head steps it starts from the trained head."""
        rho = self._trainer.schedule.ema
        if self._before is not None and rho is not None:
            with torch.no_grad():
                for parameter, old in zip(
                    self._trainer.head.parameters(), self._before, strict=True
                ):
                    parameter.lerp_(old, rho)
            self._before = None
        self._trainer.note_step()


def _settings(kind: Any, given: Any, *, where: str) -> Any:
    if isinstance(given, kind):
        return given
    return read_model(kind, dict(given or {}), where=where)


def _head_state(head: Any, state_dict: Mapping[str, Any] | None) -> dict[str, torch.Tensor]:
    """The head's tensors; from the gathered state dict where parameters are sharded."""
    if state_dict is None:
        found = head.state_dict()
    else:
        found = {
            name.removeprefix(HEAD + "."): value
            for name, value in state_dict.items()
            if name.startswith(HEAD + ".")
        }
    return {name: value.detach().cpu().contiguous() for name, value in found.items()}


def _starts(inputs: Mapping[str, Any]) -> torch.Tensor:
    """Where samples begin, (B, T): position 0, or the row's first token without positions."""
    if "position_ids" in inputs:
        return inputs["position_ids"] == 0
    starts = torch.zeros_like(inputs["labels"], dtype=torch.bool)
    starts[:, 0] = True
    return starts


def _sample_lengths(inputs: Mapping[str, Any]) -> torch.Tensor:
    """For each token the length of its sample, padding not counted; (B, T)."""
    if "attention_mask" in inputs:
        mask = inputs["attention_mask"]
        return mask.sum(dim=1, keepdim=True).expand_as(mask)
    sample = _starts(inputs).long().cumsum(dim=1)
    counts = torch.stack([torch.bincount(row, minlength=int(row.max()) + 1)[row] for row in sample])
    return counts


def _at_least_one(rows: torch.Tensor) -> torch.Tensor:
    """A row of zeros if there is none: every rank runs the head."""
    return rows if len(rows) else rows.new_zeros(1, *rows.shape[1:])
