"""GRPO with rewards of this package: trl.GRPOTrainer whose samples depend on nothing but the seed.

Losses, clipping, the reference model of `beta`, `entropy_coef` and everything else are TRL's. Only
completions are drawn otherwise, by `sampling`, so that neither the number of ranks nor a resumed
run changes them. With vLLM, continuous batching or `generation_kwargs` they are TRL's own, too.
"""

from typing import Any

import torch
from trl import GRPOTrainer

from sfr_train.loop.record_trainer import RecordTrainer
from sfr_train.policy.quality_floor import QualityFloor
from sfr_train.policy.sampling import Draw, hashed_sampling, warpers

_EVALUATION = 2**31
"""The step of all draws for evaluation: the same numbers each time, and none of training's."""


class PolicyTrainer(RecordTrainer, GRPOTrainer):
    """trl.GRPOTrainer with reproducible samples."""

    floor: QualityFloor | None = None  # sets the weight of the second reward by the first
    _moment: tuple[bool, int] | None = None  # training or not, and the step
    _drawn = 0  # replies of all ranks since this moment began

    def _generate_single_turn(self, prompt_ids: Any, *arguments: Any, **options: Any) -> Any:
        by_another_engine = self.use_vllm or self.use_transformers_continuous_batching
        if by_another_engine or self.args.generation_kwargs:
            return super()._generate_single_turn(prompt_ids, *arguments, **options)
        filters = warpers(
            temperature=self.temperature, top_k=self.top_k, top_p=self.top_p, min_p=self.min_p
        )
        policy = self.accelerator.unwrap_model(self.model_wrapped)
        draw, training = self._draw(len(prompt_ids)), policy.training
        policy.eval()  # TRL would sample with the dropout of an adapter
        try:
            with hashed_sampling(policy, draw, filters):
                return super()._generate_single_turn(prompt_ids, *arguments, **options)
        finally:
            policy.train(training)

    def _draw(self, replies: int) -> Draw:
        """Return the draw of this rank's part of a batch; ranks have equally many replies. A step
        may draw several batches (`steps_per_generation` below the accumulation), as does an
        evaluation."""
        training, step = self.model.training, self.state.global_step
        if self._moment != (training, step):
            self._moment, self._drawn = (training, step), 0
        first = self._drawn + self.accelerator.process_index * replies
        self._drawn += self.accelerator.num_processes * replies
        return Draw(self.args.seed, step if training else _EVALUATION, first)

    def _calculate_rewards(self, *arguments: Any, **options: Any) -> Any:
        """Return the rewards of all ranks, (replies, functions). A reply for which one function has
        no value gets none at all: TRL would take the sum of the others for its whole reward."""
        rewards = super()._calculate_rewards(*arguments, **options)
        rewards[torch.isnan(rewards).any(dim=1)] = torch.nan
        quality = rewards[:, 0].nanmean()
        if self.floor is not None and self.model.training and not quality.isnan():
            weight = self.floor.weight(float(quality))
            self.reward_weights[1] = weight  # read by TRL after this, for this batch
            self._metrics["train"]["dqo/alpha"].append(weight)
        return rewards

    def evaluation_loop(self, *arguments: Any, **options: Any) -> Any:
        """Evaluate. Every evaluation draws by the same numbers, so that two differ by their models
        alone."""
        self._moment = None
        return super().evaluation_loop(*arguments, **options)

    def log_apart(self, values: dict[str, float]) -> None:
        """Log values unchanged: TRL's own `log` would rename them and empty its collection."""
        super(GRPOTrainer, self).log(values)
