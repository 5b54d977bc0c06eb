"""The files that are broken: of each kind one, or a few, that somebody else could have written."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fuzz.containers import Packed, as_checked_rows, as_parquet

Files = Mapping[str, Any]
"""Name -> content: bytes; `Lines` of JSON; anything else is one JSON value."""


class Lines(list[Any]):
    """JSON values, one a line."""


def plain(content: Any) -> bytes:
    """The bytes of a file that is as it should be."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, Packed):
        return content.raw
    return (
        b"\n".join(json.dumps(row).encode() for row in content)
        if isinstance(content, Lines)
        else json.dumps(content).encode()
    )


def write(file: Path, content: bytes) -> None:
    """Write a file of a case, which may lie in a folder of its own."""
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)


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
        {"id": "d", "code": "def f(x): return x", "entry_point": "f",
         "test": "def check(c):\n    assert c(1) == 1\n"},
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

PRESET = {
    "title": "A protocol", "source": "a page", "date": "2025-08",
    "settings": {"temperatures": [0.7], "min_p": 0.1, "max_tokens": 400},
    "unknown": ["suite", "seed"], "notes": ["Read in a fork."],
}  # fmt: skip
ANSWERS = (b'```json\n{"score": 4}\n```', {"score": 4}, {"better": "A"})
PROMPT_TABLE = [
    {"prompt": f'Question {n}, of "{n}"?', "category": "a", "reference": "So.", "id": n}
    for n in range(3)
]
ROW_TABLE = [
    {"prompt": f"Question {n}?", "text": f"Reply {n}, of \"{n}\".", "temperature": 0.7, "id": n}
    for n in range(3)
]  # fmt: skip
CHAT_TABLE = [{"messages": [{"role": "user", "content": f"Q {n}?"}], "id": str(n)} for n in "ab"]
PROGRAM_LISTS = [["print(1)", "print(2)"], ["def f(): pass", None]]
INSPECT_HEADER = {
    "version": 2, "status": "success",
    "eval": {"created": "2026-01-01T00:00:00+00:00", "task": "t", "dataset": {"name": "t"},
             "model": "openai/m", "model_generate_config": {"temperature": 0.7, "seed": 3},
             "config": {"epochs": 2}, "metadata": {"sfr_eval": {"origin": {"a": 1}}}},
    "plan": {"name": "plan", "steps": [], "config": {}},
}  # fmt: skip
INSPECT_SAMPLES = [
    {"id": "a", "epoch": epoch, "input": [{"content": "Why?", "role": "user"}], "target": "",
     "messages": [{"role": "system", "content": "Be brief."}],
     "output": {"model": "m", "choices": [
         {"message": {"content": f"So {epoch}.", "role": "assistant"}, "stop_reason": "stop"}],
         "usage": {"input_tokens": 3, "output_tokens": 2}},
     "metadata": {"k": 1}, "events": []}
    for epoch in (1, 2)
]  # fmt: skip
INSPECT_LOG = {**INSPECT_HEADER, "stats": {}, "samples": INSPECT_SAMPLES}
INSPECT_PARTS = {
    "_journal/start.json": {name: INSPECT_HEADER[name] for name in ("version", "eval", "plan")},
    **{f"samples/a_epoch_{sample['epoch']}.json": sample for sample in INSPECT_SAMPLES},
    "summaries.json": [
        {name: sample[name] for name in ("id", "epoch", "input", "target", "metadata")}
        for sample in INSPECT_SAMPLES
    ],
    "header.json": INSPECT_HEADER,
}
STYLE = Lines(
    [
        {"persona": "a", "text": "Hi.", "query": "one", "suite": "own"},
        {"persona": "a", "text": "Ho."},
        {"messages": [{"role": "system", "content": "Be A."}, {"role": "user", "content": "Q"},
                      {"role": "assistant", "content": "Hi there."}]},
    ]
)  # fmt: skip
REFERENCES = Lines(
    [
        {"query": "one", "persona": "a", "references": ["Iron.", "Oxygen."]},
        {"prompt": "Why is rust red?", "persona": "a", "reply": "Iron."},
        {"messages": [{"role": "user", "content": "Name a colour."},
                      {"role": "assistant", "content": "red"}], "persona": "a"},
    ]
)  # fmt: skip
RECIPE = {
    "name": "own", "model": "some/model", "loading": {"load_in_4bit": True},
    "data": {"file": "chats.jsonl", "validation": 0.1, "limit": 5},
    "objective": {"name": "tofu", "gamma": 3.0, "beta": 0.8},
    "lora": {"r": 16, "alpha": 16, "dropout": 0.0, "target_modules": "all-linear"},
    "training": {"num_train_epochs": 1, "learning_rate": 2e-4, "max_length": 64, "bf16": True},
}  # fmt: skip
JOB = {
    "format": 1, "trainer": 1, "digest": "0" * 64, "settings": RECIPE,
    "fingerprints": {"rows": "0", "model": "1"}, "rows": 5, "held_out": 1, "rows_a_step": 8,
    "micro_batch": None, "processes": 1, "versions": {"torch": "2.0"},
}  # fmt: skip
SAMPLE = {
    "sample_id": "0" * 32, "suite": "own", "query": "one", "persona": "a", "temperature": 1.0,
    "index": 0, "seed": 5, "status": "ok", "text": "It is so.", "prompt_tokens": 3,
    "completion_tokens": 4, "error": "",
}  # fmt: skip
VOTE = {
    "judgement_id": "1", "sample_id": "0" * 32, "other_id": "", "axis": "quality", "rubric": "r",
    "judge": "j@h", "vote": 1, "status": "ok", "score": 4.0, "prompt_tokens": 3,
    "completion_tokens": 1, "error": "",
}  # fmt: skip
VERDICT = {
    "program": "0", "problem": "1", "mode": "faithful", "round": 0, "status": "passed",
    "trust": "full", "near_limit": False, "retried": False, "wall_seconds": 0.1,
    "cpu_seconds": 0.1, "isolation": "bubblewrap", "detail": "", "grader": "1",
}  # fmt: skip
VALUES = [
    {"metric": "self_bleu_4", "suite": "own", "temperature": 1.0, "query": "one", "persona": "a",
     "sample_id": "0" * 32, "value": value, "reason": ""}
    for value in (0.5, None, 1.0)
]  # fmt: skip
STORED = {
    "samples/0001.jsonl": Packed([SAMPLE, {**SAMPLE, "status": "error"}], as_checked_rows),
    "samples.parquet": Packed([SAMPLE, {**SAMPLE, "index": 1}], as_parquet),
    "votes.jsonl": Packed([VOTE, {**VOTE, "vote": 2}], as_checked_rows),
    "verdicts.jsonl": Packed([VERDICT], as_checked_rows),
    "given.jsonl": Packed([{"sample_id": "0" * 32, "group": 1, "score": 0.5}], as_checked_rows),
    "scores/own@1.parquet": Packed(VALUES, as_parquet),
}
