"""pytest tests/embeddings/test_pair_classifier.py: a random BERT of two layers as the classifier"""

import json
from pathlib import Path

import pytest
import torch

from sfr_eval.embeddings.pair_classifier import THRESHOLD, TOKENS, PairClassifier, by_words
from sfr_eval.errors import UserError

WORDS = [f"w{number}" for number in range(60)]
LONG = " ".join(WORDS[:20])
OTHER = " ".join(WORDS[20:40])


def tiny_classifier(folder: Path, *, labels: int = 2) -> Path:
    """Write a BERT that classifies pairs, with large random weights so that answers differ."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(folder)
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=300,
        initializer_range=1.5,
        num_labels=labels,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def directly(folder: Path, first: str, second: str) -> float:
    """p(same) as NoveltyBench's code computes it: ids and token types by hand."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids, types = [tokenizer.cls_token_id], [0]
    for number, text in enumerate((first, second)):
        own = tokenizer.encode(text, truncation=True, max_length=128, add_special_tokens=False)
        ids += [*own, tokenizer.sep_token_id]
        types += [number] * (len(own) + 1)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types])).logits[
            0
        ]
    return float(logits.softmax(-1)[1] if len(logits) == 2 else logits[0].sigmoid())


@pytest.mark.parametrize("labels", [1, 2])
def test_probabilities_equal_a_direct_call(labels: int, tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "m", labels=labels)
    classifier = PairClassifier(str(folder), tmp_path)
    long = " ".join(WORDS[number % 60] for number in range(3 * TOKENS))
    pairs = [(LONG, OTHER), (OTHER, LONG), (long, "w1"), ("w1", long), (LONG, LONG)]
    found = classifier.probabilities(pairs).tolist()
    assert found == pytest.approx([directly(folder, *pair) for pair in pairs], abs=1e-5)
    assert len({round(chance, 4) for chance in found}) == len(pairs)
    # What lies beyond the first 128 tokens of a reply is not read.
    assert classifier.probabilities([(long, "w1")]) == pytest.approx(
        classifier.probabilities([(long + " w7 w8", "w1")]), abs=1e-6
    )


def test_both_orders_are_averaged_and_kept_on_disk(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "m")
    texts = [" ".join(WORDS[start : start + 8]) for start in range(30)]
    pairs = [(a, b) for a in texts for b in texts if a != b]
    done: list[tuple[int, int]] = []
    classifier = PairClassifier(str(folder), tmp_path, on_progress=lambda *d: done.append(d))
    found = classifier.same(pairs)
    assert done[-1] == (435, 435)
    turned = classifier.same([(b, a) for a, b in pairs])
    assert turned == found
    assert 0 < sum(found) < len(found)  # the model tells some apart
    for pair, same in list(zip(pairs, found, strict=True))[::97]:
        mean = (directly(folder, *pair) + directly(folder, *pair[::-1])) / 2
        assert same == (mean > THRESHOLD)
    again = PairClassifier(str(folder), tmp_path)
    assert again.same(pairs) == found
    assert "_model" not in vars(again)  # nothing was read twice


def test_equal_texts_say_the_same_at_any_length(tmp_path: Path) -> None:
    classifier = PairClassifier(str(tiny_classifier(tmp_path / "m")), tmp_path)
    assert classifier.same([(text, text) for text in ("", "w1", LONG, LONG * 9)]) == [True] * 4
    assert classifier.same([]) == []
    assert "_model" not in vars(classifier)


def test_short_replies_are_compared_by_their_words() -> None:
    assert by_words("George Washington", "george washington ")
    assert by_words("Red", "red")
    assert not by_words("Red.", "red")  # as NoveltyBench does
    assert by_words("a b c d", "c d e f")
    assert not by_words("a b c d e", "d e f g h")
    assert by_words("", " ")
    assert not by_words("", "yes")


def test_what_is_no_pair_classifier_is_one_line(tmp_path: Path) -> None:
    def message(folder: Path) -> str:
        with pytest.raises(UserError) as error:
            PairClassifier(str(folder), tmp_path)
        assert "\n" not in str(error.value)
        return str(error.value).removeprefix(f"--equivalence {folder}: ")

    folder = tiny_classifier(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    for changes, expected in (
        ({"architectures": ["BertModel"]}, "is a BertModel, not a sequence classifier"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "has 3 labels; a classifier of pairs"),
    ):
        (folder / "config.json").write_text(json.dumps({**config, **changes}))
        assert message(folder).startswith(expected)
    (folder / "model.safetensors").unlink()
    assert message(folder).startswith("no weight file")
    (folder / "config.json").unlink()
    assert message(folder) == "no config.json in this folder"


def test_weights_without_a_head_are_refused(tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    folder = tiny_classifier(tmp_path / "m")
    whole = AutoModelForSequenceClassification.from_pretrained(folder)
    config = (folder / "config.json").read_text()
    whole.bert.save_pretrained(folder)
    (folder / "config.json").write_text(config)
    with pytest.raises(UserError, match=r"its weights lack classifier\.bias"):
        PairClassifier(str(folder), tmp_path).same([(LONG, OTHER)])


def test_the_published_rule_reads_each_pair_once_in_its_order(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "m")
    pairs = [(LONG, OTHER), (OTHER, LONG), (LONG, LONG), ("w1 w2", "w2 w3"), ("w1", "w2")]
    answers = PairClassifier(str(folder), tmp_path).same_in_order(pairs)
    assert answers[:3] == [directly(folder, *pair) > THRESHOLD for pair in pairs[:3]]
    assert answers[3:] == [True, False]
    again = PairClassifier(str(folder), tmp_path)
    assert again.same_in_order(pairs) == answers
    assert "_model" not in vars(again)
