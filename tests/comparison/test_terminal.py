"""pytest tests/comparison/test_terminal.py"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.terminal import letter, show_comparison
from tests.support.compare_data import write_world_run

NAMES = ("base", "sft", "dpo", "ppo", "grpo", "sfr", "sfr-long", "mix")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Eight runs: three are simulated, the others are copies that call themselves otherwise."""
    folder = tmp_path_factory.mktemp("runs")
    made = [
        write_world_run(
            folder / f"run-{number}",
            {"cross": 0.0, "within": dial},
            seed=number,
            queries=8,
            samples=8,
            temperatures=(0.6, 1.0),
        )
        for number, dial in enumerate((0.0, 0.3, 0.6))
    ]
    for number in range(3, 8):
        copy = Path(shutil.copytree(made[number % 3], folder / f"run-{number}"))
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest["name"] = copy.name
        (copy / "manifest.json").write_text(json.dumps(manifest))
        made.append(copy)
    return made


def lines(
    runs: list[Path], capsys: pytest.CaptureFixture[str], labels: tuple[str, ...] = ()
) -> list[str]:
    after = show_comparison(compare_runs(*runs, labels=labels), as_json=False)
    return [*capsys.readouterr().out.splitlines(), *after]


@pytest.mark.parametrize("number", [2, 3, 8])
@pytest.mark.parametrize("is_long", [False, True])
def test_a_comparison_fits_80_columns(
    runs: list[Path], capsys: pytest.CaptureFixture[str], number: int, is_long: bool
) -> None:
    names = tuple(f"{name}, checkpoint of tuesday" if is_long else name for name in NAMES)
    shown = lines(runs[:number], capsys, names[:number])
    assert max(map(len, shown)) <= 80
    assert len(shown) < (25 if number <= 3 else 41)


def test_the_verdict_on_each_run_comes_last(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = lines(runs[:3], capsys, NAMES[:3])
    text = " ".join(line.strip() for line in shown)
    assert "dpo: less varied" in text
    assert text.endswith(")")
    assert text.count("better in 0 of 3 primary rows, worse in ") == 2
    variety = next(line for line in shown if line.startswith("self_bleu_4_fixed ↓"))
    assert variety.split()[-1] == "-"


def test_two_runs_have_their_intervals(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    comparison = compare_runs(runs[0], runs[2], labels=["whole", "narrow"])
    show_comparison(comparison, as_json=False)
    out = capsys.readouterr().out
    row = next(row for _, row in comparison.rows if row.role == "variety" and row.temperature)
    assert row.low is not None
    assert row.delta is not None
    line = next(line for line in out.splitlines() if line.startswith(f"{row.metric} "))
    assert (
        f"{row.delta:+.2f} [{row.low:.2f}," in line or f"{row.delta:+.3f} [{row.low:.3f}," in line
    )


def test_long_names_are_letters_which_are_explained(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    names = tuple(f"{name}, checkpoint of tuesday" for name in NAMES)
    shown = lines(runs[:3], capsys, names[:3])
    assert shown[1].split() == ["A", "B", "C"]
    assert "A = base, checkpoint of tuesday: the base" in shown
    assert any(line.startswith("C = dpo, checkpoint of tuesday: ") for line in shown)


def test_json_keeps_its_keys(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    notes = show_comparison(compare_runs(*runs[:2]), as_json=True)
    loaded = json.loads(capsys.readouterr().out)
    keys = {"format", "alpha", "looks", "margin", "runs", "groups", "pairs"}
    assert set(loaded) == keys
    assert set(loaded["pairs"][0]) == {"a", "b", "mismatches", "cautions", "suites"}
    assert all(note.startswith(("note: ", "warning: ", "mismatch: ")) for note in notes)


LONG = "the replies of this run are off topic, " * 6 + "which is no merit (end {})."


def said(
    runs: list[Path], capsys: pytest.CaptureFixture[str], *, warnings: int, notes: int
) -> list[str]:
    """What is printed of two runs with so many long warnings and short notes."""
    comparison = compare_runs(runs[0], runs[2], labels=["whole", "narrow"])
    pair = replace(
        comparison.pairs[0],
        warnings=tuple(LONG.format(number) for number in range(warnings)),
        notes=tuple(f"Worth knowing, number {number}." for number in range(notes)),
    )
    after = show_comparison(replace(comparison, pairs=(pair,)), as_json=False)
    return [*capsys.readouterr().out.splitlines(), *after]


@pytest.mark.parametrize("columns", [80, 120])
def test_every_warning_can_be_read_whole(
    runs: list[Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = said(runs, capsys, warnings=7, notes=5)
    assert max(map(len, shown)) <= columns
    text = " ".join(" ".join(shown).split())
    assert all(f"warning: {LONG.format(number)}" in text for number in range(7))
    assert all(f"note: Worth knowing, number {number}." in shown for number in range(3))
    assert text.index("(end 6)") < text.index("number 0.")
    assert "note: 2 more in compare.html" in shown
    assert not any(word in text for word in (" ...", "more warning"))
    assert any(line.startswith("self_bleu_4_fixed ") for line in shown)  # the table stays
    assert shown[-1].endswith(")")  # the verdict, last


def test_three_notes_need_no_page(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(runs, capsys, warnings=0, notes=3)
    assert sum(line.startswith("note: ") for line in shown) == 3
    assert not any("compare.html" in line for line in shown)


def test_headlines_give_way_to_warnings(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(said(runs, capsys, warnings=1, notes=0)) < 25


def test_letters_go_on_after_z() -> None:
    assert [letter(place) for place in (0, 25, 26)] == ["A", "Z", "A2"]


def test_wide_characters_take_two_columns(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = lines([runs[0], runs[2]], capsys, ("基准", "中文模型"))
    head = next(line for line in shown if line.endswith("中文模型"))
    marked = next(line for line in shown if line.startswith("self_bleu_4_fixed ↓"))
    assert marked.endswith(" -")
    assert cell_len(head) == cell_len(marked)
    assert max(map(cell_len, shown)) <= 80
