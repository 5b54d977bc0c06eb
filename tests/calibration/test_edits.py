"""Edits of samples: what changes, and that nothing else does."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.calibration import edits
from sfr_eval.types import Sample


def sample(query: str, persona: str, index: int, text: str, temperature: float = 1.0) -> Sample:
    return Sample(
        sample_id=f"{query}/{persona}/{index}",
        suite="persona",
        query=query,
        persona=persona,
        temperature=temperature,
        index=index,
        seed=0,
        status="ok",
        text=text,
        prompt_tokens=0,
        completion_tokens=0,
    )


def asked(queries: int = 4, personas: int = 3, replies: int = 4) -> list[Sample]:
    return [
        sample(f"q{q}", f"p{p}", i, f"Hello from p{p}. Answer {i} to q{q}. Bye p{p}.")
        for q in range(queries)
        for p in range(personas)
        for i in range(replies)
    ]


def texts(samples: Sequence[Sample]) -> list[str]:
    return [row.text for row in samples]


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_no_reply_stays_at_its_question(generator: np.random.Generator) -> None:
    before = asked()
    after = edits.dealt_to_other_questions(before, generator)
    assert sorted(texts(after)) == sorted(texts(before))
    for row in after:
        assert f"to {row.query}." not in row.text
        assert f"from {row.persona}." in row.text


def test_no_reply_stays_with_its_persona(generator: np.random.Generator) -> None:
    after = edits.dealt_to_other_personas(asked(), generator)
    for row in after:
        assert f"to {row.query}." in row.text
        assert f"from {row.persona}." not in row.text


@given(st.lists(st.sampled_from("abcd"), min_size=2, max_size=30), st.integers(0, 99))
def test_a_derangement_leaves_no_label_in_place(labels: list[str], seed: int) -> None:
    generator = np.random.default_rng(seed)
    if 2 * max(Counter(labels).values()) > len(labels):
        with pytest.raises(ValueError, match="more than half"):
            edits.derangement(labels, generator)
        return
    sources = edits.derangement(labels, generator)
    assert sorted(sources) == list(range(len(labels)))
    assert all(labels[source] != labels[place] for place, source in enumerate(sources))


def test_replies_are_dealt_to_all_other_questions(generator: np.random.Generator) -> None:
    labels = [label for label in "abcd" for _ in range(50)]
    sources = edits.derangement(labels, generator)
    pairs = Counter((labels[i], labels[source]) for i, source in enumerate(sources))
    assert len(pairs) == 12
    assert min(pairs.values()) > 5


def test_a_question_gets_all_replies_of_one_other(generator: np.random.Generator) -> None:
    after = edits.permuted_questions(asked(), generator)
    targets: dict[str, set[str]] = {}
    for row in after:
        targets.setdefault(row.query, set()).add(row.text.split()[6])
    assert all(len(sources) == 1 for sources in targets.values())
    assert {f"{query}." for query in targets} == {s for (s,) in targets.values()}
    assert all(source != {f"{query}."} for query, source in targets.items())
    with pytest.raises(ValueError, match="one question"):
        edits.permuted_questions(asked(queries=1), generator)


def test_half_of_the_replies_to_each_prompt(generator: np.random.Generator) -> None:
    after = edits.half(edits.each(lambda *_: ""))(asked(replies=8), generator)
    for places in edits.cells(after).values():
        assert sum(not after[place].text for place in places) == 4


def test_one_voice_speaks_for_all(generator: np.random.Generator) -> None:
    after = edits.one_voice(asked(), generator)
    for row in after:
        assert row.text.startswith("Hello from p0.")
        assert f"to {row.query}." in row.text
    assert all(len({after[i].text for i in places}) == 4 for places in edits.cells(after).values())


def test_phrases_of_many_questions_stay(generator: np.random.Generator) -> None:
    after = edits.phrases_alone(asked(), generator)
    assert {row.text for row in after} == {f"Hello from p{p}. Bye p{p}." for p in range(3)}
    lonely = sample("q0", "p0", 9, "Nothing that anybody says twice.")
    *_, last = edits.phrases_alone([*asked(), lonely], generator)
    assert last.text in {"Hello from p0.", "Bye p0."}
    assert texts(edits.phrases_alone([lonely], generator)) == [lonely.text]


def test_glued_replies_answer_the_same_prompt(generator: np.random.Generator) -> None:
    before = asked()
    after = edits.glued(before, generator)
    for old, new in zip(before, after, strict=True):
        own, other = new.text.split(" Hello ")
        assert own == old.text
        assert f"Hello {other}" != old.text
        assert other.startswith(f"from {old.persona}.")
        assert f"to {old.query}." in other
        assert new.completion_tokens == 2 * len(old.text.split())


def test_another_answer_stands_first(generator: np.random.Generator) -> None:
    before = asked()
    for old, new in zip(before, edits.after_another_answer(before, generator), strict=True):
        assert new.text.endswith(f" {old.text}")
        assert f"to {old.query}." not in new.text.removesuffix(old.text)


def test_a_prompt_repeated_and_a_last_sentence(generator: np.random.Generator) -> None:
    edit = edits.prompt_repeated({"q0": "What now?"})
    assert texts(edit([sample("q0", "p0", 0, "Wait. See.")], generator)) == ["What now? See."]


def test_copies_are_of_the_first_reply_of_a_prompt(generator: np.random.Generator) -> None:
    after = edits.copies(lambda text, number, _: f"{number} {text}")(asked(), generator)
    for places in edits.cells(after).values():
        bodies = [after[place].text.split(" ", 1) for place in places]
        assert [number for number, _ in bodies] == ["0", "1", "2", "3"]
        assert len({body for _, body in bodies}) == 1


def test_texts_instead_of_replies_go_round(generator: np.random.Generator) -> None:
    after = edits.instead(["a", "b", "c", "d"])(asked(), generator)
    for places in edits.cells(after).values():
        assert {after[place].text for place in places} == {"a", "b", "c", "d"}


def test_noise_replaces_its_share_of_the_words(generator: np.random.Generator) -> None:
    before = [sample("q0", "p0", 0, "word " * 4_000)]
    (after,) = edits.noise(0.05, vocabulary=["zebra"])(before, generator)
    assert after.text.split().count("zebra") == pytest.approx(200, abs=56)  # four deviations
    own = edits.noise(1.0)([*before, sample("q1", "p0", 0, "two words")], generator)
    assert set(own[0].text.split()) == {"two", "word", "words"}


def test_temperatures_are_not_mixed(generator: np.random.Generator) -> None:
    hot = [replace(row, temperature=2.0, text=f"hot {row.text}") for row in asked()]
    for edit in (
        edits.dealt_to_other_questions,
        edits.dealt_to_other_personas,
        edits.permuted_questions,
        edits.one_voice,
        edits.glued,
    ):
        after = edit([*asked(), *hot], generator)
        assert all(("hot" in row.text) == (row.temperature == 2.0) for row in after)
