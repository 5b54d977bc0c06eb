"""SFRTrainer: TRL's SFTTrainer with another token loss, or with a loss on the future beside it.

    loss = CE + lambda_t * (sum of weighted anchor losses) / (sum of weights)

Both divisors belong to the whole optimizer step, over its micro-batches and ranks. Every objective
takes the same path through this class. With `lm_head: supervised` so do the losses on tokens,
cross-entropy included, and twins differ in nothing else; on an accelerator `auto` gives
cross-entropy (alone, or under a loss on the future) to TRL's fused head, which the other losses on
tokens cannot use.
With weight 0, or an objective that is TRL's own, and the fused LM head, the weights are those of
TRL's trainer, bit for bit.
"""

import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from trl import SFTTrainer

from sfr_eval.errors import UserError
from sfr_eval.util.assets import cache_folder
from sfr_eval.util.progress import log
from sfr_eval.util.reading import read_model
from sfr_train.data.preparation import prepared_chats
from sfr_train.data.tokens import Tokenization, is_chats
from sfr_train.data.turns import meet
from sfr_train.flow.schedule import ScheduleSettings, without_idle_steps
from sfr_train.job import AverageSettings
from sfr_train.loop.forks import ForkCallback
from sfr_train.loop.frozen_base import FrozenBase
from sfr_train.loop.future_trainer import FutureTrainer
from sfr_train.loop.gradient_gate import GradientGate
from sfr_train.loop.gradient_ratio import GradientRatio
from sfr_train.loop.head_run import HeadRun
from sfr_train.loop.head_trainer import StepCallback
from sfr_train.loop.record_trainer import RecordTrainer
from sfr_train.loop.row_lengths import check_lengths
from sfr_train.loop.sizes import sizes_of
from sfr_train.loop.token_trainer import LMHead, TokenTrainer
from sfr_train.loop.weight_average import WeightAverage
from sfr_train.objectives import read_objective
from sfr_train.objectives.base import FutureLoss, Objective
from sfr_train.objectives.kl_to_base import BaseDivergence
from sfr_train.targets.cached import Targets, load_or_build
from sfr_train.targets.future_data import (
    COLUMN,
    FutureCollator,
    with_future_states,
    with_held_out_states,
)
from sfr_train.targets.segments import TargetSettings
from sfr_train.targets.shuffled import TokenWindows, partners
from sfr_train.targets.text_encoder import TextEncoder


