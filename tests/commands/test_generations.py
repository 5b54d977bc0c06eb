"""pytest tests/commands/test_generations.py"""

import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sfr_eval.cli import app
from sfr_eval.commands.generations import is_generations
from sfr_eval.store.manifest import Manifest

WORDS = (
    *("red", "blue", "green", "small", "fast", "slow", "cat", "dog"),
    *("tree", "house", "river", "moon", "star", "fire", "stone", "sand"),
)


def rows(model: str, alike: float) -> list[dict[str, Any]]:
    """Four replies to each of eight prompts; a part of them is the same sentence."""
    draw = random.Random(model)
    return [
        {
            "prompt": f"Write about {word}.",
            "completion": f"The {word} is here."
            if draw.random() < alike
            else " ".join(draw.choice(WORDS) for _ in range(8)),
            "model": model,
        }
        for word in WORDS[:8]
        for _ in range(4)
    ]


def write(file: Path, content: Sequence[dict[str, Any]]) -> Path:
    file.write_text("\n".join(map(json.dumps, content)))
    return file


MODELS = [*rows("base", 0.0), *rows("sft", 0.5), *rows("rl", 0.9)]


def compare(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["compare", *map(str, arguments)])
    return result.exit_code, result.output + str(result.exception or "")


@pytest.mark.model
def test_one_command_from_three_models_to_a_comparison(tmp_path: Path) -> None:
    file = write(tmp_path / "generations.jsonl", MODELS)
    code, output = compare(file, "-o", tmp_path / "out")
    assert code == 0, output
    assert "differences to base" in output
    assert output.splitlines()[-1] == f"comparison: {tmp_path / 'out' / 'compare.html'}"
    names = [Manifest.load(tmp_path / "out" / name).name for name in ("base", "sft", "rl")]
    assert names == ["base", "sft", "rl"]


@pytest.mark.model
def test_files_without_models_are_a_model_each(tmp_path: Path) -> None:
    files = [
        write(
            tmp_path / f"{name}.jsonl",
            [{key: row[key] for key in ("prompt", "completion")} for row in rows(name, alike)],
        )
        for name, alike in (("plain", 0.0), ("tuned", 0.9))
    ]
    code, output = compare(*files, "-o", tmp_path / "out")
    assert code == 0, output
    assert "differences to plain" in output
    assert "tuned: " in output


def test_a_file_of_one_model_is_refused_before_it_is_measured(tmp_path: Path) -> None:
    file = write(tmp_path / "one.jsonl", rows("base", 0.0))
    code, output = compare(file, "-o", tmp_path / "out")
    assert code != 0
    assert "replies of one model only; name another file or run" in output
    assert "--model-field" in output
    assert not (tmp_path / "out").exists()


def test_wrong_files_say_what_is_wrong(tmp_path: Path) -> None:
    file = write(tmp_path / "g.jsonl", MODELS)
    code, output = compare(tmp_path / "nope.jsonl")
    assert code != 0
    assert "no such file or folder" in output
    code, output = compare(file, "--model-field", "nope")
    assert code != 0
    assert "`nope` names no model" in output
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"prompt": "a", ')
    code, output = compare(broken)
    assert code != 0
    assert "broken.jsonl" in output


def test_families_are_measured_without_the_encoder(tmp_path: Path) -> None:
    file = write(tmp_path / "g.jsonl", MODELS)
    for names, compared in (
        ("text,lexical", {"length", "distinct_2"}),
        ("distinct_2", {"distinct_2"}),
    ):
        out = tmp_path / names
        code, output = compare(file, "-o", out, "--metrics", names)
        assert code == 0, output
        results = json.loads((out / "base" / "results.json").read_text())["estimates"]
        assert "embed_distance" not in {row["metric"] for row in results}
        metrics = {row["metric"] for row in csv.DictReader((out / "metrics.csv").open())}
        assert metrics & {"length", "distinct_2", "embed_distance"} == compared
    code, output = compare(file, "--metrics", "lexicl")
    assert code != 0
    assert "did you mean `lexical`?" in output


def test_a_missing_encoder_names_the_way_out(tmp_path: Path) -> None:
    file = write(tmp_path / "g.jsonl", MODELS)
    code, output = compare(file, "--encoder", "./none", "-o", tmp_path / "out")
    assert code != 0
    assert "--encoder ./none: no such folder" in output
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_of_files_that_cannot_be_measured(tmp_path: Path) -> None:
    file = write(tmp_path / "g.jsonl", MODELS)
    arguments = ("score", file, "-o", tmp_path / "out", "--encoder", "nobody/no-such-encoder")
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert "no-such-encoder" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    assert is_generations(write(tmp_path / "g.txt", MODELS[:1]))
    assert is_generations(tmp_path / "missing.jsonl")
    assert not is_generations(tmp_path)
    assert not is_generations(tmp_path / "missing")
