"""All objectives in the world with known truth: same base, data, steps and budget, several seeds.

    python docs/experiments/objectives.py --output runs/objectives
    python docs/experiments/objectives.py --output runs/objectives --smoke      one seed, minutes
    python docs/experiments/objectives.py --output runs/left-out --leave-out pirate

The same command goes on where it was stopped: a finished training, sampling or measurement is
never repeated. What is done, in this order:

1. One declared sweep, on the validation split and one seed: lambda of SFR and mu of MTP over
   `SWEEP`; the value with the lowest validation cross-entropy at its best epoch is kept. Nothing
   else is tuned; every other setting is the recipe's.
2. Each objective is trained from demo:base with every seed. Its checkpoint is the epoch with the
   lowest validation cross-entropy ("best"), so that nobody gains by stopping early; cross-entropy
   and SFR are also taken after the last epoch ("last").
3. Each checkpoint is sampled by sfr-eval at each temperature and measured; forward KL on true
   replies is computed from the checkpoint itself.
4. summary.json and summary.md: mean over seeds with a t interval, at each temperature.
"""

import argparse
import json
import math
import statistics
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scipy.stats import t as student

SWEEP = {"sfr": (0.3, 1.0, 3.0, 10.0), "mtp": (0.1, 0.3, 1.0)}
TEMPERATURES = (0.6, 0.8, 1.0, 1.2)
OBJECTIVES = (
    "ce",
    "sfr",
    "mtp",
    "future_mse",
    "future_cosine",
    "cka",
    "tofu",
    "gem",
    "focal",
    "label_smoothing",
    "dft",
    "neftune",
)
LAST = ("ce", "sfr")  # also after the last epoch
SETTINGS: dict[str, dict[str, Any]] = {
    "sfr": {"name": "sfr", "width": 256, "time_size": 64, "tau_per": "anchor"},
    "future_mse": {"name": "future_mse", "width": 256, "time_size": 64},
    "future_cosine": {"name": "future_cosine", "width": 256, "time_size": 64},
    "mtp": {"name": "mtp", "tokens": 4},
}
TARGETS = {"k": 12, "stride": 3, "minimum": 4, "scale": "standardise", "last_prompt": True}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--objectives", default=",".join(OBJECTIVES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--limit", type=int, default=37, help="queries")
    parser.add_argument("--leave-out", help="a persona that no training row has; tested alone")
    parser.add_argument("--engine", default="vllm")
    parser.add_argument("--model", default="demo:base")
    parser.add_argument("--smoke", action="store_true", help="one seed, few of everything")
    given = parser.parse_args()
    if given.smoke:
        given.seeds, given.rows, given.epochs, given.samples, given.limit = 1, 96, 2, 4, 4
        given.objectives, given.engine = "ce,sfr,mtp,tofu", "transformers"
    given.objectives = tuple(given.objectives.split(","))
    given.output.mkdir(parents=True, exist_ok=True)
    weights = swept(given)
    rows = []
    for objective in given.objectives:
        for seed in range(given.seeds):
            folder = trained(given, objective, weight=weights.get(objective, 3.0), seed=seed)
            for which in ("best", "last") if objective in LAST else ("best",):
                rows += measured(given, folder, objective=objective, which=which, seed=seed)
    summary = summarised(rows)
    found = {"settings": jsonable(vars(given)), "weights": weights, "rows": rows}
    write(given.output / "summary.json", {**found, "summary": summary})
    table = markdown(summary)
    (given.output / "summary.md").write_text(table, encoding="utf-8")
    sys.stdout.write(table)


def swept(given: argparse.Namespace) -> dict[str, float]:
    """The one sweep: weight with the lowest validation cross-entropy, seed 0."""
    kept = {}
    for objective, values in SWEEP.items():
        if objective not in given.objectives:
            continue
        losses = {
            value: best_loss(trained(given, objective, weight=value, seed=0)) for value in values
        }
        kept[objective] = min(losses, key=lambda value: losses[value])
        write(given.output / f"sweep-{objective}.json", {str(k): v for k, v in losses.items()})
    return kept


