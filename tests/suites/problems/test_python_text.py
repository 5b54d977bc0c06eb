"""pytest tests/suites/problems/test_python_text.py"""

import pytest

from sfr_eval.suites.problems.python_text import (
    body_after,
    does_something,
    names_of,
    program_among_words,
    readings,
    with_definitions,
)

ODD = "def odd(n):\n    return n % 2 == 1"
HEAD = 'def odd(n):\n    """Is it odd?"""\n'


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import os\nx = y = 1\nz: int = 2\nclass A: ...", {"os", "x", "y", "z", "A"}),
        ("try:\n    f = 1\nexcept E:\n    pass", {"f"}),
        ("print(1)", set()),
        ("f", None),  # a value does nothing
        ("Note: this", None),  # an annotation to Python, words to anyone else
        ("return 1", None),  # the body of a function
        ("x = = 1", None),
        ("(" * 10_000, None),
    ],
)
def test_the_names_that_a_program_defines(code: str, names: set[str] | None) -> None:
    assert names_of(code) == names
    assert does_something("return 1")
    assert not does_something("f")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"Sure!\n\n{ODD}\n\nThat is all.", ODD),
        (f"Sure!\n{ODD}\nExplanation: simple", ODD),
        (f"Voici :\n{ODD}\n# a remark\n- point", f"{ODD}\n# a remark"),
        (f"{ODD}\nDone\nand more", ODD),
        (f"So:\n\n    {ODD.replace(chr(10), chr(10) + '    ')}\n\nBye now.", ODD),
        (f'from math import *\nT = """\na b\n\nc d\n"""\n{ODD}\nIt works.', ...),
        (f"First {ODD}", ""),  # no statement begins a line
        (f"So:\n{ODD}\n\nprint(odd(", ""),  # breaks off
        ("So:\ndef even(n):\n    return 1\nThat is all.", ""),  # another function
        ("An import of goods\nclass struggle\nThe end is near.", ""),
    ],
)
def test_a_program_between_words(text: str, code: str) -> None:
    expected = text.removesuffix("\nIt works.") if code is ... else code
    assert program_among_words(text, name="odd") == expected


def test_without_a_name_a_definition_is_a_program() -> None:
    assert program_among_words(f"So:\n{ODD}\nThat is all.") == ODD
    assert program_among_words("We set\nx = 1\nand go on.") == ""


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("    return n % 2 == 1\n", "    return n % 2 == 1"),
        ("    return n % 2 == 1\n\n\ndef f():\n    pass\n", "    return n % 2 == 1"),
        ("    return n % 2 == 1\n\nThis is right.", "    return n % 2 == 1"),
        ("return n % 2 == 1", "    return n % 2 == 1"),  # the answer was stripped
        ("r = n % 2\n    return r == 1", "    r = n % 2\n    return r == 1"),
        ("r = n % 2\nreturn r == 1", "    r = n % 2\n    return r == 1"),
        ("no", ""),
        ("I do not know.", ""),
        ("    ", ""),
    ],
)
def test_the_rest_of_an_open_function(code: str, body: str) -> None:
    assert body_after(HEAD, code) == body


def test_code_from_a_shell_or_a_notebook() -> None:
    shell = ">>> def f():\n...     return 1\n...\n>>> f()\n1"
    assert "def f():\n    return 1\n\nf()" in list(readings(shell))
    assert "x = 1\ny = 2" in list(readings("In [1]: x = 1\n   ...: y = 2"))
    assert "if x:\n  y()" in list(readings("if x:\n\u00a0 y()"))


def test_what_only_an_earlier_program_defines_comes_first() -> None:
    helper = ("def half(n):\n    return n // two", {"half"})
    two, use = ("two = 2", {"two"}), ("half(4)", set[str]())
    code = "def f(n):\n    return half(n)"
    assert with_definitions(code, [two, helper, use]) == f"two = 2\n\n\n{helper[0]}\n\n\n{code}"
    assert with_definitions(ODD, [helper]) == ODD
    shown = ("def half(n):\n    return n\nprint(half(2))", {"half"})
    assert with_definitions(code, [shown]) == code  # an example of use
