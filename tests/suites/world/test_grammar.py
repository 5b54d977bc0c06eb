import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from sfr_eval.suites.world.grammar import PhraseIndex, Slot, SlotGrammar, sharpen
from tests.support.grammar_oracle import derived_texts, entropy

SMALL = SlotGrammar(
    (
        Slot("opening", ("Hello.", ""), (0.75, 0.25)),
        Slot("advice", ("You should {action}.", "Go and {action}!"), (0.6, 0.4)),
        Slot("action", ("rest", "rest and read", "sing"), (0.5, 0.3, 0.2)),
        Slot("closing", ("Bye.", "See you.", ""), (0.5, 0.25, 0.25)),
    )
)
# "go on then" = go + on then = go on + then
AMBIGUOUS = SlotGrammar(
    (Slot("a", ("go", "go on"), (0.75, 0.25)), Slot("b", ("on then", "then"), (0.5, 0.5)))
)


def distribution(grammar: SlotGrammar) -> dict[str, float]:
    """Text -> probability by brute force, derivations of the same text added up."""
    table: dict[str, float] = {}
    for text, p in derived_texts(grammar):
        table[text] = table.get(text, 0.0) + p
    return table


def sharpened(grammar, beta):
    """Every slot sharpened, which sharpens the distribution over whole derivations."""
    return SlotGrammar(tuple(slot.sharpened(beta) for slot in grammar.slots), grammar.joiner)


def test_a_reply_is_rendered_and_scored_by_hand():
    text = "Hello. Go and rest and read! See you."
    assert SMALL.render((0, 1, 1, 1)) == text
    assert SMALL.derivations(text) == [(0, 1, 1, 1)]
    assert SMALL.log_prob(text) == pytest.approx(math.log(0.75 * 0.4 * 0.3 * 0.25))


def test_empty_sentences_leave_no_blanks_behind():
    assert SMALL.render((1, 0, 2, 2)) == "You should sing."
    assert SMALL.log_prob("You should sing.") == pytest.approx(math.log(0.25 * 0.6 * 0.2 * 0.25))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello.",
        "You should sing",
        " You should sing.",
        "You should sing. ",
        "Hello.  You should sing.",
        "Hello.You should sing.",
        "You should sing!",
        "You should {action}.",
        "Bye. You should sing.",
        "you should sing.",
    ],
)
def test_a_text_off_by_one_character_has_no_derivation(text):
    assert SMALL.log_prob(text) == -math.inf
    assert SMALL.derivations(text) == []


def test_log_probabilities_of_all_texts_sum_to_one():
    table = distribution(SMALL)
    assert len(table) == 36
    assert math.fsum(math.exp(SMALL.log_prob(text)) for text in table) == pytest.approx(1)
    assert all(SMALL.log_prob(text) == pytest.approx(math.log(p)) for text, p in table.items())


def test_entropy_equals_brute_force():
    brute = -sum(p * math.log(p) for p in distribution(SMALL).values())
    assert entropy(SMALL) == pytest.approx(brute)


def test_samples_have_the_stated_frequencies():
    rng = np.random.default_rng(7)
    seen = Counter(SMALL.sample(rng) for _ in range(20_000))
    table = distribution(SMALL)
    assert set(seen) <= set(table)
    counts = [seen[text] for text in table]
    assert chisquare(counts, [20_000 * p for p in table.values()]).pvalue > 1e-4


def test_the_same_seed_draws_the_same_texts():
    one, two = ([SMALL.sample(rng) for _ in range(5)] for rng in map(np.random.default_rng, (3, 3)))
    assert one == two


def test_an_ambiguous_text_gets_the_sum_over_its_derivations():
    assert sorted(AMBIGUOUS.derivations("go on then")) == [(0, 0), (1, 1)]
    assert AMBIGUOUS.log_prob("go on then") == pytest.approx(math.log(0.375 + 0.125))


PIECES = st.lists(st.sampled_from(["", "a", "aa", "a a", "b", "ab"]), min_size=1, unique=True)


@st.composite
def grammars(draw):
    """Little grammars over a tiny alphabet, so that many texts have several derivations."""
    slots = []
    for number in range(draw(st.integers(1, 3))):
        weights = st.integers(0, 4)
        if draw(st.booleans()):
            slots.append((f"f{number}", ["x{c}", "{c}", "{c}a"]))
            slots.append(("c", [piece for piece in draw(PIECES) if piece] or ["a"]))
        else:
            slots.append((f"s{number}", draw(PIECES)))
    built = []
    for name, entries in slots:
        w = [draw(weights) for _ in entries]
        w[-1] += 1  # at least one entry can be drawn
        built.append(Slot(name, tuple(entries), tuple(x / sum(w) for x in w)))
    return SlotGrammar(tuple(built))


