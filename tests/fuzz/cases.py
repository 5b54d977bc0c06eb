"""The readers that are fuzzed: the files that each reads, valid ones, and how it is called."""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Files = Mapping[str, Any]
"""Name -> content: bytes; `Lines` of JSON; anything else is one JSON value."""


class Lines(list[Any]):
    """JSON values, one a line."""


@dataclass(frozen=True)
class Reader:
    """What is fuzzed. `read` gets the folder that holds the files."""

    name: str
    seeds: tuple[Files, ...]
    read: Callable[[Path], object]


SUITE = {
    "id": "own",
    "version": "1",
    "title": "Own",
    "queries": "q.jsonl",
    "persona_cards": "c.yaml",
    "metrics": ["text", "lexical"],
    "temperatures": [0.7, 1.0],
    "samples": 4,
    "max_tokens": 64,
    "token_window": 16,
    "top_p": 0.9,
}
QUERIES = Lines(
    [
        {"id": "one", "text": "Why is rust red?", "category": "a", "references": ["Iron."]},
        {"id": "two", "messages": [{"role": "user", "content": "Name a colour."}],
         "answers": ["red", "blue"], "law": {"red": 0.5, "blue": 0.5},
         "aliases": {"red": ["rot"]}, "near_misses": ["blues"]},
    ]
)  # fmt: skip
CARDS = {"personas": [{"id": "a", "name": "A", "system": "Be A.", "example_replies": ["Hi."]}]}
CONFIG = {
    "model": "demo",
    "suite": ["persona"],
    "samples": 4,
    "temperatures": [0.7, 1.0],
    "seed": 3,
    "limit": 0.5,
    "top_p": 0.9,
    "personas": ["pirate"],
    "engine_args": {"max_num_seqs": 4},
    "sweep": ["min_p=0,0.1"],
    "judge": "x",
}
JUDGE = {
    "id": "mine", "version": "1", "title": "Mine", "kind": "rating",
    "system": "You judge. {scale}", "user": "{question} {reply}",
    "scale": {str(points): f"Good for {points}." for points in range(1, 6)},
}  # fmt: skip
CHECKS = {
    "checks": [
        {"metric": "self_bleu_4", "suite": "persona", "temperature": 1.0, "role": "variety",
         "tolerance": 0.02},
        {"metric": "pass_at_1", "floor": 0.4, "slice": "difficulty=easy"},
    ]
}  # fmt: skip
PROGRAMS = Lines(
    [
        {"id": "a", "code": "print(1)", "tests": [["1", "1"]]},
        {"id": "b", "code": "def f(x): return x", "fn_name": "f", "tests": [["[1]", "1"]]},
        {"id": "c", "code": "def f(x): return x", "test_list": ["assert f(1) == 1"]},
        {"id": "d", "code": "def f(x): return x", "test": "def check(c): pass", "entry_point": "f"},
        {"id": "e", "code": "def f(x): return x", "entry_point": "f", "base_input": [[1]],
         "plus_input": [[2]], "canonical_solution": " return x", "prompt": "def f(x):\n",
         "atol": 0.1},
    ]
)  # fmt: skip
ROWS = Lines(
    [
        {"prompt": f"Question {n}?", "text": f"Reply {n} {k}.", "temperature": 0.7, "model": "m",
         "finish_reason": "stop", "sample": k}
        for n in range(3) for k in range(2)
    ]
)  # fmt: skip
PROMPTS = Lines([{"prompt": f"Question {n}?", "category": "a", "id": n} for n in range(3)])
OWN_ROWS = Lines(
    [
        {"query": f"What is {n}?", "text": f"It is {n}.", "temperature": 1.0, "index": k, "seed": 5,
         "prompt_tokens": 3, "completion_tokens": 4, "status": "ok", "sample_id": f"{n}{k}",
         "error": ""}
        for n in range(2) for k in range(2)
    ]
)  # fmt: skip
CHATS = [
    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": q},
                  {"role": "assistant", "content": a}]}
    for q, a in (("Why?", "So."), ("Why?", "Because."))
]  # fmt: skip
ALPACA = [
    {"instruction": "Translate", "input": word, "output": f"le {word}", "generator": model}
    for model in ("one", "two")
    for word in ("chat", "mur")
]
MT_BENCH = Lines(
    [
        {"question_id": q, "answer_id": f"x{q}", "model_id": "v", "tstamp": 1.5,
         "choices": [{"index": n, "turns": [f"{q} {n}", "later"]} for n in range(2)]}
        for q in (81, 82)
    ]
)  # fmt: skip
QUESTIONS = Lines(
    [{"question_id": q, "category": "w", "turns": ["Write.", "Again."], "reference": ["4"]}
     for q in (81, 82)]
)  # fmt: skip
BATCH = Lines(
    [
        {"id": f"r{n}", "custom_id": f"1-{n}", "error": None,
         "response": {"status_code": 200, "request_id": "q", "body": {
             "model": "small", "usage": {"prompt_tokens": 3, "completion_tokens": 5},
             "choices": [{"index": 0, "finish_reason": "stop",
                          "message": {"role": "assistant", "content": f"Rust {n}"}}]}}}
        for n in range(2)
    ]
)  # fmt: skip
REQUESTS = Lines(
    [
        {"custom_id": f"1-{n}", "method": "POST", "url": "/v1/chat/completions",
         "body": {"model": "small", "temperature": 0.8, "top_p": 0.9, "max_completion_tokens": 30,
                  "messages": [{"role": "user", "content": "Why is rust red?"}]}}
        for n in range(2)
    ]
)  # fmt: skip
PROMPTFOO = {
    "evalId": "eval-1",
    "config": {},
    "results": {
        "version": 3, "prompts": [], "stats": {"successes": 1},
        "results": [
            {"prompt": {"raw": json.dumps([{"role": "user", "content": f"Q {n}"}]), "label": "p"},
             "provider": {"id": "openai:small", "label": ""}, "vars": {"topic": "t"},
             "response": {"output": f"A {n}", "tokenUsage": {"total": 3}}, "success": True,
             "testIdx": 0, "promptIdx": 0}
            for n in range(2)
        ],
    },
}  # fmt: skip
NOVELTY = Lines(
    [
        {"id": f"curated-{n}", "prompt": f"Tell me a story in five sentences about a {who} and "
         f"{whose} dog.", "model": "some/model",
         "generations": ["a", "b", "c"], "partition": [0, 0, 1], "generation_scores": [1, 1, 2],
         "partition_scores": [1, 2]}
        for n, (who, whose) in enumerate((("girl", "her"), ("boy", "his")))
    ]
)  # fmt: skip
LIVECODE = [
    {"question_id": f"{c}_1", "question_content": f"Print {c}.", "contest_date": "2024-01-02",
     "difficulty": "easy", "output_list": [f"Say:\n```python\nprint('{c}')\n```", "No idea."],
     "code_list": [f"print('{c}')", ""], "graded_list": [True, False], "pass@1": 0.5}
    for c in "ab"
]  # fmt: skip
EVALPLUS = Lines([{"task_id": "Own/0", "completion": "    return 2\n", "prompt": "def f():\n"}] * 1)
LM_EVAL = Lines(
    [
        {"doc_id": n, "doc": {"query": f"Question {n}?"}, "target": "",
         "arguments": {"gen_args_0": {"arg_0": f"Question {n}?", "arg_1": {
             "do_sample": True, "temperature": 0.7, "until": ["\n"], "max_gen_toks": 32}}},
         "resps": [["One.", "Two."]], "filtered_resps": [["One.", "Two."]], "filter": "none",
         "doc_hash": "x", "prompt_hash": "y", "target_hash": "z", "exact_match": 0.0}
        for n in range(2)
    ]
)  # fmt: skip
LM_RESULTS = {
    "results": {"t": {"alias": "t"}}, "model_name": "m", "chat_template_sha": "abc",
    "config": {"model": "hf", "model_args": "pretrained=m", "sfr_eval": {"origin": {"a": 1}}},
}  # fmt: skip
MODEL_CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4,
    "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 16,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}, "eos_token_id": [1, 2],
    "tie_word_embeddings": True, "max_position_embeddings": 32, "sfr_eval_world": "persona",
}  # fmt: skip
HEADER = {
    "__metadata__": {"format": "pt"},
    "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    "b": {"dtype": "BF16", "shape": [4], "data_offsets": [16, 24]},
}
TOKENIZER = {"chat_template": "{{ messages }}", "eos_token": "</s>", "model_max_length": 512}


