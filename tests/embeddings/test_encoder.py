"""pytest tests/embeddings/test_encoder.py: the real MiniLM, from its PyPI package."""

from pathlib import Path

import numpy as np
import pytest

from sfr_eval.embeddings import backends
from sfr_eval.embeddings import encoder as module
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.embeddings.locate import DEFAULT, find_encoder
from sfr_eval.errors import UserError

TEXTS = ["Knead the dough.", "The court is closed.", "Knead the dough.", ""]


def test_encode_is_unit_length_and_in_order(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    encoder = Encoder(None, tmp_path, on_progress=lambda done, total: calls.append((done, total)))
    rows = encoder.encode(TEXTS)
    assert rows.dtype == np.float32
    assert rows.shape == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(rows[0], rows[2])
    assert rows[0] @ rows[1] < 0.5
    assert (calls[0], calls[-1]) == ((0, 3), (3, 3))  # three different texts


def test_equal_to_sentence_transformers(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    encoder = Encoder(None, tmp_path, backend="float32")
    reference = SentenceTransformer(str(encoder._files.folder)).encode(
        TEXTS, normalize_embeddings=True
    )
    np.testing.assert_allclose(encoder.encode(TEXTS), reference, atol=1e-5)


def test_second_encode_loads_nothing(tmp_path: Path) -> None:
    first = Encoder(None, tmp_path)
    rows = first.encode(TEXTS)
    assert first.loaded
    second = Encoder(None, tmp_path)
    np.testing.assert_array_equal(second.encode(list(reversed(TEXTS))), rows[::-1])
    assert not second.loaded
    second.encode(["something new"])
    assert second.loaded


def test_torn_shards_are_encoded_again(tmp_path: Path) -> None:
    rows = Encoder(None, tmp_path).encode(TEXTS)
    (shard,) = tmp_path.glob("embeddings/*/*.npy")
    shard.write_bytes(shard.read_bytes()[:-100])
    again = Encoder(None, tmp_path)
    np.testing.assert_allclose(again.encode(TEXTS), rows, atol=1e-6)
    assert again.loaded


def test_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert Encoder(None, blocked).encode(["text"]).shape == (1, 384)


def test_no_text(tmp_path: Path) -> None:
    encoder = Encoder(None, tmp_path)
    assert len(encoder.encode([])) == 0
    assert encoder.truncated_share([]) is None
    assert not encoder.loaded


def test_truncated_share_counts_word_pieces(tmp_path: Path) -> None:
    encoder = Encoder(None, tmp_path)
    assert encoder.window == 256
    # 254 words and two special pieces fit; one word more is cut.
    texts = ["a " * 254, "a " * 255, "short", "internationalisation " * 20]
    assert encoder.truncated_share(texts) == 1 / 4


LONG = " ".join(f"Step {number}: fold the dough over itself." for number in range(60))


def test_chunked_text_is_the_weighted_mean_of_its_parts(tmp_path: Path) -> None:
    cut = Encoder(None, tmp_path, backend="float32")
    whole = Encoder(None, tmp_path, backend="float32", long_texts="chunk")
    texts = [LONG, LONG + " Then bake a fish.", "short"]
    first, second, short = whole.encode(texts)
    chunks = whole._pieces.chunks(LONG, 256)
    parts = cut.encode([chunk.text for chunk in chunks])
    mean = np.average(parts, axis=0, weights=[chunk.pieces for chunk in chunks])
    np.testing.assert_allclose(first, mean / np.linalg.norm(mean), atol=1e-5)
    # Truncated, the two long texts are the same; chunked, the ending is seen.
    a, b, same = cut.encode(texts)
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_allclose(short, same, atol=1e-6)
    assert cut.notes(texts) == {"truncated_share": pytest.approx(2 / 3)}
    assert whole.notes(texts) == {"truncated_share": 0.0, "chunked_share": pytest.approx(2 / 3)}
    assert whole.signature != cut.signature


@pytest.mark.parametrize(
    ("backend", "lowest_cosine"),
    [("bfloat16", 0.995), pytest.param("onnx", 0.99999, marks=pytest.mark.slow)],
)
def test_faster_backends_are_near_and_say_how_near(
    tmp_path: Path, backend: str, lowest_cosine: float
) -> None:
    fast = Encoder(None, tmp_path, backend=backend)  # type: ignore[arg-type]
    texts = [*TEXTS, "one two three", LONG]
    rows = fast.encode(texts)
    exact = Encoder(None, tmp_path, backend="float32").encode(texts)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    cosines = (rows * exact).sum(axis=1)
    assert cosines.min() > lowest_cosine
    assert not np.array_equal(rows, exact)  # they do not share a cache
    noted = fast.notes(texts)["encoder_deviation"]
    assert noted["texts"] == 5  # different ones
    assert noted["lowest_cosine"] == pytest.approx(cosines.min(), abs=1e-6)
    assert noted["mean_distance"] == pytest.approx(noted["mean_distance_float32"], abs=0.01)
    again = Encoder(None, tmp_path, backend=backend)  # type: ignore[arg-type]
    np.testing.assert_array_equal(again.encode(texts), rows)
    assert again.notes(texts) == fast.notes(texts)
    assert not again.loaded


def test_batch_size_is_measured_once_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WORTH", 1)
    monkeypatch.setattr(backends, "is_fixed", lambda _: False)
    monkeypatch.setattr(module, "TRIAL", {"cpu": 2})
    monkeypatch.setattr(module, "BATCHES", {"cpu": (1, 2)})
    texts = [f"number {number}" for number in range(9)]
    encoder = Encoder(None, tmp_path)
    rows = encoder.encode(texts)
    assert encoder._batch in (1, 2)
    (file,) = tmp_path.glob("embeddings/*/batch-*.json")
    plain = Encoder(None, tmp_path / "other")
    np.testing.assert_allclose(plain.encode(texts[:2]), rows[:2], atol=1e-5)
    file.write_text('{"batch": 7}')
    again = Encoder(None, tmp_path)
    again.encode([f"other {number}" for number in range(9)])
    assert again._batch == 7  # not measured again


def test_no_number_is_an_error_with_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder(None, tmp_path)
    real = encoder._model

    class Broken:
        device, has_batch_size, on_rows = "cpu", False, None

        def embed(self, texts: list[str], batch: int) -> np.ndarray:
            rows = real.embed(texts, batch)
            rows[texts.index("bad text")] = np.nan
            return rows

    monkeypatch.setitem(encoder.__dict__, "_model", Broken())
    with pytest.raises(
        UserError, match=r"its embedding is not finite for the text that begins 'bad text'"
    ):
        encoder.encode(["good text", "bad text"])
    with pytest.raises(UserError, match="row 1: not a text but NoneType"):
        encoder.encode(["fine", None])  # type: ignore[list-item]


def test_what_the_tokenizer_does_not_know_is_noted(tmp_path: Path) -> None:
    encoder = Encoder(None, tmp_path)
    texts = ["Knead the dough.", "\u1230\u120b\u121d \u1208\u12d3", "", "so \u1230\u120b"]
    assert encoder.readable(texts).tolist() == [True, False, True, True]
    notes = encoder.notes(texts)
    assert notes["unknown_share"] == pytest.approx((1 + 0.5) / 4)
    assert notes["unreadable_share"] == 0.25
    assert "unknown_share" not in encoder.notes(TEXTS)


def test_the_processor_decides_where_nobody_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = tmp_path / "cpuinfo"
    monkeypatch.setattr(backends, "_PROCESSOR", processor)
    for flags, backend in (
        ("fpu avx512_bf16 amx_tile", "bfloat16"),
        ("fpu amx_bf16", "bfloat16"),
        ("fpu avx2", "float32"),
        ("fpu not_avx512_bf16", "float32"),
    ):
        processor.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t:\n")
        assert Encoder(None, tmp_path).signature["encoder_backend"] == backend
    processor.write_text("flags\t: amx_bf16\n")
    assert Encoder(None, tmp_path, backend="float32").backend == "float32"
    table = tmp_path / "table"
    table.mkdir()
    (table / "modules.json").write_text(
        '[{"type": "sentence_transformers.models.StaticEmbedding"}]'
    )
    assert backends.own_backend(table) == "float32"
    processor.unlink()  # not Linux
    assert backends.own_backend(find_encoder(DEFAULT).folder) == "float32"


def test_the_deviation_does_not_depend_on_what_was_embedded_first(tmp_path: Path) -> None:
    texts = [f"Take {number} eggs." for number in range(140)]
    at_once = Encoder(None, tmp_path / "one", backend="bfloat16")
    at_once.encode(texts)
    in_parts = Encoder(None, tmp_path / "two", backend="bfloat16")
    in_parts.encode(texts[100:])
    notes = in_parts.notes(texts[::-1])
    assert notes == at_once.notes(texts)
    assert notes["encoder_deviation"]["texts"] == 128