@settings(max_examples=150, deadline=None)
@given(grammars())
def test_log_prob_and_derivations_equal_brute_force(grammar):
    # A frame may start with its hole here, where the head to look for is empty.
    derivations = Counter(text for text, _ in derived_texts(grammar))
    for text, p in distribution(grammar).items():
        assert math.exp(grammar.log_prob(text)) == pytest.approx(p)
        readings = grammar.derivations(text)
        assert len(readings) == len(set(readings)) == derivations[text]
        assert {grammar.render(reading) for reading in readings} == {text}


@pytest.mark.parametrize("beta", [0.0, 0.5, 2.0, 30.0])
def test_sharpening_slots_is_sharpening_the_whole_distribution(beta):
    power = {text: p**beta for text, p in distribution(SMALL).items()}
    total = sum(power.values())
    sharp = distribution(sharpened(SMALL, beta))
    assert sharp == pytest.approx({text: p / total for text, p in power.items()})


def test_entropy_falls_with_beta_down_to_zero():
    betas = [0, 0.5, 1, 1.5, 3, 10, math.inf]
    falls = [entropy(sharpened(SMALL, beta)) for beta in betas]
    assert all(a > b for a, b in pairwise(falls))
    assert falls[-1] == 0


def test_a_huge_beta_does_not_underflow():
    assert sharpen((0.1, 0.9), 1e6) == (0.0, 1.0)
    assert sharpen((1e-300, 1e-301), 5.0) == pytest.approx((1, 1e-5), rel=1e-4)


def test_the_first_of_equal_modes_wins():
    assert sharpen((0.2, 0.1 + 0.3 - 1e-17, 0.4), math.inf) == (0, 1, 0)
    assert sharpen((0.1, 0.3, 0.1 * 3, 0.3), math.inf) == (0, 1, 0, 0)


def test_entries_of_probability_zero_are_never_read_or_drawn():
    slot = Slot("s", ("never", "yes", "", "no"), (0.0, 1.0, 0.0, 0.0))
    grammar = SlotGrammar((slot,))
    assert slot.pick(0.0) == slot.pick(math.nextafter(1, 0)) == 1
    assert [grammar.log_prob(text) for text in ("never", "", "no", "yes")] == [-math.inf] * 3 + [0]
    assert list(derived_texts(grammar)) == [("yes", 1.0)]


def test_a_draw_above_the_rounded_sum_still_hits_an_entry():
    slot = Slot("s", ("a", "b", "c"), (0.3, 0.7 - 1e-10, 0.0))
    assert slot.pick(math.nextafter(1, 0)) == 1


@pytest.mark.parametrize(
    ("entries", "probabilities", "complaint"),
    [
        (("a",), (0.5, 0.5), "differ in number"),
        (("a", "b"), (0.5, 0.4), "sum to 1"),
        (("a", "b"), (1.5, -0.5), "negative"),
        (("a", "b"), (math.nan, 1.0), "not a number"),
        (("a", "a"), (0.5, 0.5), "twice"),
        (("go {x}.", "stop."), (0.5, 0.5), "hole"),
        (("go {x}.", "stop {y}."), (0.5, 0.5), "hole"),
        (("{x} and {x}.",), (1.0,), "hole"),
    ],
)
def test_an_invalid_slot_is_refused(entries, probabilities, complaint):
    with pytest.raises(ValueError, match=complaint):
        Slot("s", entries, probabilities)


def test_a_hole_must_be_filled_by_the_slot_after_it():
    frame = Slot("f", ("go {x}.",), (1.0,))
    for slots in ((frame,), (frame, Slot("y", ("on",), (1.0,)))):
        with pytest.raises(ValueError, match="hole"):
            SlotGrammar(slots)
    with pytest.raises(ValueError, match="not be empty"):
        SlotGrammar((frame, Slot("x", ("", "on"), (0.5, 0.5))))


def test_a_negative_beta_is_refused():
    with pytest.raises(ValueError, match="beta"):
        sharpened(SMALL, -1)


def test_the_index_finds_short_long_and_nested_phrases():
    index = PhraseIndex(enumerate(["be", "be calm", "be calm and rest", "run away"]))
    assert sorted(index.at("so be calm and rest", 3)) == [(0, 5), (1, 10), (2, 19)]
    assert index.at("so be calm and rest", 4) == []
    assert index.at("", 0) == []
