"""pytest tests/sandbox/inside/test_calls.py -- numbers of system calls against the C headers."""

import re
from pathlib import Path

import pytest

from sfr_eval.sandbox.inside.calls import _USED, METADATA, REFUSED

TABLES = {**_USED, **REFUSED, **METADATA}
HEADERS = [
    (0, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    (1, "/usr/include/asm-generic/unistd.h"),
]


@pytest.mark.parametrize(("place", "header"), HEADERS)
def test_the_numbers_are_those_of_the_headers(place: int, header: str) -> None:
    if not Path(header).exists():
        pytest.skip(f"needs {header}")
    text = Path(header).read_text()
    known = {name: int(n) for name, n in re.findall(r"#define __NR_(\w+)\s+(\d+)$", text, re.M)}
    known |= {
        name: int(n) for name, n in re.findall(r"#define __NR3264_(\w+)\s+(\d+)$", text, re.M)
    }
    ours = {name: numbers[place] for name, numbers in TABLES.items()}
    wrong = {
        name: (number, known.get(name))
        for name, number in ours.items()
        if number is not None and name in known and known[name] != number
    }
    assert wrong == {}
    assert len(set(known) & set(ours)) > 80


def test_no_number_has_two_names() -> None:
    for place in (0, 1):
        numbers = [n[place] for n in TABLES.values() if n[place] is not None]
        assert len(numbers) == len(set(numbers))