def safetensors(header: Any, data: bytes = bytes(24)) -> bytes:
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


CHECKPOINT = {
    "config.json": MODEL_CONFIG,
    "generation_config.json": {"temperature": 0.7, "eos_token_id": [1, 2], "top_k": 20},
    "tokenizer_config.json": TOKENIZER,
    "chat_template.jinja": b"{% for m in messages %}{{ m.content }}{% endfor %}",
    "model.safetensors": safetensors(HEADER),
}
ADAPTER = {
    "adapter_config.json": {"base_model_name_or_path": "base", "r": 2, "peft_type": "LORA"},
    "adapter_model.safetensors": safetensors(HEADER),
}
ENCODER = {
    "config.json": {"max_position_embeddings": 512, "model_type": "bert"},
    "modules.json": [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}
    ],
    "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
    "config_sentence_transformers.json": {"prompts": {"q": "Q: "}, "default_prompt_name": "q"},
    "model.safetensors": safetensors(HEADER),
}
INDEX = {
    "config.json": MODEL_CONFIG,
    "model-1.safetensors": safetensors(HEADER),
    "model.safetensors.index.json": {"metadata": {}, "weight_map": {"a": "model-1.safetensors"}},
}


ESTIMATE = {
    "metric": "self_bleu_4", "version": "1", "suite": "own", "temperature": 1.0, "persona": "",
    "value": 0.5, "low": 0.4, "high": 0.6, "method": "t", "n": 2, "k": 2, "undefined": 0,
    "higher_is_better": False, "reason": "", "signature": "s", "standard_error": 0.1,
}  # fmt: skip
RUN = {
    "manifest.json": {
        "format": 1, "name": "m", "status": "complete", "samples": 1,
        "model": {"name": "m", "kind": "text", "fingerprint": "sha256:0"},
        "identity": {"engine": "vllm", "seed": 0, "suites": {"own": "1"},
                     "sampling": {"own": {"top_p": 0.9, "top_k": 0, "min_p": 0.0}}},
        "plan": [{"suite": "own", "version": "1", "title": "Own", "prompts": 2, "queries": 2,
                  "personas": [{"id": "a", "name": "A"}], "temperatures": [1.0], "samples": 2}],
        "config": {"model": "m", "suite": ["own"], "limit": None},
        "looks": {"own": [2]}, "thinking": {"open": "<t>", "close": "</t>", "source": "template"},
        "import": {"format": "rows", "files": ["r"], "unknown": ["dtype"], "missing": 0},
        "last_session": {"date": "2026-11-30T18:03Z", "samples": 1},
        "judging": {"judges": ["j"], "rubrics": {"rel": "x"}, "votes": 1},
    },
    "results.json": {
        "format": 1, "estimates": [ESTIMATE], "signatures": {"self_bleu_4": {"version": "1"}},
        "notes": {"self_bleu_4": {"own": {"truncated_share": 0.1, "statuses": {"ok": 1}}}},
        "counts": [{"suite": "own", "temperature": 1.0, "persona": "", "total": 1, "ok": 1,
                    "truncated": 0, "refused": 0, "unsupported": 0, "error": 0, "empty": 0}],
        "similarity": {"own": {"1": {"personas": ["a"], "matrix": [[1.0]]}}},
        "truth": {"own": [ESTIMATE]}, "slices": [{**ESTIMATE, "by": "category", "group": "a"}],
    },
}  # fmt: skip
BASELINE = {
    "format": 1, "name": "m", "fingerprint": "sha256:0", "policy": {}, "looks": 1,
    "suites": {"own": {
        "settings": {"version": "1"}, "keys": {"prompt": [["one", ""], ["two", ""]]},
        "facets": {"category": {"one": "a"}}, "replies": {"1.0": [2, 2]},
        "values": [{"metric": "self_bleu_4", "temperature": 1.0, "signature": {"n": "4"},
                    "values": [0.5, None]}],
        "programs": [{"temperature": 1.0, "signature": {}, "right": [1, 0], "drawn": [2, 2]}],
    }},
}  # fmt: skip


