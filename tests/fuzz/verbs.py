"""The commands that read run folders, and which of the files there are broken for each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.crash.verbs import URL, write_inputs

METRICS = ("--metrics", "text", "--metrics", "lexical")
WORLD = (
    *("run", "--model", "world:cross=0.3", "--suite", "persona", "--limit", "2"),
    *("--temperatures", "1.0", "--metrics", "text", "--set", "personas=[pirate, butler]"),
    "--output",
)
CODE = (
    *("run", "--model", "world:solve=0.4,spread=0.3", "--suite", "mbpp", "--set", "data=small"),
    *("--limit", "2", "--samples", "2", "--temperatures", "1.0", "--set", "regrade=0"),
    *("--metrics", "code", "--unsafe-code", "--output", "runs/code"),
)
JUDGED = ("--judge", URL, "--set", "judge_axes=[rel]")
CANDIDATE = ("check", "--candidate", "runs/b", "--config", "check.yaml", "--junit", "junit.xml")
GROUPS = ("--group", "one=runs/a,runs/a2", "--group", "two=runs/b,runs/b2", "--allow-mismatch")

BEFORE: Sequence[Sequence[str]] = (
    ("score", "a.jsonl", "--suite", "./toy", *METRICS, "--output", "runs/a"),
    ("score", "b.jsonl", "--suite", "./toy", *METRICS, "--output", "runs/b"),
    *(("score", f"{run}.jsonl", "--suite", "./toy", *METRICS, "--output", f"runs/{run}2")
      for run in "ab"),
    (*WORLD, "runs/p", "--samples", "2"),
    (*WORLD, "runs/s", "--samples", "2", "--sweep", "min_p=0.05,0.1"),
    *((*WORLD, "runs/part", "--samples", "2", "--shard", f"{n}/2") for n in (1, 2)),
    CODE,
    ("check", "--write-baseline", "runs/a", "--baseline", "baseline.json",
     "--config", "check.yaml"),
    ("compare", "runs/a", "runs/b", "--output", "runs/compared"),
    ("grade", "programs.jsonl", "--unsafe-code", "--output", "verdicts.jsonl"),
    ("export", "runs/a", "--format", "model-card", "--output", "card"),
)  # fmt: skip
"""What is there before a file is broken."""
CHECKS = {"checks": [{"metric": "distinct_2", "tolerance": 0.1}, {"metric": "self_bleu_4"}]}
BEFORE_JUDGED = (("score", "runs/a", *JUDGED),)

_RUN = ("manifest.json", "results.json", "samples.parquet", "samples/*", "scores/*", ".lock")
_REPORT = ("report.html", "plots/*")
_SCORED = ("manifest.json", "results.json", "scores/*", ".lock", *_REPORT)


def _in(run: str, *names: str) -> tuple[str, ...]:
    return tuple(f"runs/{run}/{name}" for name in names)


@dataclass(frozen=True, kw_only=True)
class Verb:
    """A command. Globs of the files that it reads, which are broken, and of those that it may
    write."""

    name: str
    command: Sequence[str]
    reads: Sequence[str]
    writes: Sequence[str] = ()
    code: int = 0  # with which it ends where nothing is broken
    verdicts: Sequence[int] = ()  # exit codes that are no errors
    error: str = "sfr-eval: "  # how its line begins
    cheap: bool = True  # takes less than half a second


A, B, P, C = (_in(name, *_RUN) for name in ("a", "b", "p", "code"))
SWEPT = ("runs/s/sweep.json", *_in("s/min_p=0.1", *_RUN))

VERBS = (
    Verb(name="score", command=("score", "runs/a", *METRICS), reads=A,
         writes=_in("a", *_SCORED), cheap=False),
    Verb(name="score against a base", reads=B, writes=_in("a", *_SCORED), cheap=False,
         command=("score", "runs/a", "--metrics", "text", "--base-run", "runs/b")),
    Verb(name="score code", command=("score", "runs/code", "--unsafe-code"), cheap=False,
         reads=(*C, "runs/code/verdicts/*"), writes=_in("code", *_SCORED, "verdicts/*")),
    Verb(name="report", command=("report", "runs/a"), reads=A, writes=_in("a", *_REPORT, ".lock"),
         cheap=False),
    Verb(name="report of code", command=("report", "runs/code"), cheap=False,
         reads=(*C, "runs/code/verdicts/*"), writes=_in("code", *_REPORT, ".lock")),
    Verb(name="report of a sweep", command=("report", "runs/s"), reads=SWEPT, cheap=False,
         writes=(*_in("s", "compare.html", "*.json", "*.csv", "plots/*"),
                 *_in("s/*", *_REPORT, ".lock"))),
    Verb(name="longer run", command=(*WORLD, "runs/p", "--samples", "3"), reads=P, cheap=False,
         writes=_in("p", *_SCORED, "samples/*", "samples.parquet")),
    Verb(name="join", cheap=False, writes=("runs/joined/*",),
         command=("score", "runs/part-shard-1-of-2", "runs/part-shard-2-of-2", "--metrics",
                  "text", "--output", "runs/joined"),
         reads=_in("part-shard-2-of-2", *_RUN)),
    Verb(name="compare", command=("compare", "runs/a", "runs/b", "--output", "runs/compared"),
         reads=(*B, *_in("compared", "*.json")), writes=_in("compared", "*", "plots/*"),
         cheap=False),
    Verb(name="compare a sweep", command=("compare", "runs/s", "--output", "compared"),
         reads=SWEPT, writes=("compared/*",), cheap=False),
    Verb(name="compare groups", command=("compare", *GROUPS, "--output", "compared"), reads=B,
         writes=("compared/*",), cheap=False),
    Verb(name="import", cheap=False, reads=("a.jsonl", "toy/*"), writes=("runs/new/*",),
         command=("score", "a.jsonl", "--suite", "./toy", *METRICS, "--output", "runs/new")),
    Verb(name="score against references", cheap=False, reads=("replies.jsonl",),
         command=("score", "runs/a", "--metrics", "lexical", "--references", "replies.jsonl"),
         writes=_in("a", *_SCORED)),
    Verb(name="write-baseline", reads=(*A, "baseline.json"), writes=("baseline.json",),
         command=("check", "--write-baseline", "runs/a", "--baseline", "baseline.json")),
    Verb(name="check", command=(*CANDIDATE, "--baseline", "baseline.json"),
         reads=(*B, "baseline.json", "check.yaml"), writes=("check.json", "junit.xml"), code=1,
         verdicts=(1, 3), error="check: invalid: "),
    Verb(name="index", command=("index", "runs"), writes=("runs/index.html",),
         reads=(*A, *SWEPT, *_in("p", "samples/*"), *_in("compared", "*.json", "*.html"))),
    Verb(name="ls", command=("ls", "runs", "runs"), reads=(*A, *SWEPT, *_in("p", "samples/*"))),
    *(
        Verb(name=f"export {format}", writes=("out/*",), reads=A,
             command=("export", "runs/a", "--format", format, "--output", "out",
                      *(("--repo", "some/data") if format == "eval-results" else ())))
        for format in ("lm-eval", "noveltybench", "eval-results", "csv", "jsonl", "chats")
    ),
    Verb(name="export inspect", command=("export", "runs/code", "--format", "inspect"),
         reads=(*C, "runs/code/verdicts/*"), writes=_in("code", "export/*"), cheap=False),
    Verb(name="export model-card", reads=(*A, "card/README.md"), writes=("card/*",),
         command=("export", "runs/a", "--format", "model-card", "--output", "card")),
    Verb(name="grade", reads=("programs.jsonl", "verdicts.jsonl"), writes=("verdicts.jsonl",),
         command=("grade", "programs.jsonl", "--unsafe-code", "--output", "verdicts.jsonl"),
         cheap=False),
)  # fmt: skip
JUDGE = Verb(
    name="judge",
    command=("score", "runs/a", *JUDGED),
    reads=(*A, "runs/a/judgements/*"),
    writes=_in("a", *_SCORED, "judgements/*"),
    cheap=False,
)


def write_user_files(folder: Path) -> None:
    """Write what the commands read that no command wrote."""
    write_inputs(folder)
    rows = [{"query": f"q{n}", "references": ["A river.", "The clock."]} for n in range(12)]
    (folder / "replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "check.yaml").write_text(json.dumps(CHECKS))
