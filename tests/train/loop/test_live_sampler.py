"""The model in memory draws what its saved checkpoint draws."""

from pathlib import Path
from typing import Any

from tests.support.training import sfr_trainer

SMALL: dict[str, Any] = {"limit": 1, "samples": 2, "max_tokens": 4, "metrics": ["text", "lexical"]}


def test_the_live_model_replies_as_its_checkpoint(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    from sfr_train.loop.live_sampler import LiveSampler, drawn_by_all, in_evaluation

    from sfr_eval.config import load_run_config
    from sfr_eval.pipeline.preflight import preflight
    from sfr_eval.samplers.transformers import TransformersSampler

    trainer = sfr_trainer(tokenizer, chats, tmp_path, objective="ce")
    trainer.train()
    trainer.save_model(str(tmp_path / "final"))
    plan = {"model": str(tmp_path / "final"), "engine": "transformers", "temperatures": (0.7,)}
    values = {**plan, **SMALL, "suite": ("persona",), "output": tmp_path / "run"}
    ready = preflight(load_run_config(values, environment={}))
    requests, subject = list(ready.plan.requests()), ready.subject
    saved = TransformersSampler(
        subject.checkpoint, prompter=subject.prompter, serving=ready.config.serving
    )
    expected = {row.sample_id: row.text for row in saved.sample(requests)}
    live = LiveSampler(trainer.model, prompter=subject.prompter, processes=1)
    with in_evaluation(trainer.model, live.ends):
        rows = drawn_by_all(live, requests, rank=0, processes=1)
    ready.close()
    assert {row.sample_id: row.text for row in rows} == expected
    assert len(set(expected.values())) > 5
