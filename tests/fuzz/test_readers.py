"""pytest tests/fuzz: broken files end in a result or in a line for the user, whoever reads them."""

import shutil
from pathlib import Path

import pytest

from tests.fuzz.cases import READERS, Reader
from tests.fuzz.harness import attempt, failures
from tests.fuzz.mutate import cleared
from tests.fuzz.seeds import plain, write

CORPUS = Path(__file__).parent / "corpus"
NAMES = [reader.name for reader in READERS]


@pytest.mark.parametrize("reader", READERS, ids=NAMES)
def test_files_that_nobody_broke_are_read(reader: Reader, tmp_path: Path) -> None:
    for number, files in enumerate(reader.seeds):
        folder = cleared(tmp_path / str(number))
        for name, content in files.items():
            write(folder / name, plain(content))
        reader.read(folder)


@pytest.mark.parametrize("case", sorted(CORPUS.iterdir()), ids=lambda case: case.name)
def test_what_once_failed_ends_in_a_line(case: Path, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(case, folder)
    reader = next(reader for reader in READERS if reader.name == case.name.partition("--")[0])
    assert attempt(reader, folder) is None


@pytest.mark.parametrize("reader", READERS, ids=NAMES)
def test_two_hundred_broken_files_of_each_reader(reader: Reader, tmp_path: Path) -> None:
    assert [*map(str, failures(reader, first=0, count=200, folder=tmp_path))] == []


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS, ids=NAMES)
def test_ten_thousand_broken_files_of_each_reader(reader: Reader, tmp_path: Path) -> None:
    assert [*map(str, failures(reader, first=1_000, count=10_000, folder=tmp_path))] == []
