"""pytest tests/metrics/test_metric.py: one file and one line add a metric everywhere."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.metrics.families import FAMILIES
from sfr_eval.metrics.table import headlines, metric_info, metric_table

FAMILY = '''
"""How often replies ask something back."""

from sfr_eval.metrics.context import NO_TEXT, metric_result
from sfr_eval.metrics.metric import Metric, Pairs, by_id

VERSION = "1"
METRICS = by_id(
    Metric("question_share", "lower", "Share of replies with a question mark.",
           label="Questions back", headline=("quality", 9), claims=("within",),
           pairs=Pairs(place=9, figures=(("length",),), compared=("length",)),
           span=1.0, primary=("quality", 0)),
)


def share(replies):
    return sum("?" in reply.text for reply in replies) / len(replies) if replies else None


def compute(context):
    values = context.per_prompt(share, reason=NO_TEXT)
    return [
        metric_result(METRICS["question_share"], version=VERSION, values=values, signature={})
    ]
'''
METRIC = "question_share"

Command = Callable[..., str]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Runs commands in a folder whose sfr-eval has one more family."""
    (tmp_path / "questions_family.py").write_text(FAMILY, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(FAMILIES, "questions", "questions_family")
    monkeypatch.chdir(tmp_path)
    metric_table.cache_clear()

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["sfr-eval", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        assert int(end.value.code or 0) == code, err
        return out

    yield run
    metric_table.cache_clear()


def draw(command: Command, name: str, dials: str) -> dict[str, Any]:
    """The results of a small run of the synthetic benchmark."""
    command(
        *("run", "--model", f"world:{dials}", "--suite", "persona", "--output", name),
        *("--samples", "4", "--temperatures", "0.7,1.0", "--limit", "8"),
        *("--set", "personas=[pirate, butler]", "--set", "metrics=[text, questions]"),
    )
    results: dict[str, Any] = json.loads(Path(name, "results.json").read_text(encoding="utf-8"))
    return results


def test_one_file_and_one_line_add_a_metric(command: Command) -> None:
    assert "Share of replies with a question mark." in command("ls", "metrics", "--json")
    assert headlines("quality")[-1] == METRIC
    info = metric_info(METRIC)
    assert info is not None
    assert (info.family, info.claims) == ("questions", ("within",))

    results = draw(command, "a", "cross=0")
    draw(command, "b", "cross=0.5")
    whole = [row for row in results["estimates"] if row["metric"] == METRIC and not row["persona"]]
    assert [row["temperature"] for row in whole] == [0.7, 1.0]
    assert all(row["higher_is_better"] is False and row["n"] == 8 for row in whole)

    report = Path("a", "report.html").read_text(encoding="utf-8")
    assert "Questions back" in report
    assert METRIC in Path("a", "plots", "persona-trade_off.csv").read_text(encoding="utf-8")

    compared = json.loads(command("compare", "a", "b", "--json"))
    (suite,) = compared["pairs"][0]["suites"]
    assert {row["headline"] for row in suite["rows"] if row["metric"] == METRIC} == {True}
    assert {pair["diversity"] for pair in suite["matched_quality"]} == {"length"}

    command("check", "--write-baseline", "a", "--baseline", "baseline.json")
    checked = json.loads(
        command("check", "--candidate", "a", "--baseline", "baseline.json", "--json")
    )
    assert METRIC in {row["metric"] for row in checked["rows"]}


def test_the_added_metric_is_gone_after_the_test() -> None:
    assert metric_info(METRIC) is None
