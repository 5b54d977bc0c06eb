"""pytest tests/comparison/test_warnings.py"""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.store.results import Notes
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Sample
from tests.support.compare_data import write_world_run

Edit = Callable[[list[Sample]], list[Sample]]
REFUSAL = "I'm sorry, but I can't help with that."


def run(folder: Path, change: Edit | None = None, **dials: float) -> Path:
    """14 queries, 3 personas, 4 replies at T = 1."""
    return write_world_run(
        folder, dials, change=change, families=("text", "facts"), temperatures=(1.0,)
    )


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("warnings") / "truth")


def lines(first: Path, second: Path, word: str) -> list[str]:
    (pair,) = compare_runs(first, second, allow_mismatch=True).pairs
    return [line for line in (*pair.warnings, *pair.notes) if word in line]


def every_second(text: str) -> Edit:
    return lambda rows: [replace(row, text=text) if row.index % 2 else row for row in rows]


def edited(edit: Callable[[str], str]) -> Edit:
    return lambda rows: [replace(row, text=edit(row.text)) for row in rows]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (REFUSAL, "refuse to answer"),
        ("", "are empty"),
        ("Du solltest jeden Tag zur gleichen Zeit damit anfangen.", "another language"),
    ],
)
def test_half_of_the_replies_are_named_with_the_run(
    truth: Path, tmp_path: Path, text: str, word: str
) -> None:
    half = run(tmp_path / "half", every_second(text))
    for pair in ((truth, half), (half, truth)):
        (line,) = lines(*pair, word)
        assert line.startswith("persona, half: 50% of the replies ")


def test_noise_among_the_words_is_named(truth: Path, tmp_path: Path) -> None:
    rng = random.Random(1)
    words = [
        "river",
        "lamp",
        "seven",
        "tiger",
        "cloud",
        "stone",
        "violin",
        "green",
        "under",
        "paper",
    ]

    def noisy(text: str) -> str:
        return " ".join(rng.choice(words) if rng.random() < 0.2 else w for w in text.split())

    noise = run(tmp_path / "noise", edited(noisy))
    (line,) = lines(truth, noise, "order of the words")
    assert line.startswith("persona, T = 1: the order of the words tells less in noise (")


def test_word_salad_is_named(truth: Path, tmp_path: Path) -> None:
    rng = random.Random(1)

    def salad(text: str) -> str:
        return " ".join(rng.sample(text.split(), len(text.split())))

    shuffled = run(tmp_path / "salad", edited(salad))
    line, difference = lines(truth, shuffled, "order of the words")
    assert line.startswith("persona, salad: T = 1: the order of the words tells nothing")
    assert "tells less in salad" in difference


def test_another_draw_of_the_truth_has_no_such_warning(truth: Path, tmp_path: Path) -> None:
    again = write_world_run(
        tmp_path / "again", {}, seed=1, families=("text", "facts"), temperatures=(1.0,)
    )
    assert not [
        line for word in ("words", "% of the replies") for line in lines(truth, again, word)
    ]


def engine(folder: Path, name: str, **sampling: float) -> Path:
    """The run as another engine or decoder would have recorded it."""
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["identity"]["engine"] = name
    manifest["identity"]["sampling"]["persona"] |= sampling
    file.write_text(json.dumps(manifest))
    return folder


def test_one_run_seen_twice_is_equal_in_everything(truth: Path, tmp_path: Path) -> None:
    def weights(second: Path) -> list[str]:
        return lines(truth, second, "same weights") + lines(truth, second, "seen twice")

    same = Path(shutil.copytree(truth, tmp_path / "same"))
    assert weights(same) == ["Both runs hold the same replies: one run, seen twice."]
    for place, (name, sampling, apart) in enumerate(
        [
            ("vllm", {}, "engine"),
            ("world", {"min_p": 0.001}, "decoder"),
            ("vllm", {"min_p": 0.001}, "engine and decoder"),
        ]
    ):
        other = engine(Path(shutil.copytree(truth, tmp_path / str(place))), name, **sampling)
        assert weights(other) == [
            "Both runs are of the same weights and hold the same replies, although their "
            f"{apart} {'differ' if ' and ' in apart else 'differs'}."
        ]
    drawn = run(tmp_path / "drawn", lambda rows: [replace(r, text=r.text + " Aye.") for r in rows])
    assert weights(engine(drawn, "world", min_p=0.5)) == [
        "Both runs are of the same weights; they differ in decoder."
    ]


def test_thinking_and_an_encoder_that_cannot_read_are_named(truth: Path, tmp_path: Path) -> None:
    def changed(text: str) -> str:
        return f"<think>so</think> {text}"

    other = run(tmp_path / "think", edited(changed))
    (line,) = lines(truth, other, "thinking is measured")
    assert line.startswith("think: 100% of the replies hold <think> or </think>")
    folder = RunFolder(other)
    results = folder.read_results()
    notes = {"embed_distance": {"persona": Notes(unknown_share=0.5, unreadable_share=0.5)}}
    folder.write_results(results.model_copy(update={"notes": {**results.notes, **notes}}))
    (line,) = lines(truth, other, "--encoder")
    assert line.startswith("think: 50% of the characters are unknown to the encoder")
