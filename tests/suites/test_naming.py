"""pytest tests/suites/test_naming.py"""

import pytest

from sfr_eval.suites.naming import Naming, number_words

DAYS = Naming(("Monday", "Tuesday", "Friday"), {"Friday": ("Freitag",)})
STATES = Naming(
    ("Virginia", "West Virginia", "Kansas", "Washington"), near_misses=("Washington, D.C.",)
)
NUMBERS = Naming(tuple(str(number) for number in range(1, 101)))
LETTERS = Naming(tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
SYMBOLS = Naming(("H", "He", "In", "As", "I", "K"), {"K": ("Potassium",)})


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Monday", "Monday"),
        (" **monday**.\n", "Monday"),
        ("\u201cMONDAY\u201d", "Monday"),
        ("It is Monday!", "Monday"),
        ("Sure, here is one:\n\nMonday", "Monday"),
        ("Sure!\nMonday", "Monday"),
        ("Monday\nTuesday\nFriday", "Monday"),  # a base model writes on
        ("Monday, Monday", "Monday"),
        ("freitag", "Friday"),
        ("Monday or Tuesday", None),
        ("Not Monday", None),
        ("Mondays", None),
        ("It is Monday, I think.", "Monday"),
        ("Monday is my choice", "Monday"),
        ('The answer is "Monday" but let me explain', "Monday"),
        ("1. Monday\n2. Tuesday", "Monday"),
        ("The Monday of next week comes soon", None),
        ('It is either "Monday" or another one', None),
        ("Monday or so", None),
        ("I like them all.\nMonday", None),
        ("", None),
        ("\n \n", None),
        ("?!", None),
    ],
)
def test_a_reply_names_exactly_one_answer_or_none(reply: str, answer: str | None) -> None:
    assert DAYS.answer_of(reply) == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("West Virginia", "West Virginia"),
        ("virginia", "Virginia"),
        ("The state of West  Virginia, USA", "West Virginia"),
        ("Arkansas", None),
        ("Washington", "Washington"),
        ("Washington DC", None),
        ("Washington, D.C.", None),
        ("The city of Washington, D.C. is not a state", None),
    ],
)
def test_the_longest_name_counts_and_a_near_miss_does_not(reply: str, answer: str | None) -> None:
    assert STATES.answer_of(reply) == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("42", "42"),
        ("42.", "42"),
        ("#42", "42"),
        ("007", "7"),
        ("forty-two", "42"),
        ("Forty two", "42"),
        ("one", "1"),
        ("one hundred", "100"),
        ("The number is seven.", "7"),
        ("I rolled a 6-sided die: 4", "4"),
        ("Here is one: 7", "7"),
        ("1. 10\n2. 9", "10"),
        ("a multiple of 5 with", None),
        ("Pick one", None),
        ("A die with six sides", None),
        ("3.5", None),
        ("3,5", None),
        ("-3", None),
        ("\u22123", None),
        ("1/3", None),
        ("1-6", None),
        ("3rd", None),
        ("50%", None),
        ("0", None),
        ("101", None),
        ("A number between 1 and 100: 42", None),
        ("9" * 5_000, None),
    ],
)
def test_a_number_stands_alone(reply: str, answer: str | None) -> None:
    assert NUMBERS.answer_of(reply) == answer


@pytest.mark.parametrize(
    ("naming", "reply", "answer"),
    [
        (LETTERS, "K", "K"),
        (LETTERS, "k.", "K"),
        (LETTERS, "I pick K", "K"),
        (LETTERS, "Here is a letter: Q", "Q"),
        (LETTERS, "A, B or C", None),
        (LETTERS, "I", "I"),
        (SYMBOLS, "he", "He"),
        (SYMBOLS, "As you wish", None),
        (SYMBOLS, "In my view, He", "He"),
        (SYMBOLS, "K (potassium)", "K"),
        (SYMBOLS, "H or He", None),
    ],
)
def test_short_answers_are_not_words_of_a_sentence(
    naming: Naming, reply: str, answer: str | None
) -> None:
    assert naming.answer_of(reply) == answer


def test_the_end_of_a_reply_that_was_cut_ends_no_sentence() -> None:
    assert NUMBERS.answer_of("A face shows (1", cut=True) is None
    assert NUMBERS.answer_of("A face shows (1", cut=False) == "1"
    assert NUMBERS.answer_of("17", cut=True) == "17"  # with --max-tokens 1
    assert NUMBERS.answer_of("It is 17.\nThe number", cut=True) == "17"


def test_no_answer_is_read_without_any() -> None:
    assert Naming(()).answer_of("Monday") is None


def test_a_spelling_of_two_answers_is_refused() -> None:
    with pytest.raises(ValueError, match="`B` is a spelling of two answers"):
        Naming(("a", "B"), {"a": ("b",)})
    with pytest.raises(ValueError, match=r"`A\.` is a spelling of two answers"):
        Naming(("a",), near_misses=("A.",))
    with pytest.raises(ValueError, match=r"`\?` has no word or number in it"):
        Naming(("?",))
    with pytest.raises(ValueError, match="`c` is not among the answers"):
        Naming(("a",), {"c": ("d",)})


def test_every_number_has_words_of_its_own() -> None:
    words = [number_words(number) for number in range(101)]
    assert len(set(words)) == 101
    assert (words[13], words[40], words[99]) == ("thirteen", "forty", "ninety nine")


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Don't pick Friday", None),
        ("I do not want to name Friday.", None),
        ("Any day but Friday", None),
        ("No Friday for me", None),
        ("A day other than Friday", None),
        ("I cannot be random, but Friday", "Friday"),
        ("I don't have preferences, so: Friday", "Friday"),
        ("I don't care so Friday", "Friday"),
        ("Not to worry: Friday", "Friday"),
    ],
)
def test_a_clause_may_rule_its_answer_out(reply: str, answer: str | None) -> None:
    assert Naming(("Friday", "Sunday")).answer_of(reply) == answer


def test_a_letter_after_a_colon_is_named_in_any_case() -> None:
    letters = Naming(("A", "Q"))
    assert letters.answer_of("Letter: q") == "Q"
    assert letters.answer_of("A letter: **q**") == "Q"
    assert letters.answer_of("Note: a letter") is None
    assert Naming(tuple("123")).answer_of("No. 2") == "2"
