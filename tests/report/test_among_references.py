"""pytest tests/report/test_among_references.py"""

from dataclasses import replace

from sfr_eval.report.among_references import among_references
from sfr_eval.store.results import Notes
from tests.report.test_alone import suite

VALUES = {
    "reference_coverage": 0.4,
    "reference_coverage_expected": 0.83,
    "reference_support": 0.95,
    "reference_support_expected": 0.94,
    "reference_energy": 0.3,
}


def noted(p: float) -> Notes:
    return Notes.model_validate({"p_value_holm": {"1": p}})


def test_each_share_stands_beside_what_one_source_gives() -> None:
    run = replace(suite(VALUES), notes={"reference_energy": noted(0.0005)})
    assert list(among_references(run, 1.0)) == [
        "Replies reach 40 ± 2 % of the references' neighbourhoods (replies from the references' "
        "own source: 83%).",
        "95 ± 2 % of the replies lie in the neighbourhood of a reference (replies from the "
        "references' own source: 94%).",
        "Energy distance to the references 0.30 ± 0.02, p <.001 by exchanging replies and "
        "references within prompts: replies and references differ in meaning.",
    ]


def test_a_large_p_shows_no_difference() -> None:
    run = replace(suite(VALUES), notes={"reference_energy": noted(0.5)})
    assert "p = 0.500" in list(among_references(run, 1.0))[-1]
    assert list(among_references(run, 1.0))[-1].endswith("no difference in meaning is shown.")


def test_nothing_is_said_of_what_was_not_measured() -> None:
    assert not list(among_references(suite({"embed_distance": 0.4}), 1.0))
    assert len(list(among_references(suite(VALUES), 1.0))) == 2  # no p without a test
