"""Small stand-ins for what a job recipe names: its model, with the real chat template, and data of
the form that the recipe's comment asks for."""

import json
from pathlib import Path
from typing import Any

import yaml

ARCHITECTURES = {
    "Qwen/Qwen3-": ("Qwen3Config", "qwen3"),
    "Qwen/Qwen2.5-": ("Qwen2Config", "qwen2_5"),
}
"""Start of a model's name -> its configuration in transformers, its chat template in TRL."""

REPLY = "I would start with the oven and then look at the bread every ten minutes or so."


def small_model(name: str, folder: Path, tokenizer: Any) -> Path:
    """Save a model of the same architecture with random weights and the tokenizer's vocabulary."""
    import transformers
    import trl

    kind, template = next(value for start, value in ARCHITECTURES.items() if name.startswith(start))
    copy = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer,
        eos_token=tokenizer.eos_token,
        pad_token=tokenizer.pad_token,
    )
    templates = Path(trl.__file__).parent / "chat_templates"
    copy.chat_template = (templates / f"{template}.jinja").read_text(encoding="utf-8")
    config = getattr(transformers, kind)(
        vocab_size=len(copy),
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=32768,
        bos_token_id=None,
        eos_token_id=copy.eos_token_id,
        pad_token_id=copy.pad_token_id,
    )
    transformers.set_seed(0)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    copy.save_pretrained(folder)
    return folder


def small_data(recipe: dict[str, Any], folder: Path) -> None:
    """Write the files that `data` of a recipe names, as its comment says they are made."""
    data = recipe["data"]
    rows: list[dict[str, Any]]
    if "personas" in data:
        cards = [{"id": i, "name": i, "system": f"You are {i}."} for i in ("brine", "moss")]
        (folder / data["personas"]).write_text(yaml.safe_dump(cards))
        rows = [
            {
                "messages": [
                    {"role": "user", "content": f"Question {i}?"},
                    {"role": "assistant", "content": f"{REPLY} {i}"},
                ],
                "persona": cards[i % 2]["id"],
            }
            for i in range(16)
        ]
    else:
        rows = list(_rows_of(data["file"]))
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    is_list = data["file"].endswith(".json")
    (folder / data["file"]).write_text(json.dumps(rows) if is_list else lines)


def _rows_of(file: str) -> Any:
    """Rows of the form that a file of this name has; code is curated from rows of its source."""
    from collections import Counter

    from sfr_train.curate import opencodeinstruct, rstar_coder

    if "alpaca" in file:
        return [
            {"instruction": f"Answer {i}.", "input": "", "output": f"{REPLY} {i}"}
            for i in range(16)
        ]
    if "gsm8k" in file:
        return [{"prompt": f"Add {i}.", "completion": f"{REPLY} #### {i}"} for i in range(16)]

    code = "```python\nprint(1)\n```"
    if "rstar" in file:
        rows: list[dict[str, Any]] = [
            {
                "question_id": f"seed_{i}",
                "question": f"Problem {i} of those in this file",
                "starter_code": "def f():",
                "response": f"<think>{REPLY}</think>{REPLY * 2} {i}\n{code}",
                "code": "print(1)",
                "verified": True,
                "is_passed": True,
            }
            for i in range(16)
        ]
        return rstar_coder(rows, Counter())
    scores = ("requirement_conformance", "logical_correctness", "edge_case_consideration")
    judgement = json.dumps({name: {"score": 5, "justification": ""} for name in scores})
    rows = [
        {
            "input": f"Write program {i}.",
            "output": f"{REPLY} {i}\n{code}",
            "llm_judgement": judgement,
            "tests_execution_status": '["pass"]',
            "average_test_score": "1.0",
        }
        for i in range(16)
    ]
    return opencodeinstruct(rows, Counter())


def small_settings(recipe: dict[str, Any], folder: Path) -> list[str]:
    """Return assignments that make two quick steps on a CPU of a recipe, and change nothing of what
    it does with rows, targets and losses: model, encoder and sizes only."""
    samples = "max_completion_length" in recipe["training"]  # GRPO's
    values: dict[str, Any] = {
        "model": str(folder / "model"),
        "output": str(folder / "out"),
        "data.file": str(folder / recipe["data"]["file"]),
        "data.validation": 4,
        "training.max_steps": 2,
        "training.per_device_train_batch_size": 4 if samples else 2,
        "training.gradient_accumulation_steps": 1,
        "training.save_strategy": "steps",
        "training.save_steps": 2,
        "training.logging_steps": 1,
        "training.use_cpu": True,
        "training.disable_tqdm": True,
    }
    if samples:
        values["training.max_completion_length"] = 8
    else:
        values["training.max_length"] = min(recipe["training"].get("max_length", 1024), 1024)
    if "eval_strategy" in recipe["training"]:
        values |= {"training.eval_strategy": "steps", "training.eval_steps": 2}
    if "personas" in recipe["data"]:
        values["data.personas"] = str(folder / recipe["data"]["personas"])
    if "targets" in recipe:
        values["targets.encoder"] = None  # the one that the package has
        values["targets.k"] = 12
        values["targets.stride"] = 4
        values["targets.minimum"] = 4
    if recipe.get("loading", {}).get("load_in_4bit"):
        values["loading.load_in_4bit"] = False  # its kernels need a GPU, as do those of the
        values["training.optim"] = "adamw_torch"  # optimizer that comes with them
    return [f"{name}={json.dumps(value)}" for name, value in values.items()]
