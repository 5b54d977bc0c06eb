"""`score` of what people have, as a command: one run a model, and a comparison."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import sfr_eval as se
from sfr_eval.cli import app
from sfr_eval.errors import UserError
from sfr_eval.plan import make_plan
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.suites.suite import load_suite
from tests.support.command_line import WORLD

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


@pytest.fixture
def generations(tmp_path: Path) -> Path:
    """A JSONL file as another tool would write it: texts of the world."""
    suite = load_suite("persona", personas=("pirate", "butler"))
    plan = make_plan(
        [suite],
        subject={},
        samples=3,
        temperatures=(1.0,),
        max_tokens=None,
        limit=3,
        seed=0,
    )
    file = tmp_path / "generations.jsonl"
    with file.open("w") as lines:
        for row in WorldSampler([suite], dials={}).sample(plan.requests()):
            text = suite.queries[row.query]  # a query may be named by its text too
            fields = {"query": text, "persona": row.persona, "text": row.text, "extra": 1}
            lines.write(json.dumps(fields) + "\n")
    return file


def test_text_made_elsewhere_is_scored_and_scored_again(command: Any, generations: Path) -> None:
    verb = ["score", str(generations), "--suite", "persona", "--metrics", "text"]
    first = command(*verb, "--output", "out")
    assert first.code == 0, first.err
    assert "truncation_rate" in first.out
    results = json.loads(Path("out/results.json").read_text())
    lengths = [row for row in results["estimates"] if row["metric"] == "length"]
    assert {row["k"] for row in lengths} == {3}
    assert next(row for row in lengths if not row["persona"])["n"] == 3  # queries
    before = Path("out/samples.parquet").read_bytes()
    assert command(*verb, "--output", "out").code == 0
    assert command("score", "out", "--metrics", "text").code == 0
    assert Path("out/samples.parquet").read_bytes() == before
    assert json.loads(Path("out/results.json").read_text()) == results
    again = command("report", "out").out.splitlines()
    assert again[0].startswith("persona: ")  # the verdict
    assert again[-1] == f"report: {Path('out/report.html').resolve()}"


def test_a_suite_named_by_folder_can_be_scored_again(
    command: Any, generations: Path, copied_assets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.move(copied_assets(), generations.parent / "my-own-suite")
    monkeypatch.delenv("SFR_EVAL_ASSETS")
    metrics = ["--metrics", "text"]
    ended = command("score", str(generations), "--suite", str(folder), "--output", "o", *metrics)
    assert ended.code == 0, ended.err
    assert command("score", "o", *metrics).code == 0
    assert command(*WORLD, "--suite", str(folder), "--output", "r").error.endswith("twice")
    run = [word if word != "persona" else str(folder) for word in WORLD]
    assert command(*run, "--output", "r").code == 0
    assert command("score", "r", *metrics).code == 0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"query": "tea"', "generations.jsonl:37: is not JSON"),
        ("[1]", "generations.jsonl:37: "),
        ('{"persona": "pirate", "text": "x"}', "generations.jsonl:37: query: missing"),
        ('{"query": "nothing", "persona": "pirate", "text": "x"}', ":37: query `nothing`"),
        ('{"query": "{first}", "persona": "pirat", "text": "x"}', "did you mean `pirate`"),
        ('{"query": "{first}", "persona": "", "text": "x"}', ":37: persona `` is unknown"),
        ('{"query": "{first}", "persona": "pirate", "text": 5}', "generations.jsonl:37: text: "),
        (
            '{"query": "{first}", "persona": "pirate", "text": "\\ud83d"}',
            ":37: the text holds",
        ),
        (
            '{"query": "{first}", "persona": "pirate", "text": "x", "temperature": -1}',
            ":37: temperature: ",
        ),
        (
            '{"query": "{first}", "persona": "pirate", "text": "x", "temperature": Infinity}',
            ":37: temperature: ",
        ),
        ('{"query": "{first}", "persona": "pirate", "text": "x", "status": "fine"}', ": status: "),
    ],
)
def test_a_bad_row_is_named_by_file_and_row(
    command: Any, generations: Path, line: str, says: str
) -> None:
    first = json.loads(generations.read_text().splitlines()[0])["query"]
    whole = generations.read_text() * 2  # 36 rows
    generations.write_text(whole + line.replace("{first}", first) + "\n")
    ended = command("score", str(generations), "--suite", "persona", "--metrics", "text")
    assert ended.code == 2
    assert says in ended.error
    assert str(generations) in ended.error
    assert list(Path.cwd().iterdir()) == []


def test_score_refuses_what_it_cannot_score(command: Any, generations: Path) -> None:
    file = str(generations)
    assert (
        "did you mean `text`"
        in command("score", file, "--suite", "persona", "--metrics", "txet").error
    )
    assert "score nowhere: no such file or folder" in command("score", "nowhere").error
    assert "not a run folder" in command("score", ".", "--suite", "persona").error
    assert "nowhere: no such folder" in command("report", "nowhere").error
    style = ["--style-data", "nowhere.jsonl", "--metrics", "style"]
    assert "nowhere.jsonl" in command("score", file, "--suite", "persona", *style).error
    generations.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-16" in command("score", file, "--suite", "persona").error
    generations.write_bytes(b"\xff\xab")
    assert "is not UTF-8" in command("score", file, "--suite", "persona").error
    generations.write_text("\n")
    assert "is empty" in command("score", file, "--suite", "persona").error
    assert list(Path.cwd().iterdir()) == []  # nothing is left of any of them


def test_a_folder_that_was_there_before_survives_a_refusal(command: Any, generations: Path) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("ten years of work")
    verb = ["score", str(generations), "--suite", "persona", "--output", "mine"]
    ended = command(*verb, "--metrics", "style", "--style-data", "nowhere.jsonl")
    assert ended.code == 2
    assert Path("mine/thesis.txt").read_text() == "ten years of work"