class SFRTrainer(RecordTrainer, FutureTrainer, TokenTrainer):
    """An SFTTrainer with an objective.

    objective: a name of `OBJECTIVES`, or {name: ..., settings}. lm_head: see `LMHead`. save_head:
    also write the head beside the final checkpoint. average: of weights, see `WeightAverage`.
    encoder: used in place of targets.encoder, for tests and your own models. All other arguments
    are SFTTrainer's.
    """

    _tag_names: ClassVar = ["trl", "sft", "sfr"]
    data_collator: Any
    _signature_columns: Any

    def __init__(
        self,
        model: Any,
        args: Any = None,
        *,
        objective: str | dict[str, Any] = "sfr",
        schedule: ScheduleSettings | dict[str, Any] | None = None,
        targets: TargetSettings | dict[str, Any] | None = None,
        lm_head: LMHead = "auto",
        save_head: bool = False,
        average: AverageSettings | dict[str, Any] | None = None,
        encoder: TextEncoder | None = None,
        cache: Path | None = None,
        **others: Any,
    ) -> None:
        module, settings = read_objective(objective)
        self.schedule = read_model(ScheduleSettings, schedule or {}, where="schedule")
        self.target_settings = read_model(TargetSettings, targets or {}, where="targets")
        self.save_head = save_head
        self._encoder, self._cache = encoder, cache or cache_folder()
        self._targets: Targets | None = None
        self._held_out: Targets | None = None  # of the evaluation rows given at construction
        self._built = False
        self._windows: TokenWindows | None = None  # of a loss on shuffled tokens
        needs = settings.needs if self.schedule.weight > 0 else None
        self._needs_targets = needs == "embeddings"
        shuffled_tokens = needs == "tokens" and self.target_settings.shuffled
        if shuffled_tokens and not hasattr(settings, "tokens"):
            raise UserError("targets.shuffled: this objective has no target to shuffle")
        self._tokens_ahead = settings.tokens if shuffled_tokens else 0
        super().__init__(model, args, **others)
        self._built = True
        built = self._build_objective(module, settings)
        self.objective = replace(built, future=built.future if needs else None)
        self.set_token_loss(
            built.token_loss,
            lm_head=lm_head,
            embedding_noise=built.embedding_noise,
            hidden_noise=built.hidden_noise,
        )
        self._step_weight = torch.ones(())
        if self.objective.future is not None and self.objective.future.head is None:
            self.schedule = without_idle_steps(self.schedule)
        self._gate = GradientGate(self.schedule)
        self._ratio = GradientRatio(self.schedule)
        self._base: FrozenBase | None = None
        self._run: HeadRun | None = None
        if self.objective.future is not None:
            self._attach_future(self.objective.future)
        if average is not None:
            values = read_model(AverageSettings, average, where="average")
            self.average = WeightAverage(self, values)
            self.add_callback(self.average)
        if self.eval_dataset is not None and hasattr(self.eval_dataset, "select"):
            self.add_callback(ForkCallback(self))

    # Building

    def _build_objective(self, module: Any, settings: Any) -> Objective:
        """Build it with its own generator state, so that the global one stays where TRL left it."""
        sizes = sizes_of(self.model, self._targets)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.args.seed)
            built: Objective = module.build(settings, sizes)
        width = getattr(settings, "width", None) or sizes.target
        narrow = width < sizes.target and getattr(settings, "skip", None) == "none"
        if narrow and sizes.field and self.args.process_index == 0:
            log(
                f"objective.width: {width} is narrower than the {sizes.target} entries of a "
                "target, so that most velocities are out of reach; leave it out or set skip: "
                "covariance"
            )
        return built

    def _attach_future(self, future: FutureLoss) -> None:
        if isinstance(future, BaseDivergence):
            self._compare_with_base(future)
        if future.head is not None:
            self.attach(future.head)
        self.add_callback(StepCallback(self))
        self._run = HeadRun(self.model, future)
        futures = self._windows if self._targets is None else self._targets
        if futures is not None:
            partner = None
            if self.target_settings.shuffled:
                samples = futures.samples(np.arange(futures.state_count))
                partner = partners(samples, seed=self.args.seed)
            self.data_collator = FutureCollator(
                self.data_collator,
                futures,
                padding_free=self.padding_free,
                partner=partner,
                held_out=self._held_out,
            )

    def _compare_with_base(self, loss: BaseDivergence) -> None:
        if self.is_fsdp_enabled or self.is_deepspeed_enabled:
            raise UserError(
                "objective kl_to_base: not possible with sharded weights; train on one process or "
                "by DDP"
            )
        base = FrozenBase(
            self.model, copy_dtype=loss.copy_dtype, autocast=self.accelerator.autocast
        )
        loss.model_logits, loss.base_logits = base.model_logits, base.base_logits
        self._base = base

    def _prepare_dataset(
        self,
        dataset: Any,
        processing_class: Any,
        args: Any,
        packing: bool,
        formatting_func: Any,
        dataset_name: str,
    ) -> Any:
        """Return TRL's tokens and labels, for training data with the state number of each token."""
        prepare = super()._prepare_dataset
        ours = formatting_func is None and processing_class is self._tokenizer and is_chats(dataset)

        def trl_prepare(rows: Any, arguments: Any, packed: bool) -> Any:
            if ours:
                return prepared_chats(
                    rows,
                    self._tokenization(args, packing),
                    arguments=arguments,
                    packing=packed,
                    what=dataset_name,
                )
            whole = copy.copy(arguments)
            whole.max_length, whole.shuffle_dataset = None, False
            tokens = prepare(rows, processing_class, whole, False, formatting_func, dataset_name)
            check_lengths(tokens, args, packing=packing, what=dataset_name)
            return prepare(
                tokens, processing_class, arguments, packed, formatting_func, dataset_name
            )

        encode = partial(
            load_or_build,
            tokenizer=self._tokenizer,
            settings=self.target_settings,
            cache=self._cache,
            encoder=self._encoder,
        )
        if dataset_name == "eval" and self._targets is not None and not self._built:
            rows, self._held_out = with_held_out_states(
                dataset,
                trl_prepare,
                encode,
                training=self._targets,
                arguments=args,
                packing=packing,
            )
            meet("prepared eval rows and their targets")
            return rows
        if dataset_name != "train" or not (self._needs_targets or self._tokens_ahead):
            rows = trl_prepare(dataset, args, packing)
            meet(f"prepared {dataset_name} rows")
            return rows
        if self._tokens_ahead:
            prepared, self._windows = with_future_states(
                dataset,
                trl_prepare,
                lambda rows: TokenWindows(rows["labels"], ahead=self._tokens_ahead),
                arguments=args,
                packing=packing,
            )
            meet("prepared rows")
            return prepared
        prepared, self._targets = with_future_states(
            dataset, trl_prepare, encode, arguments=args, packing=packing
        )
        meet("prepared rows and targets")
        return prepared

    def _tokenization(self, args: Any, packing: bool) -> Tokenization:
        """Return how TRL would make tokens of chats. Packing in the style `wrapped` cuts rows into
        parts and loses nothing."""
        splits = packing and args.packing_strategy != "bfd"
        return Tokenization(
            tokenizer=self._tokenizer,
            chat_template=self.chat_template,
            completion_only=self.completion_only_loss,
            assistant_only=args.assistant_only_loss,
            limit=None if splits else args.max_length,
            keep_end=args.truncation_mode == "keep_end" and not packing,
            cut=args.max_length is not None and not packing,
        )

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if COLUMN not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, COLUMN]

    # Logging

    def log_apart(self, values: dict[str, float]) -> None:
        """Log values unchanged: TRL's own `log` would rename them and empty its collection."""
        super(SFTTrainer, self).log(values)
