"""pytest tests/report/test_reply_map.py"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sfr_eval.embeddings.cache import EmbeddingStore, text_key
from sfr_eval.report import reply_map
from sfr_eval.report.figures import files
from sfr_eval.report.reply_map import embedded_map, figure, project, stored_map
from tests.support.reply_data import prompt, reply

SIGNATURE = {
    "encoder_fingerprint": "sha256:" + "ab" * 32,
    "encoder_backend": "float32",
    "encoder_long_texts": "truncate",
    "tokenizer": "words-v1",
    "text": "nfc-visible-plain-v1",
}
FOLDER = Path("embeddings") / ("ab" * 8)


def keep(cache: Path, rows: dict[str, Sequence[float]], folder: Path = FOLDER) -> None:
    """Embed texts as an encoder with SIGNATURE would have."""
    array = np.array(list(rows.values()), np.float32)
    array /= np.linalg.norm(array, axis=1, keepdims=True)
    EmbeddingStore(cache / folder).add([text_key(text) for text in rows], array)


def test_the_projection_by_hand() -> None:
    # Two questions far apart, whose replies differ along the first axis, and less along the second.
    rows = np.array([[5, 3, 0], [5, -3, 0], [-5, 1, 1], [-5, -1, -1]], dtype=float)
    places, shares = project(rows, np.array([0, 0, 1, 1]))
    assert places[0] == pytest.approx(-places[1])
    # Of the scatter matrix [[20, 2], [2, 2]] of the second and third column: 11 +- sqrt(85).
    assert shares == pytest.approx(((11 + 85**0.5) / 22, (11 - 85**0.5) / 22))
    assert places[0, 0] > 0  # the largest loading is positive


def test_without_two_replies_to_a_question_the_mean_of_all_is_taken() -> None:
    rows = np.array([[2.0, 0], [4, 0], [6, 0]])
    places, shares = project(rows, np.array([0, 1, 2]))
    assert places[:, 0] == pytest.approx([-2, 0, 2])
    assert shares == pytest.approx((1, 0))


def test_collapsed_replies_lie_on_one_another() -> None:
    places, shares = project(np.ones((4, 3)), np.zeros(4, int))
    assert places == pytest.approx(np.zeros((4, 2)))
    assert shares == (0, 0)


def test_components_are_those_of_a_singular_value_decomposition() -> None:
    rows = np.random.default_rng(1).normal(size=(60, 12)) * np.arange(1, 13)
    places, shares = project(rows, np.zeros(60, int))
    centred = rows - rows.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    assert np.abs(places) == pytest.approx(np.abs(u[:, :2] * s[:2]))
    assert shares == pytest.approx(tuple(s[:2] ** 2 / (s**2).sum()))
    again, _ = project(rows.copy(), np.zeros(60, int))
    assert (again == places).all()


TEXTS = {"red": (1, 0, 0), "crimson": (1, 0.1, 0), "blue": (0, 1, 0), "green": (0, 0, 1)}


def test_embeddings_come_from_the_cache_alone(tmp_path: Path) -> None:
    failed = reply(1.0, "q", "a", 9, status="error", text="", error="red")
    samples = [*prompt("q", [*TEXTS, "never embedded"]), failed]
    assert embedded_map([samples], SIGNATURE, tmp_path) is None
    keep(tmp_path, TEXTS)
    found = embedded_map([samples], SIGNATURE, tmp_path)
    assert found is not None
    assert list(found.points) == [sample.sample_id for sample in samples[:4]]
    # Of four replies to one prompt only two are within a cosine distance of 0.2.
    assert [point.echo for point in found.points.values()] == [True, True, False, False]
    assert embedded_map([samples], SIGNATURE, tmp_path) == found
    for other in ({}, SIGNATURE | {"encoder_long_texts": "chunk"}):
        assert embedded_map([samples], other, tmp_path) is None


def test_texts_are_looked_up_as_they_were_embedded(tmp_path: Path) -> None:
    keep(tmp_path, {"one two": (1, 0), "three": (0, 1), "four five": (1, 1)})
    signature = SIGNATURE | {"token_window": 2}
    samples = prompt("q", ["one two and more", "**three**", "four  five\u200b six"])
    found = embedded_map([samples], signature, tmp_path)
    assert found is not None
    assert len(found.points) == 3
    by_file = signature | {"tokenizer": "file:0123"}
    assert embedded_map([samples], by_file, tmp_path) is None  # who knows where its words end
    whole = prompt("q", ["one two", "three", "four five"])
    assert embedded_map([whole], by_file | {"token_window": None}, tmp_path) is not None


def test_two_runs_lie_on_one_map(tmp_path: Path) -> None:
    keep(tmp_path, TEXTS)
    one = prompt("q", ["red", "blue"])
    two = [reply(1.0, "q", "a", i, text=text) for i, text in enumerate(["red", "crimson"], start=2)]
    found = embedded_map([one, two], SIGNATURE, tmp_path)
    assert found is not None
    first, second = found.points[one[0].sample_id], found.points[two[0].sample_id]
    assert (first.x, first.y) == (second.x, second.y)
    assert (first.echo, second.echo) == (False, True)  # of its own run


def test_of_many_replies_whole_prompts_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_map, "MAX_POINTS", 40)
    rows = {f"{q} {i}": (q + 1, i, 1) for q in range(50) for i in range(4)}
    keep(tmp_path, rows)
    samples = [s for q in range(50) for s in prompt(f"q{q}", [f"{q} {i}" for i in range(4)])]
    found = embedded_map([samples], SIGNATURE, tmp_path)
    assert found is not None
    queries = [s.query for s in samples if s.sample_id in found.points]
    assert len(queries) == 40
    assert len(set(queries)) == 10
    assert {"q0", "q45"} <= set(queries)


def test_a_report_elsewhere_reads_the_places_from_the_plots(tmp_path: Path) -> None:
    keep(tmp_path, TEXTS)
    samples = prompt("q", list(TEXTS))
    found = embedded_map([samples], SIGNATURE, tmp_path)
    assert found is not None
    drawn = figure(found, {"run": samples}, personas={"a": "Anna"})
    contents = dict(files([drawn]))
    assert set(contents) == {"png", "svg", "csv"}
    file = tmp_path / "map.csv"
    file.write_bytes(contents["csv"])
    assert stored_map(file) == found
    assert stored_map(tmp_path / "none.csv") is None
    file.write_text("sample_id,x\nq,nonsense\n")
    assert stored_map(file) is None
    file.write_text("")
    assert stored_map(file) is None
