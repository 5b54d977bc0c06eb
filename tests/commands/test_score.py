"""`score` of what people have, as a command: one run a model, and a comparison."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import sfr_eval as se
from sfr_eval.cli import app
from sfr_eval.errors import UserError

WORDS = ["soft", "cloth", "warm", "water", "wine", "paper", "towel", "cold", "ten", "minutes"]


def write(folder: Path, models: tuple[str, ...]) -> Path:
    """A file of four prompts, and five replies of each model."""
    rows = [
        {"prompt": f"Why is {word} so?", "model": model, "completion": " ".join(WORDS[k : k + 5])}
        for model in models
        for word in ("rust", "moss", "salt", "fire")
        for k in range(5)
    ]
    file = folder / "mine.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_one_command_measures_and_compares_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path, ("org/base", "org/tuned"))
    result = run("score", str(file), "--metrics", "lexical", "-o", "out")
    assert result.exit_code == 0
    assert "org/tuned on mine: 4 queries" in " ".join(result.output.split())
    assert (tmp_path / "out/org-base/report.html").exists()
    assert (tmp_path / "out/org-tuned/results.json").exists()
    assert (tmp_path / "out/compare.html").exists()
    assert (tmp_path / "out/comparison.json").exists()
    assert f"comparison: {tmp_path / 'out/compare.html'}" in result.output
    # The runs are ordinary ones: each can be scored again without the file.
    file.unlink()
    again = run("score", "out/org-base", "--metrics", "text")
    assert again.exit_code == 0


def test_the_api_returns_a_run_for_each_model(tmp_path: Path) -> None:
    file = write(tmp_path, ("org/base", "org/tuned"))
    options: Any = {"output": tmp_path / "out", "metrics": "text", "text_field": "completion"}
    with pytest.raises(UserError, match=r"2 models \(org/base, org/tuned\); use score_models"):
        se.score(file, **options)
    runs = se.score_models(file, **options)
    assert list(runs) == ["org/base", "org/tuned"]
    assert len(runs["org/base"].samples) == 20


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("none.jsonl",), "score none.jsonl: no such file"),
        (("mine.jsonl", "--text-field", "nix"), "--text-field nix: no field `nix`"),
        (("mine.jsonl", "--data", "x.jsonl"), "--data x.jsonl: needs --suite"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, ("org/base",))
    with pytest.raises(UserError) as caught:
        run("score", *arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_options_of_files_do_not_belong_to_runs(tmp_path: Path) -> None:
    file = write(tmp_path, ("org/base",))
    done = se.score(file, output=tmp_path / "out", metrics="text")
    with pytest.raises(UserError, match="--text-field belongs to imported generations"):
        se.score(done, text_field="completion")
