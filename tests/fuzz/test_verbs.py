"""pytest tests/fuzz/test_verbs.py: run folders with a broken file end every command in a line."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.verb_harness import prepared, problems, unbroken_problems
from tests.fuzz.verbs import BEFORE_JUDGED, JUDGE, VERBS, Verb
from tests.support.crash.verbs import answer
from tests.support.fake_server import serving

CHEAP = [verb for verb in VERBS if verb.cheap]


@pytest.fixture(scope="module", autouse=True)
def back_in_this_folder(no_drawing: None) -> Iterator[None]:
    """The commands go to their folders."""
    here = Path.cwd()
    yield
    os.chdir(here)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verbs")


@pytest.fixture(scope="module")
def whole(scratch: Path) -> Path:
    """Small runs, and what a user has beside them."""
    return prepared(scratch / "whole")


def found(verb: Verb, seeds: range, whole: Path, url: str = "") -> list[str]:
    place = whole.parent / "case"
    return [p for seed in seeds for p in problems(verb, seed, whole=whole, place=place, url=url)]


@pytest.mark.parametrize("verb", CHEAP, ids=lambda verb: verb.name)
def test_what_nobody_broke_is_read(verb: Verb, whole: Path) -> None:
    assert [*unbroken_problems(verb, whole=whole, place=whole.parent / "case")] == []


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_a_broken_file_ends_in_a_line(verb: Verb, whole: Path) -> None:
    assert found(verb, range(6 if verb.cheap else 1), whole) == []


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_ten_thousand_broken_files(verb: Verb, whole: Path) -> None:
    """Of all verbs together."""
    assert [*unbroken_problems(verb, whole=whole, place=whole.parent / "case")] == []
    assert found(verb, range(1_000, 1_000 + (650 if verb.cheap else 200)), whole) == []


@pytest.mark.slow
def test_broken_files_of_a_judged_run(scratch: Path) -> None:
    with serving(answer, keep=False) as server:
        whole = prepared(scratch / "judged", more=BEFORE_JUDGED, url=server.url)
        place = scratch / "case"
        assert [*unbroken_problems(JUDGE, whole=whole, place=place, url=server.url)] == []
        assert found(JUDGE, range(200), whole, server.url) == []
