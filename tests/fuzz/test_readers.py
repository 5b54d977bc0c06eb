"""pytest tests/fuzz: broken files end in a result or in a line for the user, whoever reads them."""

from pathlib import Path

import pytest

from tests.fuzz.cases import READERS, Reader
from tests.fuzz.harness import failures

CORPUS = Path(__file__).parent / "corpus"
NAMES = [reader.name for reader in READERS]


@pytest.mark.parametrize("reader", READERS, ids=NAMES)
def test_two_hundred_broken_files_of_each_reader(reader: Reader, tmp_path: Path) -> None:
    assert [*map(str, failures(reader, first=0, count=200, folder=tmp_path))] == []


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS, ids=NAMES)
def test_ten_thousand_broken_files_of_each_reader(reader: Reader, tmp_path: Path) -> None:
    assert [*map(str, failures(reader, first=1_000, count=10_000, folder=tmp_path))] == []
