"""Shows that a refactor changes no number: runs a fixed set of commands and compares two results.

    python scripts/fixed_runs.py make BEFORE            # on the old commit
    python scripts/fixed_runs.py make AFTER             # on the new one, on the same machine
    python scripts/fixed_runs.py diff BEFORE AFTER      # exit code 1 if a number differs

Everything goes through the command line, so moving a module cannot break this script. To measure a
commit without this script, name a checkout of it with --checkout. The demo checkpoints are trained
once (minutes) into the folder --demo; an empty one has them trained again, which puts the training
code to the test as well.
"""
# ruff: noqa: T201  (what this script prints is its result)

import argparse
import csv
import hashlib
import json
import os
import random
import re
import shlex
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT = 28_471  # fixed, because the address of a server is part of a run's identity
SERVER = f"http://127.0.0.1:{PORT}/v1"
FEW = "--metrics lexical,text,quality,semantic"
# Above 50 queries intervals are made by bootstrap, below it by t.
BROAD = f"""run --model world:within=0.5 --suite persona --personas pirate,monk --limit 51 --seed 3
    --samples 2 --temperatures 0.6,1.0 {FEW} --output shard --shard"""
VOICES = "--suite persona --personas pirate,monk,butler"
WORLD = f"{VOICES} --limit 8 --samples 3 --temperatures 0.7,1.0"
CODE = "--suite mbpp --data small --limit 10 --samples 4 --temperatures 0.2,0.8 --unsafe-code"
# A name (which is also the folder or file written) and a command line, which may go on below.
STEPS = f"""
shard-1        {BROAD} 1/2
shard-2        {BROAD} 2/2
broad          score shard-shard-1-of-2 shard-shard-2-of-2 --jackknife {FEW} --output broad
world          run --model world: {WORLD} --seed 1 --output world
mixed          run --model world:cross=0.7 {WORLD} --seed 1 --output mixed
narrow         run --model world:within=0.5 {WORLD} --seed 2 --output narrow
demo           run --model demo:sft --engine transformers {VOICES} --limit 2 --samples 2 --seed 1
    --temperatures 0.7,1.0 --output demo
    --metrics lexical,semantic,style,population,quality,gated,across,text,geometry,tokens
imported       score generations.jsonl --suite persona {FEW} --output imported
code           run --model world: {CODE} --seed 1 --output code
code-worse     run --model world:solve=0.3 {CODE} --seed 2 --output code-worse
served         run --model fake --base-url {SERVER} --suite persona --limit 2 --samples 2 --seed 1
    --temperatures 0.7,1.0 --metrics lexical,text --output served
    --judge {SERVER} --judge-axes ctx,rel,flu,style --judge-votes 2
compare-two    compare world mixed --output compare-two
compare-three  compare world mixed narrow --output compare-three
compare-code   compare code code-worse --output compare-code
baseline       check --write-baseline world --baseline baseline.json
check-pass     check --baseline baseline.json --candidate world --output check-pass.json
check-fail     check --baseline baseline.json --candidate mixed --output check-fail.json
csv            export world --format csv --output csv
jsonl          export demo --format jsonl --output jsonl
lm-eval        export code --format lm-eval --output lm-eval
grade          grade programs.jsonl --seconds 1 --unsafe-code --output grade.jsonl
grade-lcb      grade programs.jsonl --seconds 1 --unsafe-code --output grade-lcb.jsonl
    --mode lcb-compat
calibration    calibrate --quick --metrics lexical --metrics text --output calibration
job            train job.yaml
"""
EXIT_CODES = {"check-fail": 1}  # of all other steps: 0
JOB = """\
name: job
model: demo:base
output: job
data: {world: {rows: 24}, validation: 4}
objective: {name: sfr, width: 32}
schedule: {weight: 1.0, head_steps: 1}
targets: {k: 8, stride: 4, minimum: 2}
training: {max_steps: 3, per_device_train_batch_size: 4, eval_strategy: steps, eval_steps: 3,
           logging_steps: 1, use_cpu: true, disable_tqdm: true}
"""
ADD, ASSERTS = "def add(a, b):\n    return a ", ["assert add(2, 3) == 5", "assert add(0, 0) == 0"]
CHECK = "def check(candidate):\n    assert candidate(2, 3) == 5\n"
PROGRAMS: tuple[dict[str, Any], ...] = (
    {"id": "right", "code": f"{ADD}+ b\n", "test_list": ASSERTS},
    {"id": "wrong", "code": f"{ADD}- b\n", "test_list": ASSERTS},
    {"id": "raises", "code": f"{ADD}/ 0\n", "test_list": ASSERTS},
    {"id": "endless", "code": "while True:\n    pass\n", "test_list": ASSERTS},
    {"id": "stdin", "code": "print(int(input()) * 2)\n", "tests": [["2\n", "4\n"], ["3\n", "7\n"]]},
    {"id": "call", "code": f"{ADD}+ b\n", "fn_name": "add", "tests": [["2\n3", "5"]]},
    {"id": "humaneval", "code": f"{ADD}+ b\n", "test": CHECK, "entry_point": "add"},
)

