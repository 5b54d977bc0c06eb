"""pytest tests/metrics/test_taggers.py: real taggers, trained or ruled here on a few words"""

import importlib.util
import json
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.metrics.taggers import NO_TAGGER, load_tagger

SENTENCES = [
    [("the", "DT"), ("dough", "NN"), ("rises", "VBZ"), (".", ".")],
    [("a", "DT"), ("court", "NN"), ("sits", "VBZ"), (".", ".")],
]


def nltk_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train NLTK's own tagger and put it where its data are looked for."""
    nltk = pytest.importorskip("nltk")
    from nltk.tag.perceptron import PerceptronTagger

    tagger = PerceptronTagger(load=False)
    tagger.train(SENTENCES * 30)
    place = folder / "taggers" / "averaged_perceptron_tagger_eng"
    place.mkdir(parents=True)
    for name, content in zip(tagger.param_files("eng"), tagger.encode_json_obj(), strict=True):
        (place / name).write_text(json.dumps(content))
    monkeypatch.setattr(nltk.data, "path", [str(folder)])


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in packages else real(name)
    )


def test_nltk_tags_the_words_of_each_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nltk_data(tmp_path, monkeypatch)
    without(monkeypatch, "en_core_web_sm")
    for tagger in (load_tagger(), load_tagger("nltk")):
        assert not isinstance(tagger, str)
        assert tagger.signature.startswith("NLTK 3.")
        found = tagger.tags(["the dough rises.", "", " ", "a court sits. the dough rises."])
        once = ["DT", "NN", "VBZ", "."]
        assert found == [once, [], [], [*once, *once]]


def test_without_a_tagger_there_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nltk = pytest.importorskip("nltk")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    without(monkeypatch, "en_core_web_sm")
    assert load_tagger() == NO_TAGGER
    with pytest.raises(UserError, match="--tagger nltk: needs pip install nltk"):
        load_tagger("nltk")
    without(monkeypatch, "en_core_web_sm", "nltk")
    assert load_tagger() == NO_TAGGER
    without(monkeypatch, "spacy")
    with pytest.raises(UserError, match="--tagger de_core_news_sm: needs spaCy"):
        load_tagger("de_core_news_sm")


def test_a_spacy_pipeline_tags_by_its_rules(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("attribute_ruler")
    ruler.add([[{"LOWER": {"IN": ["the", "a"]}}]], {"TAG": "DT"})
    ruler.add([[{"LOWER": {"NOT_IN": ["the", "a"]}}]], {"POS": "NOUN"})
    pipeline.to_disk(tmp_path / "rules")
    tagger = load_tagger(str(tmp_path / "rules"))
    assert not isinstance(tagger, str)
    assert tagger.tags(["The dough, twice\n", ""]) == [["DT", "NOUN", "NOUN", "NOUN"], []]
    assert tagger.signature.startswith(f"spaCy {spacy.__version__} en_pipeline")
    spacy.blank("en").to_disk(tmp_path / "blank")
    blank = load_tagger(str(tmp_path / "blank"))
    assert not isinstance(blank, str)
    with pytest.raises(UserError, match="gives words no part of speech"):
        blank.tags(["The dough"])
    with pytest.raises(UserError, match="--tagger nowhere: not a spaCy pipeline") as error:
        load_tagger("nowhere")
    assert "\n" not in str(error.value)