def read_suite(folder: Path) -> object:
    from sfr_eval.suites.suite import load_suite

    return load_suite(str(folder)).prompts()


def read_config(folder: Path) -> object:
    from sfr_eval.config import load_run_config

    return load_run_config({}, file=folder / "config.yaml", environment={})


def read_judge(folder: Path) -> object:
    from sfr_eval.judges.rubric import load_judge

    return load_judge(str(folder / "judge.yaml"))


def read_checks(folder: Path) -> object:
    from sfr_eval.gate.spec import read_checks as read

    return read(folder / "check.yaml")


def read_preset(folder: Path) -> object:
    from sfr_eval.decoders.presets import read_preset as read

    return read(folder / "preset.yaml")


def read_programs(folder: Path) -> object:
    from sfr_eval.grading.program_file import read_programs as read

    return list(read(folder / "programs.jsonl"))


def read_prompts(folder: Path) -> object:
    from sfr_eval.suites.prompt_file import prompt_suite

    return prompt_suite(str(next(folder.iterdir()))).prompts()


def import_all(folder: Path) -> object:
    """Make run folders, score them not. What was made is read again, as every command does."""
    from sfr_eval.formats.read.folder import import_runs

    files = sorted(file for file in folder.iterdir() if file.name != "out")
    files = [file for file in files if not file.name.startswith(("results_", "question"))]
    imported = import_runs(files, suite=None, output=folder / "out")
    return [run.sealed_samples() for run in imported.folders]