# What the two sides call differently: patterns and replacements on paths of values of both, which
# look like `world/results.json:estimates[suite=persona metric=length].value`, tried in this order.
# Add a line where a key or a file was renamed or moved.
ALIASES: tuple[tuple[str, str], ...] = (
    (r"_\d{4}-\d\d-\d\dT[\d.-]+\d(?=\.json)", ""),  # in names of exported files
)
# Keys that describe the machine, the clock or the software, not the result.
IGNORED = re.compile(
    r"(config|crc|cpu_seconds|date|detail|folder|format|last_session|near_limit|output|path"
    r"|platform|retried|seconds|timestamp|total_evaluation_time_seconds|versions?|waited"
    r"|wall_seconds|.*_runtime|.*_per_second)"
)
# Keys whose texts are results. Other texts, such as the words of a verdict, do not fail.
RESULTS = re.compile(
    r"[.:](codes|fingerprint|results|sample_id|sealed|sha256|signatures?|status)(?=[.\[]|$)"
)
# Keys that tell the rows of a list apart, in whatever order they come.
IDS = (
    *("id", "sample_id", "judgement_id", "program", "doc_id", "round", "suite", "metric", "query"),
    *("temperature", "persona", "by", "group", "k", "part", "quality", "diversity", "slice"),
    *("step", "index"),
)
SKIPPED = {"cache", "logs", "samples"}  # samples/ is what samples.parquet is made of
COLUMNS = ("equal", "differ", "row gone", "text", "only before", "only after")
Leaf = str | float | None


