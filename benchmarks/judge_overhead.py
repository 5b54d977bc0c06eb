"""Compares a judgement with the bare request: 10,000 of each to a stub server on loopback.

The bare side posts prepared bodies with the official client (`AsyncOpenAI.post`, which the judge
uses, and `chat.completions.create`, which most people use) from as many workers. Ours builds the
prompt, hashes it, posts it, parses the answer strictly and stores a row. The sides take turns; the
result is the best of --repeats, and includes CPU time of this process, which depends less on other
load. Memory is the resident size after 1,000 and after all judgements.

Run: python benchmarks/judge_overhead.py [--count 10000] [--repeats 5] [--concurrency 32]
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from stub_server import completion, serving

BODY = completion('{"score": 4}', prompt_tokens=100, completion_tokens=5)


def cases(count: int) -> Iterator[Any]:
    from sfr_eval.judges.judge import Case
    from sfr_eval.judges.rubric import Material, load_judge

    spec = load_judge("ctx")
    reply = "You should feed the starter daily. Keep in mind that a first loaf teaches most. " * 2
    for number in range(count):
        material = Material(question="How do I start baking?", replies=(f"{reply}{number}",))
        yield Case(sample_id=f"{number:032x}", spec=spec, material=material)


def bare(url: str, count: int, concurrency: int, *, typed: bool) -> None:
    import httpx2
    import openai

    from sfr_eval.judges.rubric import messages

    made = next(cases(1))
    schema = {"name": "judgement", "strict": True, "schema": made.spec.answer_schema}
    body: dict[str, Any] = {
        "model": "stub",
        "messages": messages(made.spec, made.material),
        "temperature": 0.7,
        "top_p": 1.0,
        "max_tokens": 64,
        "response_format": {"type": "json_schema", "json_schema": schema},
    }

    async def run() -> None:
        async with openai.AsyncOpenAI(
            base_url=url, api_key="EMPTY", max_retries=0, timeout=600
        ) as client:
            numbers = iter(range(count))

            async def work() -> None:
                for seed in numbers:
                    if typed:
                        await client.chat.completions.create(**body, seed=seed)
                    else:
                        sent = {**body, "seed": seed}
                        found = await client.post(
                            "/chat/completions", cast_to=httpx2.Response, body=sent
                        )
                        json.loads(found.content)

            await asyncio.gather(*[work() for _ in range(concurrency)])

    asyncio.run(run())


def ours(url: str, count: int, concurrency: int, sizes: list[float] | None = None) -> None:
    from sfr_eval.endpoints.address import judge_address
    from sfr_eval.judges.judge import Judge
    from sfr_eval.judges.panel import judgement_writer
    from sfr_eval.store.run_folder import RunFolder

    with (
        tempfile.TemporaryDirectory() as place,
        closing(Judge(judge_address(url), key="EMPTY", concurrency=concurrency)) as judge,
        closing(judgement_writer(RunFolder(Path(place)))) as writer,
    ):
        done = 0
        for row in judge.judge(cases(count), is_stored=set().__contains__):
            assert row.score == 4
            writer.append((row,))
            done += 1
            if sizes is not None and done in (1000, count):
                sizes.append(resident())
        assert done == count


def resident() -> float:
    """Resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=32)
    arguments = parser.parse_args()
    with serving([BODY]) as url:
        found, sizes = measured(url, arguments)
    best = {
        side: tuple(min(column) for column in zip(*rows, strict=True))
        for side, rows in found.items()
    }
    for side, (wall, processor) in best.items():
        print(f"{side:12} {wall:.3f} ms each, {processor:.3f} ms of processor")
    overhead = [ours - bare for ours, bare in zip(best["ours"], best["bare post"], strict=True)]
    grown = [b - a for a, b in zip(sizes[::2], sizes[1::2], strict=True)]
    print(f"overhead {overhead[0]:.3f} ms each, {overhead[1]:.3f} ms of processor")
    shown = ", ".join(f"{size:.1f} MB" for size in grown)
    print(f"memory grown from judgement 1,000 to {arguments.count:,}: {shown}")
    print(json.dumps({"runs": found, "overhead_ms": overhead, "grown_mb": grown}))


def measured(
    url: str, arguments: argparse.Namespace
) -> tuple[dict[str, list[tuple[float, float]]], list[float]]:
    """Return milliseconds of each side, and the resident sizes of ours."""
    size = (url, arguments.count, arguments.concurrency)
    sizes: list[float] = []
    sides: dict[str, Any] = {
        "bare post": lambda: bare(*size, typed=False),
        "bare create": lambda: bare(*size, typed=True),
        "ours": lambda: ours(*size, sizes=sizes),
    }
    found: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for _ in range(arguments.repeats):
        for side, run in sides.items():
            wall, processor = time.perf_counter(), time.process_time()
            run()
            took = time.perf_counter() - wall, time.process_time() - processor
            found[side].append((took[0] / size[1] * 1e3, took[1] / size[1] * 1e3))
    return found, sizes


if __name__ == "__main__":
    main()
