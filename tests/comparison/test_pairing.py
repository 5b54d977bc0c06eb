"""pytest tests/comparison/test_pairing.py"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.pairing import pair_up
from sfr_eval.comparison.runs import open_runs
from sfr_eval.types import Sample
from tests.support.changed_runs import NARROW
from tests.support.compare_data import write_world_run


def test_values_of_a_prompt_pair_within_their_query() -> None:
    first = {("q", "a"): 1.0, ("q", "b"): 3.0, ("r", "a"): 5.0}
    second = {("q", "a"): 2.0, ("r", "a"): 5.0, ("s", "a"): 9.0}
    paired = pair_up(first, second, unit="prompt", unequal={})
    assert paired.differences == [1.0, 0.0]
    assert paired.unpaired == 2
    assert paired.prompts == 1
    out = pair_up(first, second, unit="prompt", unequal={("q", "a"): 3, ("z", "a"): 1})
    assert out.differences == [0.0]
    assert out.unequal == 1


def _lose(count: int) -> Callable[[list[Sample]], list[Sample]]:
    """The last reply of the first prompts fails at T = 1."""

    def change(samples: list[Sample]) -> list[Sample]:
        left = count
        out = []
        for sample in samples:
            if left and sample.temperature == 1.0 and sample.index == 3:
                sample = replace(sample, status="error", text="", error="timed out")
                left -= 1
            out.append(sample)
        return out

    return change


def test_unequal_numbers_of_replies_are_cut_or_left_out(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    lossy = write_world_run(tmp_path / "lossy", NARROW, change=_lose(5))
    comparison = compare_runs(runs["whole"], lossy)
    rows = {(row.metric, row.temperature): row for _, row in comparison.rows}
    assert rows["length", 1.0].unequal == 5  # of a prompt: left out
    assert rows["length", 0.6].unequal == 0
    assert rows["cs_self_bleu_4", 1.0].unequal == 2  # of a query: 5 prompts are of 2 queries
    assert rows["oracle_valid", 1.0].unequal == 0  # of a reply: equally many are taken
    first, second = open_runs([runs["whole"], lossy])
    cell = next(k for k, n in second.usable["persona", 1.0].items() if n == 3)
    means = first.values("persona", "oracle_valid", most={(1.0, *cell): 3})[1.0]
    kept = [s for s in first.samples if (s.query, s.persona) == cell and s.temperature == 1.0][:3]
    assert means[cell] == 1.0
    assert len(kept) == 3
    lines = " ".join(comparison.pairs[0].warnings)
    assert "5 requests failed" in lines
    assert "5 prompts have unequal numbers of replies" in lines
    assert len(comparison.pairs[0].suites[0].unequal) == 5
