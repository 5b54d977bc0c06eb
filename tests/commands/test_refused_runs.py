"""pytest tests/commands/test_refused_runs.py: what `run` refuses, before it leaves a folder."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import SMALL, WORLD, as_process


def torn_checkpoint(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def without(name: str) -> Any:
    return lambda checkpoint: (checkpoint / name).unlink()


def no_template(checkpoint: Path) -> None:
    (checkpoint / "chat_template.jinja").unlink()


def broken(name: str) -> Any:
    def tear(checkpoint: Path) -> None:
        file = checkpoint / name
        text = file.read_text() if file.exists() else '{"temperature": 0.7}'
        file.write_text(text[: len(text) // 2])

    return tear


def empty_folder(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint)
    checkpoint.mkdir()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (torn_checkpoint, "model.safetensors: has "),
        (without("config.json"), "no config.json in"),
        (without("model.safetensors"), "no weight file"),
        (empty_folder, "no config.json in"),
        (no_template, "no chat template"),
        (broken("config.json"), "config.json: is not valid JSON"),
        (broken("generation_config.json"), "generation_config.json: is not valid JSON"),
        (broken("tokenizer.json"), "its tokenizer cannot be read"),
        (broken("tokenizer_config.json"), "its tokenizer cannot be read"),
        (shutil.rmtree, "no such folder"),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_a_damaged_checkpoint_is_one_line_and_leaves_no_folder(
    command: Any, checkpoint: Path, damage: Any, says: str
) -> None:
    damage(checkpoint)
    ended = command("run", "--model", str(checkpoint), *SMALL, "--engine", "transformers")
    assert ended.code == 2
    assert says in ended.error
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["--suite", "persono"], "--suite persono: unknown suite; did you mean `persona`?"),
        (["--suite", "./persona"], "no suite.yaml in this folder"),
        (["--temperatures", "-0.5"], "--temperatures: -0.5 is not between 0 and 2 (got"),
        (["--temperatures", "nan"], "--temperatures: nan is not between 0 and 2"),
        (["--temperatures", "0.9:0.1:0.2"], "range `0.9:0.1:0.2` is empty"),
        (["--temperatures", "warm"], "neither a list like 0.6,1.0 nor a range"),
        (["--temperatures", "0"], "--temperatures 0 with 2 samples"),
        (["--samples", "0"], "--samples: must be at least 1 (got '0')"),
        (["--samples", "many"], "--samples: needs a whole number"),
        (["--limit", "0"], "--limit: "),
        (["--seed", "-1"], "--seed: "),
        (["--engine", "vlm"], "--engine: "),
        (["--sampling", "greedy"], "--sampling: "),
        (["--sampling", "model"], "no generation_config.json"),
        (["--max-tokens"], "Option '--max-tokens' requires an argument"),
        (["--max-tokens", "0"], "--max-tokens: "),
        (["--max-token", "5"], "unknown option --max-token; did you mean `max-tokens`?"),
        (["--model", "world:cros=1"], "`cros=1` is not a dial"),
        (["--model", "nobody/nothing"], "not in the local Hub cache while HF_HUB_OFFLINE is set"),
        (["--model", "n" * 5000], "--model nnn"),
        (["--model", "~nobody-here/x"], "no such folder"),
        (["--set", "metrics=[txet]"], "--metrics txet: unknown metric family; did you mean `text`"),
        (["--set", "metrics=[self_bleu_4]"], "`self_bleu_4` is in family `lexical`"),
        (["--set", "personas=[nobody]"], "--personas nobody: not in suite persona"),
        (["--set", "temperature=1"], "unknown setting `temperature`; did you mean `temperatures`?"),
        (["--set", "samples"], "write name=value"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: cannot be read (No such file"),
        (["stray"], "unexpected extra argument (stray)"),
        (["--output", "/dev/null/below"], "--output /dev/null/below: cannot be written"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_leaves_no_folder(
    command: Any, changes: list[str], says: str
) -> None:
    ended = command(*WORLD, *changes)
    assert ended.code == 2
    assert says in ended.error
    assert ended.out == ""
    assert list(Path.cwd().iterdir()) == []


def test_bad_input_as_a_process_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    ended = as_process([*WORLD, "--suite", "persono"], tmp_path)
    assert ended.code == 2
    assert "did you mean `persona`" in ended.error
    assert list(tmp_path.iterdir()) == []


def test_missing_model_or_suite_says_which(command: Any) -> None:
    assert "--model: not given" in command("run", "--suite", "persona").error
    assert "--suite: not given" in command("run", "--model", "world").error


def test_a_folder_of_another_plan_is_refused(command: Any) -> None:
    assert command(*WORLD, "--output", "out").code == 0
    ended = command(*WORLD, "--output", "out", "--seed", "9")
    assert ended.code == 2
    assert "seed: 0 there, 9 here" in ended.error


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("suite.yaml", "samples: 8", "samples: [8", "suite.yaml:"),
        ("suite.yaml", "samples: 8", "samples: eight", "suite.yaml: samples: "),
        ("suite.yaml", "samples: 8", "sample: 8", "suite.yaml: sample: unknown field; did you"),
        ("suite.yaml", '"0.2:1.6:0.2"', "[0.5, .nan]", "suite.yaml: temperatures: nan is not"),
        ("suite.yaml", '"0.2:1.6:0.2"', "[]", "suite.yaml: temperatures: names no temperature"),
        ("suite.yaml", '"0.2:1.6:0.2"', "[-1]", "suite.yaml: temperatures: -1 is not between"),
        ("suite.yaml", "world: persona\n", "", "suite.yaml: queries: missing"),
        ("suite.yaml", "world: persona\n", "queries: ../../x.jsonl\n", "lies outside the suite"),
        ("suite.yaml", "world: persona\n", "queries: x.jsonl\n", "x.jsonl: cannot be read"),
        ("topics.yaml", "\n", "\n\t[\n", "topics.yaml:2: malformed YAML"),
        ("personas.yaml", "\n", "\n\t[\n", "personas.yaml:2: malformed YAML"),
    ],
)
def test_a_broken_suite_names_file_and_line_or_field(
    command: Any, copied_assets: Any, file: str, old: str, new: str, says: str
) -> None:
    path = copied_assets() / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    ended = command(*WORLD)
    assert ended.code == 2
    assert says in ended.error
    assert str(path.parent) in ended.error
    assert list(Path.cwd().iterdir()) == []


def test_dry_run_prints_the_plan_and_draws_nothing(command: Any) -> None:
    ended = command(*WORLD, "--dry-run", "--json")
    assert ended.code == 0
    plan = json.loads(ended.out)
    part = plan["suites"][0]
    # 2 queries x 2 personas x 1 temperature x 2 samples, each at most 96 tokens
    assert (part["prompts"], part["requests"], part["token_bound"]) == (4, 8, 768)
    assert "persona" in command(*WORLD, "--dry-run").out
    assert list(Path.cwd().iterdir()) == []


def test_unknown_labels_end_a_run_before_it_draws(command: Any) -> None:
    Path("mine.jsonl").write_text('{"text": "Arr.", "persona": "Pirate"}\n')
    ended = command(*WORLD, "--metrics", "style", "--style-data", "mine.jsonl", "--output", "out")
    assert ended.code == 2
    assert ended.error == (
        "mine.jsonl:1: persona: `Pirate` is not in suite persona; did you mean `pirate`?"
    )
    assert not Path("out").exists()


def test_dry_run_makes_the_checks_of_a_run(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command(*WORLD, "--output", "out").code == 0
    ended = command(*WORLD, "--output", "out", "--seed", "9", "--dry-run")
    assert "seed: 0 there, 9 here" in ended.error
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 9))
    assert "the disk is full" in command(*WORLD, "--output", "new", "--dry-run").error
