"""A trainer without a job leaves TRL's card, and takes no step after its last one."""

from pathlib import Path
from typing import Any

from tests.support.training import same, settings, sfr_trainer, weights


def test_a_resume_at_the_last_step_takes_none(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    arguments = settings(tmp_path / "out", max_steps=2, save_strategy="steps", save_steps=2)
    first = sfr_trainer(tokenizer, chats, tmp_path, arguments=arguments, objective="ce")
    first.train()
    again = sfr_trainer(tokenizer, chats, tmp_path, arguments=arguments, objective="ce")
    again.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-2"))
    assert again.state.global_step == 2
    assert same(weights(again.model), weights(first.model))
    assert not (tmp_path / "out" / "checkpoint-2" / "job.json").exists()
