"""pytest tests/store/test_against.py"""

from sfr_eval.store.against import Against, AgainstRow
from sfr_eval.store.results import Results


def test_what_is_stored_is_read_again() -> None:
    row = AgainstRow(metric="embed_distance", temperature=1.0, first=0.6, second=0.4, n=12)
    against = Against(kind="base model", name="base", headline="x", rows=(row,))
    stored = Results(against={"toy": (against,)}).stored()
    assert Results.model_validate(stored).against == {"toy": (against,)}
    assert "reference_of" not in stored


def test_keys_of_a_newer_version_are_kept() -> None:
    assert Against.model_validate({"name": "a", "later": 1}).stored() == {"name": "a", "later": 1}
