"""Diversity during training, in the trainers that people use."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from sfr_eval.errors import UserError
from tests.support.training import same, settings, sfr_trainer, tiny_model, weights

SMALL: dict[str, Any] = {
    "suite": "persona",
    "limit": 1,
    "samples": 2,
    "max_tokens": 4,
    "metrics": ["text", "lexical"],
    "every": 2,
}
QUIET: dict[str, Any] = {
    "max_steps": 2,
    "per_device_train_batch_size": 2,
    "save_strategy": "no",
    "report_to": "none",
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "disable_tqdm": True,
    "logging_steps": 1,
}


def callback(**others: Any) -> Any:
    from sfr_train.loop.suite_callback import SuiteCallback

    return SuiteCallback(**{**SMALL, **others})


def suite_rows(trainer: Any) -> list[dict[str, float]]:
    return [row for row in trainer.state.log_history if "suite/duplicate_rate" in row]


def sft(tokenizer: Any, chats: list[Any], folder: Path, **others: Any) -> Any:
    import datasets
    from trl import SFTConfig, SFTTrainer

    return SFTTrainer(
        model=tiny_model(tokenizer),
        args=SFTConfig(output_dir=str(folder), **{**QUIET, **others.pop("arguments", {})}),
        train_dataset=datasets.Dataset.from_list(chats[:8]),
        processing_class=tokenizer,
        **others,
    )


def dpo(tokenizer: Any, chats: list[Any], folder: Path, **others: Any) -> Any:
    import datasets
    from trl import DPOConfig, DPOTrainer

    rows = [
        {"prompt": a["prompt"], "chosen": a["completion"], "rejected": b["completion"]}
        for a, b in zip(chats[:8], chats[8:16], strict=True)
    ]
    tiny_model(tokenizer).save_pretrained(folder / "base")  # DPO loads its reference by name
    return DPOTrainer(
        model=str(folder / "base"),
        args=DPOConfig(output_dir=str(folder), **QUIET),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer,
        **others,
    )


def grpo(tokenizer: Any, chats: list[Any], folder: Path, **others: Any) -> Any:
    import datasets
    from trl import GRPOConfig, GRPOTrainer

    def length(completions: list[Any], **_: Any) -> list[float]:
        return [float(len(one[0]["content"])) for one in completions]

    arguments = {**QUIET, "num_generations": 2, "max_completion_length": 4}
    return GRPOTrainer(
        model=tiny_model(tokenizer),
        reward_funcs=length,
        args=GRPOConfig(output_dir=str(folder), **arguments),
        train_dataset=datasets.Dataset.from_list([{"prompt": c["prompt"]} for c in chats[:8]]),
        processing_class=tokenizer,
        **others,
    )


@pytest.mark.parametrize("make", [sft, dpo, grpo])
def test_trls_trainers_take_it_and_train_as_without_it(
    make: Any, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    plain = make(tokenizer, chats, tmp_path / "plain")
    plain.train()
    torch.manual_seed(0)
    trainer = make(tokenizer, chats, tmp_path / "out", callbacks=[callback()])
    own = trainer.model.generation_config
    trainer.train()
    (row,) = suite_rows(trainer)
    assert row["step"] == 2
    assert 0 <= row["suite/duplicate_rate"] <= 1
    assert "suite/distinct_2" in row
    assert same(weights(trainer.model), weights(plain.model))
    assert trainer.model.generation_config is own
    folder = tmp_path / "out" / "evaluations"
    assert [path.name for path in folder.iterdir()] == ["step-2"]
    manifest = json.loads((folder / "step-2" / "manifest.json").read_text())
    assert manifest["samples"] == 18  # 1 question, 9 personas, 2 replies


def test_the_live_model_replies_as_its_checkpoint(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    from sfr_train.loop.live_sampler import LiveSampler, drawn_by_all, in_evaluation

    from sfr_eval.config import load_run_config
    from sfr_eval.pipeline.preflight import preflight
    from sfr_eval.samplers.transformers import TransformersSampler

    trainer = sft(tokenizer, chats, tmp_path / "out")
    trainer.train()
    trainer.save_model(str(tmp_path / "final"))
    plan = {"model": str(tmp_path / "final"), "engine": "transformers", "temperatures": (0.7,)}
    small = {name: SMALL[name] for name in ("limit", "samples", "max_tokens", "metrics")}
    values = {**plan, **small, "suite": ("persona",), "output": tmp_path / "run"}
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


def test_an_adapter_and_an_evaluation_of_the_trainer(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    import datasets
    from peft import LoraConfig

    rows: list[dict[str, float]] = []
    trainer = sfr_trainer(
        tokenizer,
        chats[:8],
        tmp_path,
        arguments=settings(tmp_path / "out", max_steps=2, eval_strategy="steps", eval_steps=1),
        objective="ce",
        eval_dataset=datasets.Dataset.from_list(chats[:2]),
        peft_config=LoraConfig(r=2, target_modules=["q_proj"]),
        callbacks=[callback(every=None, log=rows.append, folder=tmp_path / "runs")],
    )
    trainer.train()
    assert len(rows) == 2
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["step-1", "step-2"]


def test_another_training_in_the_folder_is_measured_anew(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    import sfr_eval as se

    texts = []
    for rate in (1e-5, 0.1):
        trainer = sft(
            tokenizer,
            chats,
            tmp_path / "out",
            arguments={"learning_rate": rate, "lr_scheduler_type": "constant"},
            callbacks=[callback()],
        )
        trainer.train()
        run = se.load(tmp_path / "out" / "evaluations" / "step-2")
        texts.append(run.samples["text"].tolist())
    assert texts[0] != texts[1]


def test_the_trackers_of_report_to_get_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from sfr_train.loop import suite_callback

    logged: list[tuple[list[str], dict[str, float]]] = []

    class Tracker:
        def on_log(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            logged.append((args.report_to, named["logs"]))

    monkeypatch.setattr(
        suite_callback, "get_reporting_integration_callbacks", lambda names: [Tracker] * len(names)
    )
    state = SimpleNamespace(log_history=[], global_step=7)
    args = SimpleNamespace(report_to=["mine"])
    one = callback()
    for _ in range(2):
        one._report({"suite/distinct_2": 0.5}, args, state, None, None)
    assert logged == [(["mine"], {"suite/distinct_2": 0.5})] * 2
    assert state.log_history == [{"suite/distinct_2": 0.5, "step": 7}] * 2


def test_mistakes_are_one_line(tokenizer: Any, chats: list[Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="evaluation: sample: unknown field"):
        callback(sample=3)
    long = callback(max_tokens=100_000)
    with pytest.raises(UserError, match="more than the model's window of 512"):
        sft(tokenizer, chats, tmp_path / "out", callbacks=[long]).train()
