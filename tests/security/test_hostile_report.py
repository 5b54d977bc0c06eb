"""pytest tests/security/test_hostile_report.py: hostile text in every field that a report shows."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.report import reply_browser as module
from sfr_eval.report.page import SCRIPTS
from sfr_eval.report.report import write_report
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results
from sfr_eval.store.run_folder import RunFolder
from tests.report.test_report import Page
from tests.support.report_data import draw, small_suite, write_run

MARK = "\"'></script></style></svg></title>--><script>alert(1)</script><img src=x onerror=alert(2)>"
HOSTILE = MARK + "\u2028\u202e$\\frac{1}{$ {{ 7*7 }} {% raw %}"
STRUCTURE = {"suite", "metric", "persona", "id", "version", "kind", "status", "format", "personas"}
"""Names that hold a report together; persona and suite ids are checked elsewhere."""


def poisoned(value: Any, *, key: str = "", named: bool = False) -> Any:
    """The same JSON with HOSTILE behind every text and name that is free to say anything. The names
    in a sweep's rows are fields of ours."""
    named = named or key == "sweep"
    if isinstance(value, str):
        return value if key in STRUCTURE else value + HOSTILE
    if isinstance(value, Mapping):
        return {
            (name if named or key in FIXED or name in KNOWN else name + HOSTILE): poisoned(
                inner, key=name, named=named
            )
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [poisoned(inner, key=key, named=named) for inner in value]
    return value


FIXED = {"", "estimates", "counts", "truth", "sweep", "similarity", "notes", "plan", "persona"}
KNOWN = {"suite", "limit", "queries", "temperatures", "samples", "title", "id", "name", "prompts"}
KNOWN |= {"version", "personas", "held_out_accuracy", "chance_accuracy", "labelled", "persona"}
KNOWN |= {"truncated_share", "matrix"}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report whose every free text attacks it."""
    suite = small_suite()
    samples = [
        replace(sample, text=HOSTILE + str(number))
        if number % 3 == 0
        else replace(sample, text="", status="error", error=HOSTILE)
        if number % 3 == 1
        else replace(sample, text="", status="unsupported", error=HOSTILE)
        for number, sample in enumerate(draw(suite))
    ]
    folder = write_run(tmp_path_factory.mktemp("hostile") / "run", samples=samples)
    manifest = json.loads(folder.manifest_file.read_text())
    manifest["sampler"] = {"served": ["m"], "engine": "openai", "servers": {"a": "b"}}
    manifest["model"] = {"name": "m", "fingerprint": "f"}
    results = json.loads(folder.results_file.read_text())
    results["notes"]["judge_ctx"] = {
        "persona": {
            "votes_asked": 4,
            "votes_missing": 1,
            "statuses": {"ok": 1, HOSTILE: 2},
            "length_slope": None,
            "alpha_of_votes": {HOSTILE: 0.5},
            "alpha_of_judges": None,
        }
    }
    counted = poisoned(results)
    for metric, of_suite in results["notes"].items():
        if metric.startswith("judge_"):
            counted["notes"][metric] = of_suite
    folder.write_results(Results.model_validate(counted))
    config = {"suite": ["persona"], "x": HOSTILE}
    hostile = {**poisoned(manifest), "status": "complete", "config": config}
    folder.write_manifest(Manifest.model_validate(hostile))
    queries = dict.fromkeys(suite.queries, HOSTILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "query_texts", lambda *_: queries)
        return write_report(folder).read_text(encoding="utf-8")


def test_every_free_field_is_in_the_page_and_none_acts(page: str) -> None:
    seen = Page(page)
    assert page.count("<script>") == 1 + len(SCRIPTS)
    data = page.count('<script type="application/json">')
    assert seen.tags.count("script") == 1 + len(SCRIPTS) + data
    assert (
        set(seen.tags) & {"img", "iframe", "object", "embed", "form", "base", "foreignobject"}
        == set()
    )
    assert seen.handlers == []
    assert all(load.startswith(("#", "data:")) for load in seen.loads)
    assert "<script>alert(1)" not in page
    assert "<img" not in page
    assert "49" not in re.findall(r"alert\(2\)&gt;.{0,60}", page)
    assert page.count("alert(1)") > 50  # it is shown, in all those places


def test_the_data_for_the_script_is_json_without_an_end(page: str) -> None:
    *_, data = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert not set("<>&\u2028\u2029\u202e") & set(data)
    value = json.loads(data)
    assert any(HOSTILE in name for name in value["personas"].values())
    assert HOSTILE in value["queries"].values()
    texts = {reply["text"] for prompt in value["prompts"] for reply in prompt["replies"]}
    assert HOSTILE in texts  # the error of a reply that failed


def test_plots_are_drawn_with_any_name_and_hold_it_as_text(page: str) -> None:
    plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(plots) > 5
    for plot in plots:
        assert "<script" not in plot
        assert "javascript:" not in plot
    # Long names keep both ends, and nothing in them is a formula or a template.
    assert any("} {% raw %}" in plot for plot in plots)


def test_files_of_plots_are_drawn_too(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    manifest = json.loads(folder.manifest_file.read_text())
    for card in manifest["plan"][0]["personas"]:
        card["name"] = "=cmd|'/C calc'!A0 $\\evil{$ --> " + card["name"]
    folder.write_manifest(Manifest.model_validate(manifest))
    write_report(RunFolder(folder.path), images=True)
    files = sorted((folder.path / "plots").iterdir())
    assert {file.suffix for file in files} == {".png", ".svg", ".csv"}
    for file in files:
        if file.suffix == ".csv":
            cells = re.split(r"[,\n]", file.read_text())
            assert not [cell for cell in cells if re.match(r"[=+@\t]|-\D", cell)]
    shutil.rmtree(folder.path)