def read_checkpoint(folder: Path) -> object:
    from sfr_eval.models.checkpoint import resolve
    from sfr_eval.models.stored_weights import stored_weights
    from sfr_eval.models.templates import own_template, reads_clock, variables

    found = resolve(str(folder))
    template = own_template(folder)
    seen = template and (variables(template), reads_clock(template))
    return found.short_name, seen, stored_weights(folder)


def read_adapter(folder: Path) -> object:
    from sfr_eval.models.checkpoint import resolve

    base = folder / "base"
    base.mkdir()
    for name, content in CHECKPOINT.items():
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (base / name).write_bytes(raw)
    file = folder / "adapter_config.json"
    if file.is_file():
        file.write_bytes(file.read_bytes().replace(b'"base"', json.dumps(str(base)).encode()))
    return resolve(str(folder))


def read_encoder(folder: Path) -> object:
    from sfr_eval.embeddings.locate import encoder_fingerprint, find_encoder, read_window

    find_encoder(str(folder))
    return encoder_fingerprint(folder), read_window(folder)


def read_answers(folder: Path) -> object:
    from sfr_eval.judges.rubric import load_judge, read_answer

    text = (folder / "answer.txt").read_bytes().decode(errors="replace")
    return [read_answer(load_judge(name), text) for name in ("helpfulness", "pairwise_quality")]


def read_run(folder: Path) -> object:
    """Read a run folder as `report` and `compare` do first."""
    from sfr_eval.store.manifest import Manifest
    from sfr_eval.store.results import Results, read_suites
    from sfr_eval.store.run_folder import RunFolder

    manifest, results = Manifest.load(folder), Results.load(folder)
    manifest.looked_at()
    seen = [manifest.identity.decoder_name, sum(part.requests for part in manifest.plan)]
    return (
        seen,
        [suite.metrics for suite in read_suites(manifest, results)],
        (RunFolder(folder).read_samples()),
    )


def read_baseline(folder: Path) -> object:
    from sfr_eval.gate.baseline import read_snapshot

    found = read_snapshot(folder / "baseline.json")
    suites = found.suites.values()
    return [(suite.measured, suite.slices, suite.metrics) for suite in suites], (
        found.conditions(["self_bleu_4"])
    )


READERS = (
    Reader("suite", ({"suite.yaml": SUITE, "q.jsonl": QUERIES, "c.yaml": CARDS},), read_suite),
    Reader("config", ({"config.yaml": CONFIG},), read_config),
    Reader("judge", ({"judge.yaml": JUDGE},), read_judge),
    Reader("checks", ({"check.yaml": CHECKS},), read_checks),
    Reader("programs", ({"programs.jsonl": PROGRAMS},), read_programs),
    Reader(
        "prompts", ({"p.jsonl": PROMPTS}, {"p.json": CHATS}, {"p.jsonl": QUERIES}), read_prompts
    ),
    Reader("rows", ({"r.jsonl": ROWS}, {"r.json": list(ROWS)}, {"r.json": CHATS}), import_all),
    Reader("own-rows", ({"r.jsonl": OWN_ROWS},), import_all),
    Reader("alpaca", ({"m.json": ALPACA},), import_all),
    Reader("mt-bench", ({"m.jsonl": MT_BENCH, "question.jsonl": QUESTIONS},), import_all),
    Reader("batch", ({"b.jsonl": BATCH, "q.jsonl": REQUESTS},), import_all),
    Reader("promptfoo", ({"p.json": PROMPTFOO},), import_all),
    Reader("noveltybench", ({"n.jsonl": NOVELTY},), import_all),
    Reader("livecodebench", ({"l.json": LIVECODE},), import_all),
    Reader("evalplus", ({"e.jsonl": EVALPLUS},), import_all),
    Reader(
        "lm-eval",
        ({
            "samples_t_2025-01-01T00-00-00.000001.jsonl": LM_EVAL,
            "results_2025-01-01T00-00-00.000001.json": LM_RESULTS,
        },),
        import_all,
    ),
    Reader("run", (RUN,), read_run),
    Reader("baseline", ({"baseline.json": BASELINE},), read_baseline),
    Reader("checkpoint", (CHECKPOINT, INDEX), read_checkpoint),
    Reader("adapter", (ADAPTER,), read_adapter),
    Reader("encoder", (ENCODER,), read_encoder),
)  # fmt: skip