def trained(given: argparse.Namespace, objective: str, *, weight: float, seed: int) -> Path:
    """The folder of a finished training."""
    from sfr_train.job import Job, run_job

    folder: Path = given.output / "train" / f"{objective}-{weight:g}-{seed}"
    if (folder / "done.json").is_file():
        return folder
    personas = None
    if given.leave_out:
        personas = tuple(p for p in all_personas() if p != given.leave_out)
    steps = math.ceil(given.rows * 0.9 / 16)
    job = Job.model_validate(
        {
            "name": objective.replace("_", "-"),
            "model": given.model,
            "output": folder,
            "data": {
                "world": {"rows": given.rows, "seed": seed, "personas": personas},
                "validation": 0.1,
            },
            "objective": SETTINGS.get(objective, {"name": objective}),
            "schedule": {"weight": weight, "ramp_steps": 0.05},
            "targets": TARGETS,
            "full_logits": True,
            "training": {
                "num_train_epochs": given.epochs,
                "per_device_train_batch_size": 16,
                "per_device_eval_batch_size": 32,
                "learning_rate": 1e-3,
                "lr_scheduler_type": "cosine",
                "warmup_steps": 0.03,
                "weight_decay": 0.01,
                "max_length": None,
                "seed": seed,
                "eval_strategy": "epoch",
                "save_strategy": "epoch",
                "save_total_limit": 2,
                "load_best_model_at_end": True,
                "metric_for_best_model": "eval_loss",
                "logging_steps": steps,
                "disable_tqdm": True,
                "dataloader_pin_memory": False,
            },
        }
    )
    run_job(job)
    last = max(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    state = json.loads((last / "trainer_state.json").read_text(encoding="utf-8"))
    log = [row for row in state["log_history"] if "eval_loss" in row or "loss" in row]
    write(folder / "done.json", {"last": last.name, "log": log})
    return folder


def best_loss(folder: Path) -> float:
    """Validation cross-entropy of the best epoch."""
    done = json.loads((folder / "done.json").read_text(encoding="utf-8"))
    return min(row["eval_loss"] for row in done["log"] if "eval_loss" in row)


def measured(
    given: argparse.Namespace, folder: Path, *, objective: str, which: str, seed: int
) -> list[dict[str, Any]]:
    """One row for each temperature: what sfr-eval found, and the distance to the truth."""
    from sfr_eval.config import load_run_config
    from sfr_eval.run import execute

    done = json.loads((folder / "done.json").read_text(encoding="utf-8"))
    model = folder / ("final" if which == "best" else done["last"])
    run = given.output / "runs" / f"{folder.name}-{which}"
    file = run.parent / f"{run.name}.json"  # the name may hold a dot
    if file.is_file():
        found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
        return found
    config = load_run_config(
        {
            "model": str(model),
            "suite": ("persona",),
            "engine": given.engine,
            "limit": given.limit,
            "samples": given.samples,
            "temperatures": TEMPERATURES,
            "personas": (given.leave_out,) if given.leave_out else None,
            "output": run,
            "seed": 1,
        },
        environment={},
    )
    execute(config)
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    divergence = forward_kl(model, given)
    distinct = distinct_valid(run)
    rows = []
    for temperature in TEMPERATURES:
        values = {
            estimate["metric"]: estimate["value"]
            for estimate in results["estimates"]
            if estimate["persona"] == "" and abs(estimate["temperature"] - temperature) < 1e-9
        }
        rows.append(
            {
                "objective": objective,
                "which": which,
                "seed": seed,
                "temperature": temperature,
                "forward_kl": divergence,
                **distinct[temperature],
                **values,
            }
        )
    write(file, rows)
    return rows


def distinct_valid(run: Path) -> dict[float, dict[str, float]]:
    """Valid replies, different valid replies in k, and that number beside the truth's own.

    Coverage compares with as many draws from the true distribution, which has its own chance of
    saying the same thing twice.
    """
    import numpy as np

    from sfr_eval.assets import find_suite
    from sfr_eval.store import RunFolder
    from sfr_eval.world.persona import PersonaWorld

    world = PersonaWorld.load(find_suite("persona"))
    groups: dict[tuple[float, str, str], list[str]] = {}
    for sample in RunFolder(run).sealed_samples():
        key = (sample.temperature, sample.query, sample.persona)
        groups.setdefault(key, []).append(sample.text)
    rng = np.random.default_rng(0)
    found: dict[float, list[tuple[float, float, float]]] = {}
    for (temperature, query, persona), texts in groups.items():
        valid = [text for text in texts if world.judge(text, query).valid]
        truth = {world.sample(persona, query, rng) for _ in texts}
        row = (len(valid) / len(texts), float(len(set(valid))), float(len(truth)))
        found.setdefault(temperature, []).append(row)
    return {
        temperature: {
            "valid": statistics.mean(row[0] for row in rows),
            "distinct_valid": statistics.mean(row[1] for row in rows),
            "coverage": sum(row[1] for row in rows) / sum(row[2] for row in rows),
        }
        for temperature, rows in found.items()
    }


def forward_kl(model: Path, given: argparse.Namespace) -> float:
    """E_p[log p(y|x) - log q(y|x)] in nats for a reply, over fresh replies of the true grammar.

    q is the model at temperature 1, the end of turn included, under the suite's own prompts. The
    model spreads some mass over other spellings into tokens, so this is an upper bound.
    """
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from sfr_eval.assets import find_suite
    from sfr_eval.world.persona import PersonaWorld

    world = PersonaWorld.load(find_suite("persona"))
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    rng = np.random.default_rng(2)
    cards = {card.id: card for card in world.personas}
    asked = (
        [given.leave_out] if given.leave_out else [c.id for c in world.personas if not c.held_out]
    )
    terms = []
    for query in world.queries[: given.limit]:
        for persona in asked:
            reply = world.sample(persona, query.id, rng)
            prompt = [
                {"role": "system", "content": cards[persona].system},
                {"role": "user", "content": query.text},
            ]
            start = tokenizer.apply_chat_template(
                prompt, add_generation_prompt=True, return_dict=False
            )
            end = tokenizer(reply + tokenizer.eos_token, add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                logits = network(input_ids=torch.tensor([start + end])).logits[0]
            log_q = torch.log_softmax(logits[len(start) - 1 : -1].float(), dim=-1)
            said = log_q.gather(1, torch.tensor(end)[:, None]).sum().item()
            terms.append(world.log_prob(reply, persona, query.id) - said)
    return statistics.mean(terms)


def all_personas() -> list[str]:
    """Those that training text has by default."""
    from sfr_eval.assets import find_suite
    from sfr_eval.world.persona import PersonaWorld

    world = PersonaWorld.load(find_suite("persona"))
    return [card.id for card in world.personas if not card.held_out]


def summarised(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean over seeds and half the width of its 95% t interval; None with a single seed."""
    groups: dict[tuple[str, str, float], list[Mapping[str, Any]]] = {}
    for row in rows:
        key = (row["objective"], row["which"], row["temperature"])
        groups.setdefault(key, []).append(row)
    summary = []
    for (objective, which, temperature), members in groups.items():
        entry: dict[str, Any] = {
            "objective": objective,
            "which": which,
            "temperature": temperature,
            "seeds": len(members),
        }
        for name in members[0]:
            values = [row[name] for row in members]
            if name in entry or name == "seed" or not all(is_number(value) for value in values):
                continue
            half = None
            if len(values) > 1:
                spread = statistics.stdev(values) / math.sqrt(len(values))
                half = float(student.ppf(0.975, len(values) - 1)) * spread
            entry[name] = {"mean": statistics.mean(values), "half": half}
        summary.append(entry)
    return summary


def markdown(summary: Iterable[Mapping[str, Any]]) -> str:
    """A table: one line for each objective, checkpoint and temperature."""
    columns = ["valid", "distinct_valid", "coverage", "forward_kl", "style_strength"]
    columns += ["cs_self_bleu_2"]
    lines = [
        f"| objective | checkpoint | T | {' | '.join(columns)} |",
        f"|---|---|---|{'---|' * len(columns)}",
    ]
    for entry in summary:
        cells = [written(entry.get(name)) for name in columns]
        lines.append(
            f"| {entry['objective']} | {entry['which']} | {entry['temperature']:g} | "
            f"{' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"


def written(value: Mapping[str, Any] | None) -> str:
    """`mean ± half`, or the mean alone."""
    if value is None:
        return "-"
    if value["half"] is None:
        return f"{value['mean']:.3g}"
    return f"{value['mean']:.3g} ± {value['half']:.2g}"


def is_number(value: Any) -> bool:
    """Neither None nor a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def jsonable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Paths as text."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}


def write(file: Path, content: Any) -> None:
    """JSON, whole or not at all."""
    from sfr_eval.files import write_atomic

    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
