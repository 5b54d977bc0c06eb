"""The report of 85,248 replies: the persona suite with 8 replies to each prompt."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sfr_eval.metrics.table import headlines
from sfr_eval.plan import describe_plan, make_plan
from sfr_eval.report import repetitions
from sfr_eval.report.report import write_report
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import load_suite
from sfr_eval.types import Sample
from tests.support.chromium import Browser
from tests.support.reply_page import data_of, go, opened, said
from tests.support.report_data import estimate

TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)
LARGEST = 2_500_000  # bytes


def write_large_run(folder: Path) -> tuple[RunFolder, list[Sample]]:
    """Replies of the synthetic benchmark with values that are made up for all headline metrics."""
    suite = load_suite("persona")
    plan = make_plan(
        [suite],
        subject={},
        samples=8,
        temperatures=TEMPERATURES,
        max_tokens=None,
        limit=None,
        seed=0,
    )
    sampler = WorldSampler([suite], dials={"cross": 0.5, "within": 0.5})
    samples = list(sampler.sample(plan.requests()))
    samples[77_777] = replace(samples[77_777], status="truncated")
    personas = list(suite.personas)
    rows = [
        asdict(estimate(metric, 0.3 + 0.01 * i + 0.02 * j, temperature=t, persona=persona))
        for metric in headlines()
        for i, t in enumerate(TEMPERATURES)
        for j, persona in enumerate(("", *personas))
    ]
    cells = [[1.0 if i == j else 0.5 for i in personas] for j in personas]
    results = {
        "estimates": rows,
        "signatures": {},
        "notes": {},
        "similarity": {
            "persona": {f"{t:g}": {"personas": personas, "matrix": cells} for t in TEMPERATURES}
        },
    }
    with RunFolder(folder) as opened_folder:
        opened_folder.write_manifest(
            Manifest.model_validate(
                {
                    "name": "large",
                    "world": "persona",
                    "plan": describe_plan(plan),
                    "config": {"suite": ["persona"], "limit": None},
                    "status": "complete",
                    "samples": len(samples),
                }
            )
        )
        opened_folder.seal(samples)
        opened_folder.write_results(Results.model_validate(results))
    return RunFolder(folder), samples


@pytest.mark.slow
def test_a_page_of_85_000_replies_is_small_and_has_what_numbers_lead_to(
    chromium: Browser, tmp_path: Path
) -> None:
    run, samples = write_large_run(tmp_path / "run")
    assert len(samples) == 85_248
    file = write_report(run)
    size = file.stat().st_size
    assert size < LARGEST
    data = data_of(file)
    cells = {(p["temperature"], p["query"], p["persona"]) for p in data["prompts"]}
    assert len({(t, p) for t, _, p in cells}) == 72
    wanted = repetitions.wanted(repetitions.repetitions(samples))
    assert set(wanted.values()) <= cells
    assert samples[77_777].cell in cells
    texts = {r.get("text", "").strip() for p in data["prompts"] for r in p["replies"]}
    by_id = {sample.sample_id: sample for sample in samples}
    assert {by_id[id].text.strip() for id in wanted} <= texts
    with opened(chromium, file) as page:
        page.open("about:blank")
        seconds = page.open(file.as_uri())
        print(f"{size:,} bytes, {data['shown']:,} of {data['total']:,} replies, {seconds:.2f} s")
        go(page, "#replies-1?sort=repetition")
        assert said(page).endswith(", most repeated first.")
