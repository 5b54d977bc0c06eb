"""Every command that writes files, on small runs, and what has to be there before."""

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import toy_runs
from tests.support.fake_server import Reply, completion

WORLD = (
    *("run", "--model", "world:cross=0.3", "--suite", "persona", "--limit", "2"),
    *("--samples", "2", "--temperatures", "1.0", "--metrics", "text", "--output"),
)
CODE = (
    *("run", "--model", "world:solve=0.4,spread=0.3", "--suite", "mbpp", "--set", "data=small"),
    *("--limit", "2", "--samples", "2", "--temperatures", "1.0", "--set", "regrade=0.5"),
    *("--metrics", "code", "--unsafe-code", "--output", "runs/a"),
)
METRICS = ("--metrics", "text", "--metrics", "lexical")
A = ("score", "a.jsonl", "--suite", "./toy", *METRICS, "--output", "runs/a")
B = ("score", "b.jsonl", "--suite", "./toy", *METRICS, "--output", "runs/b")
URL = "<url>"
"""In a command: where a server answers."""
EXPORTS = (
    *("lm-eval", "inspect", "noveltybench", "model-card", "eval-results", "csv", "jsonl"),
    "chats",
)


@dataclass(frozen=True, kw_only=True)
class Verb:
    """A command, the commands that must have run before it, and those that read what it writes."""

    name: str
    command: Sequence[str]
    before: Sequence[Sequence[str]] = ()
    readers: Sequence[Sequence[str]] = ()
    code: int = 0  # with which it ends undisturbed


_READ_INDEX = ("index", "runs", "--output", "read/index.html")
_READ_A = (
    ("report", "runs/a"),
    ("compare", "runs/a", "runs/a", "--output", "read/compare"),
    ("check", "--write-baseline", "runs/a", "--baseline", "read/baseline.json"),
    ("export", "runs/a", "--format", "csv", "--output", "read/csv"),
    _READ_INDEX,
)
_CHECK = ("check", "--candidate", "runs/b", "--baseline", "baseline.json")
_READ_BASELINE = (*_CHECK, "--output", "read/check.json")
_WRITE = ("check", "--write-baseline", "runs/a", "--baseline", "baseline.json")
_SHARDS = [(*WORLD, f"runs/s{n}", "--shard", f"{n}/2") for n in (1, 2)]

VERBS = (
    Verb(name="run", command=(*WORLD, "runs/a"), readers=_READ_A),
    Verb(
        name="longer run",
        command=(*WORLD, "runs/a", "--samples", "3"),
        before=((*WORLD, "runs/a"),),
        readers=_READ_A,
    ),
    Verb(
        name="sweep",
        command=(*WORLD, "runs/sweep", "--sweep", "min_p=0.05,0.1"),
        readers=(
            ("compare", "runs/sweep", "--output", "read/compare"),
            _READ_INDEX,
        ),
    ),
    Verb(
        name="join",
        command=(
            *("score", "runs/s1-shard-1-of-2", "runs/s2-shard-2-of-2"),
            *("--metrics", "text", "--output", "runs/a"),
        ),
        before=_SHARDS,
        readers=_READ_A,
    ),
    Verb(name="import", command=A, readers=_READ_A),
    Verb(name="score", command=("score", "runs/a", *METRICS), before=(A,), readers=_READ_A),
    Verb(
        name="judge",
        command=("score", "runs/a", "--judge", URL, "--set", "judge_axes=[rel]"),
        before=(A,),
        readers=_READ_A,
    ),
    Verb(
        name="server run",
        command=(
            *("run", "--model", "fake", "--base-url", URL, "--prompts", "prompts.txt"),
            *("--samples", "2", "--metrics", "text", "--output", "runs/a"),
        ),
        readers=_READ_A,
    ),
    Verb(name="code run", command=CODE, readers=(("report", "runs/a"), _READ_INDEX)),
    Verb(
        name="calibrate judge",
        command=(
            *("calibrate", "--judge", URL, "--judge-axes", "rel", "--items", "2"),
            *("--output", "judge.json"),
        ),
    ),
    Verb(name="report", command=("report", "runs/a"), before=(A,), readers=_READ_A[-1:]),
    Verb(
        name="compare",
        command=("compare", "runs/a", "runs/b", "--output", "cmp"),
        before=(A, B),
        readers=(("index", ".", "--output", "read/index.html"),),
    ),
    Verb(name="write-baseline", command=_WRITE, before=(A, B), readers=(_READ_BASELINE,)),
    Verb(
        name="write-baseline again",
        command=("check", "--write-baseline", "runs/b", "--baseline", "baseline.json"),
        before=(A, B, _WRITE),
        readers=(_READ_BASELINE,),
    ),
    Verb(name="check", command=(*_CHECK, "--junit", "junit.xml"), before=(A, B, _WRITE), code=1),
    Verb(name="index", command=("index", "runs"), before=(A, B)),
    *(
        Verb(
            name=f"export {format}",
            command=("export", "runs/a", "--format", format, "--output", "exported")
            + (("--repo", "some/data") if format == "eval-results" else ()),
            before=(A,),
        )
        for format in EXPORTS
    ),
    Verb(
        name="export model-card again",
        command=("export", "runs/a", "--format", "model-card", "--output", "card"),
        before=(A,),
    ),
    Verb(
        name="grade",
        command=("grade", "programs.jsonl", "--unsafe-code", "--output", "verdicts.jsonl"),
    ),
)


BY_NAME = {verb.name: verb for verb in VERBS}


def write_inputs(folder: Path) -> None:
    """Write what the commands read: a suite, replies, programs."""
    toy_runs.write_suite(folder / "toy")
    (folder / "prompts.txt").write_text("Say something.\nSay something else.\n")
    for name, words in (("a", 12), ("b", 4)):
        toy_runs.write_replies(folder / f"{name}.jsonl", words=words)
    (folder / "card").mkdir()
    (folder / "card" / "README.md").write_text("---\nlicense: mit\n---\n\n# My model\n")
    rows = [{"id": n, "code": f"print({n % 3})", "tests": [["", "0"]]} for n in range(6)]
    (folder / "programs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def copy(source: Path, target: Path) -> Path:
    """Replace a folder by a copy of another."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(source, target))


def answer(body: dict[str, Any], _: Mapping[str, str]) -> Reply:
    """Answer as a model, or as a judge, would: the same to the same request."""
    words = random.Random(json.dumps([body["messages"], body.get("seed")]))
    if "score" in body["messages"][0]["content"]:
        return completion(json.dumps({"score": words.randint(1, 5)}))
    return completion(toy_runs.sentence(words, 12))