def make(out: Path, *, checkout: Path, demo: Path) -> None:
    """Runs every step in `out`; SystemExit if one ends with an unexpected code."""
    if out.exists():
        raise SystemExit(f"{out}: exists already; choose a new folder")
    for folder in (out / "logs", out / "cache", demo):
        folder.mkdir(parents=True, exist_ok=True)
    (out / "cache" / "demo").symlink_to(demo.resolve())
    (out / "job.yaml").write_text(JOB)
    (out / "programs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in PROGRAMS))
    root = checkout.resolve()
    environment = {n: v for n, v in os.environ.items() if not n.startswith("SFR_EVAL_")} | {
        "PYTHONPATH": f"{root}{os.pathsep}{root / 'train'}",
        "SFR_EVAL_CACHE": str(out.resolve() / "cache"),  # empty: nothing is read that others wrote
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",  # sums in one order
        "OPENAI_API_KEY": "none",
    }
    ThreadingHTTPServer.request_queue_size = 128  # else it resets some of many connections
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for step in re.split(r"\n(?=\S)", STEPS.strip()):
        name, command = step.split(maxsplit=1)
        if name == "imported":
            write_generations(out / "world" / "samples.parquet", out / "generations.jsonl")
        log = out / "logs" / f"{name}.txt"
        start = time.monotonic()
        with log.open("w") as stream:
            code = subprocess.run(
                [sys.executable, "-m", "sfr_eval", *shlex.split(command)],
                cwd=out,
                env=environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        print(f"{name:14} exit code {code}  {time.monotonic() - start:6.1f} s", flush=True)
        if code != EXIT_CODES.get(name, 0):
            raise SystemExit(f"{log.read_text()[-3000:]}\n{name}: unexpected exit code {code}")
        # The last bits of an embedding depend on the batch size, which is otherwise measured.
        for folder in (out / "cache" / "embeddings").glob("*"):
            (folder / "batch-cpu-1.json").write_text('{"batch": 32}')


class Answers(BaseHTTPRequestHandler):
    """An OpenAI-compatible model and judge whose answers depend on nothing but the request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Lists the one model."""
        self.reply({"object": "list", "data": [{"id": "fake"}]})

    def do_POST(self) -> None:
        """Sends a score where a format is set, else words of the prompt drawn with its seed."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        if "response_format" in body:
            text = json.dumps({"score": 1 + hashlib.sha256(prompt.encode()).digest()[0] % 5})
        else:
            text = " ".join(random.Random(body["seed"]).choices(prompt.split(), k=12))
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 100, "completion_tokens": 12, "total_tokens": 112}
        head = {"id": "c", "object": "chat.completion", "created": 1, "model": "fake"}
        self.reply({**head, "choices": [choice], "usage": usage})

    def reply(self, body: Mapping[str, Any]) -> None:
        """Sends JSON."""
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keeps requests off the terminal."""


def write_generations(samples: Path, target: Path) -> None:
    """Writes the replies of a run as another tool would; one of them is cut, one is empty."""
    names = ("query", "persona", "temperature", "text")
    rows = [{name: row[name] for name in names} for row in contents(samples)]
    rows[0]["status"], rows[1]["text"] = "truncated", ""
    target.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def contents(file: Path) -> Any:
    """A file as JSON would have it: arrays as their hash, other kinds as nothing."""
    match file.suffix:
        case ".json":
            return json.loads(file.read_text())
        case ".jsonl":
            return [json.loads(line) for line in file.read_text().splitlines()]
        case ".parquet":
            import pyarrow.parquet as pq

            return pq.read_table(file).to_pylist()
        case ".csv":
            with file.open(newline="") as lines:
                return [{n: number(v) for n, v in row.items()} for row in csv.DictReader(lines)]
        case ".safetensors" | ".npy":
            return {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    return {}


def number(text: str) -> Leaf:
    """The number in a cell, None for an empty one, else its text."""
    try:
        return float(text)
    except ValueError:
        return text or None


def values_of(folder: Path) -> dict[str, Leaf]:
    """Every value below `folder` by its path."""
    values: dict[str, Leaf] = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        of_model = name.parts[0] == "job" and file.suffix == ".json"
        if not file.is_file() or SKIPPED & set(name.parts):
            continue
        if of_model and file.name != "trainer_state.json":  # the tokenizer's and its like
            continue
        for path, value in leaves(contents(file), f"{name}:"):
            for pattern, replacement in ALIASES:
                path = re.sub(pattern, replacement, path)
            if isinstance(value, str):
                value = value.replace(str(folder.resolve()), "OUT")
            values[path] = value
    return values


def leaves(value: Any, path: str) -> Iterator[tuple[str, Leaf]]:
    """(path, value) of all that is neither a list nor a mapping."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not IGNORED.fullmatch(name):
                yield from leaves(inner, f"{path}{name}" if path[-1] == ":" else f"{path}.{name}")
    elif isinstance(value, list):
        seen: Counter[str] = Counter()
        for row in value:
            ids = row if isinstance(row, Mapping) else {}
            pairs = [f"{n}={ids[n]}" for n in IDS if isinstance(ids.get(n), str | float | int)]
            label = " ".join(pairs)
            seen[label] += 1
            if seen[label] > 1 or not label:
                pairs.append(f"#{seen[label]}")
            yield from leaves(row, f"{path}[{' '.join(pairs)}]")
    else:
        yield path, value


def diff(before: Path, after: Path) -> bool:
    """Prints the table; returns whether all numbers are equal and no row is gone."""
    old, new = values_of(before), values_of(after)
    rows = {row_of(path) for path in new}
    largest = 0.0
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    examples: dict[str, Counter[str]] = defaultdict(Counter)
    for path in old | new:
        place = re.sub(r"\[[^\]]*\]", "[]", path)
        if path not in new:
            kind = "only before" if row_of(path) in rows else "row gone"
            place = place if kind == "only before" else row_of(place)
        elif path not in old:
            kind = "only after"
        elif (left := old[path]) == (right := new[path]):
            kind = "equal"
        elif is_result(path, left, right):
            kind, place = "differ", f"{path}: {left!r} -> {right!r}"
            if isinstance(left, int | float) and isinstance(right, int | float):
                largest = max(largest, abs(left - right) / max(abs(left), abs(right)))
        else:
            kind, change = "text", f"{left!r} -> {right!r}"
            if re.findall(r"\d+", str(left)) == re.findall(r"\d+", str(right)):
                change = re.sub(r"\d[\d.]*", "N", change)  # lists the same words once
            place = f"{place}: {change}"
        file = re.sub(r"/(scores|plots)/.*", r"/\1/", path.partition(":")[0])
        counts[file][kind] += 1
        if kind != "equal":
            examples[kind][place[:300]] += 1
    counts["all"] = sum(counts.values(), Counter())
    print(f"{'':44}" + "".join(f"{column:>12}" for column in COLUMNS))
    for file, numbers in counts.items():
        print(f"{file:44}" + "".join(f"{numbers[column]:12,}" for column in COLUMNS))
    for kind in COLUMNS[1:]:
        for place, times in examples[kind].most_common(20):
            print(f"{kind}: {place}" + (f"  ({times:,} values)" if times > 1 else ""))
    print(f"largest relative difference of two numbers: {largest:.1e}")
    return not counts["all"]["differ"] and not counts["all"]["row gone"]


def row_of(path: str) -> str:
    """The path of the row that a value stands in, or its file."""
    return path[: path.rfind("]") + 1] or path.partition(":")[0]


def is_result(path: str, *values: Leaf) -> bool:
    """Whether a value that differs is a result, not words about one."""
    words = all(value is None or isinstance(value, str) for value in values)
    stored = ".parquet:" in path and not path.endswith((".reason", ".error"))
    return not words or stored or RESULTS.search(path) is not None


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    maker = commands.add_parser("make", help="run the set")
    maker.add_argument("out", type=Path, help="folder to make")
    root, cache = Path(__file__).parents[1], Path.home() / ".cache" / "sfr-eval" / "demo"
    maker.add_argument("--checkout", type=Path, default=root, help="code to run; default: its own")
    maker.add_argument("--demo", type=Path, default=cache, help=f"checkpoints; default: {cache}")
    differ = commands.add_parser("diff", help="compare two such folders")
    differ.add_argument("before", type=Path)
    differ.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.command == "make":
        make(given.out, checkout=given.checkout, demo=given.demo)
        return 0
    return 0 if diff(given.before, given.after) else 1


if __name__ == "__main__":
    sys.exit(main())
