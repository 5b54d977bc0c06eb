"""pytest tests/commands/test_ls.py"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.metrics.table import metric_table
from tests.support.report_data import write_run


@pytest.fixture
def ls(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """Runs `ls` in this process. Returns exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sfr-eval", "ls", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def test_metrics_stand_in_their_families_with_directions(
    ls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = ls("metrics")
    assert code == 0
    families = [x.removeprefix("metrics: ") for x in out.splitlines() if x.startswith("metrics: ")]
    assert families == list(dict.fromkeys(info.family for info in metric_table().values()))
    row = next(line for line in out.splitlines() if line.startswith("embed_distance "))
    assert row.split()[1] == "↑"
    assert max(map(len, out.splitlines())) <= 80


def test_a_word_chooses_metrics_by_family_kind_or_name(ls: Any) -> None:
    for word, inside, outside in (
        ("style", "style_accuracy", "embed_distance"),
        ("variety", "embed_distance", "oracle_valid"),
        ("self_bleu", "self_bleu_4_fixed", "length"),
    ):
        out = ls("metrics", word)[1]
        assert f"\n{inside} " in out
        assert f"\n{outside} " not in out
    code, _, err = ls("metrics", "lexcal")
    assert (code, err) == (2, "sfr-eval: ls metrics lexcal: none; did you mean `lexical`?\n")
    rows = json.loads(ls("metrics", "style_accuracy", "--json")[1])["metrics"]
    assert [(row["name"], row["family"], row["direction"]) for row in rows] == [
        ("style_accuracy", "style", "higher")
    ]


def test_runs_of_a_folder_are_listed_with_their_values(
    ls: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "runs" / "one")
    write_run(tmp_path / "runs" / "two")
    for name in ("results.json", ".lock"):
        (tmp_path / "runs" / "two" / name).unlink(missing_ok=True)
    code, out, _ = ls("runs")
    assert code == 0
    head, one, two = out.splitlines()
    assert head.split()[:2] == ["run", "suite"]
    assert "variety" in head
    assert "±" in one
    assert "not scored" in two
    rows = json.loads(ls("runs", "runs", "--json")[1])
    assert [Path(row["folder"]).name for row in rows] == ["one", "two"]
    assert rows[0]["scores"]["variety"]["value"] is not None
    assert rows[1]["scores"] == {}


def test_a_folder_without_runs_says_so(ls: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert ls("runs", str(tmp_path / "empty"))[1].endswith("empty: no runs\n")
    code, _, err = ls("runs", str(tmp_path / "nowhere"))
    assert (code, "no such folder" in err) == (2, True)


def test_other_lists_are_filtered_by_name(ls: Any) -> None:
    assert "noveltybench-wildchat" in ls("suites", "novelty")[1]
    assert "persona" not in ls("suites", "novelty")[1]
    assert ls("suites", "noveltybenchh")[2].endswith("did you mean `noveltybench`?\n")
    assert ls("metrcs")[2] == "sfr-eval: ls metrcs: unknown; did you mean `metrics`?\n"


def test_ls_lists_in_words_and_in_json(command: Any) -> None:
    listed = json.loads(command("ls", "--json").out)
    assert set(listed) == {"suites", "presets", "judges", "metrics", "objectives", "engines"}
    assert "persona" in [row["name"] for row in listed["suites"]]
    assert {"vllm", "ray", "transformers", "openai", "world"} == {
        row["name"] for row in listed["engines"]
    }
    assert json.loads(command("ls", "suites", "--json").out)["suites"] == listed["suites"]
    assert "self_bleu_4" in command("ls", "metrics").out
    ended = command("ls", "metrix")
    assert (ended.code, ended.error) == (2, "ls metrix: unknown; did you mean `metrics`?")
