"""pytest tests/metrics/test_families.py"""

import pytest

from sfr_eval.errors import UserError
from sfr_eval.metrics.families import FAMILIES, load_family
from sfr_eval.metrics.table import metric_table


def test_unknown_family_names_the_near_one() -> None:
    with pytest.raises(UserError, match=r"--metrics lexcal: .* did you mean `lexical`"):
        load_family("lexcal")


def test_metric_given_as_family_names_its_family() -> None:
    with pytest.raises(UserError, match="`self_bleu_4` is in family `lexical`"):
        load_family("self_bleu_4")


def test_every_family_loads_and_every_metric_has_one() -> None:
    assert [load_family(name).name for name in FAMILIES] == list(FAMILIES)
    assert {metric.family for metric in metric_table().values()} == set(FAMILIES)
