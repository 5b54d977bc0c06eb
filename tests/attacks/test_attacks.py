"""No attack on the replies makes a run better in the eyes of `compare` or `check`."""

import pytest

from sfr_eval.calibration.attacks import attacks_on
from tests.attacks.conftest import AGAIN, TRUTH, Decided, Kind

ATTACKS = attacks_on({})
HARMFUL = [id for id, attack in ATTACKS.items() if not attack.harmless]
ORACLE = ("lower quality", "quality lower", "oracle_valid worse")
"""Names every loss of quality, where right answers are known."""
PRAISE = (" better", "more varied at equal quality", "more varied at higher quality")
OPEN = {
    "own_order": "sentences in another order read as a little more varied and less in style",
    "other_answer_first": "a reply that begins with another answer is half relevant, and its "
    "first 32 tokens are very varied: more than its repair gains in relevance",
}
"""Attacks that a gate does not settle yet, and why (docs/design/confounds.md)."""

pytestmark = [
    pytest.mark.model,
    pytest.mark.slow,
    pytest.mark.parametrize("kind", ["imported", "benchmark"]),
]


@pytest.mark.parametrize("attack", HARMFUL)
def test_compare_praises_no_attack(attack: str, kind: Kind, compared: Decided) -> None:
    said = compared(TRUTH, attack, kind)
    praise = [words for words in PRAISE if words in said.text]
    if "style" in ATTACKS[attack].spoils and "less in style" in said.text:
        praise = [words for words in praise if words == " better"]
    assert not praise, said.text


@pytest.mark.parametrize("attack", HARMFUL)
def test_check_passes_no_attack(attack: str, kind: Kind, gated: Decided) -> None:
    said = gated(TRUTH, attack, kind)
    assert said.exit_code != 0, said.text


@pytest.mark.parametrize("attack", ATTACKS)
def test_check_fails_no_way_back(attack: str, kind: Kind, gated: Decided) -> None:
    said = gated(attack, TRUTH, kind)
    if attack in OPEN and said.exit_code == 1:
        pytest.xfail(OPEN[attack])
    assert said.exit_code != 1, said.text


@pytest.mark.parametrize("attack", HARMFUL)
def test_a_warning_names_the_reason(
    attack: str, kind: Kind, compared: Decided, gated: Decided
) -> None:
    names = ATTACKS[attack].names
    if kind == "benchmark" and "quality" in ATTACKS[attack].spoils:
        names += ORACLE
    for said in (compared(TRUTH, attack, kind), gated(TRUTH, attack, kind)):
        assert any(name in said.reasons for name in names), (names, said.reasons)


def test_other_draws_of_the_truth_fail_nothing(
    kind: Kind, compared: Decided, gated: Decided
) -> None:
    assert gated(TRUTH, AGAIN, kind).exit_code != 1
    assert not [words for words in PRAISE if words in compared(TRUTH, AGAIN, kind).text]
