"""pytest tests/calibration/test_draws.py"""

from pathlib import Path

from sfr_eval.calibration.draws import Bench
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.suites.suite import load_suite


def test_draws_repeat_and_parts_are_independent(tmp_path: Path) -> None:
    suite = load_suite("persona")
    bench = Bench(suite=suite, encoder=Encoder(None, tmp_path), families=("text",), seed=0)
    first = bench.draw(4, part="a", queries=3, personas=2)
    assert first == bench.draw(4, part="a", queries=3, personas=2)
    assert [s.text for s in first] != [
        s.text for s in bench.draw(4, part="b", queries=3, personas=2)
    ]
    assert len(first) == 3 * 2 * 4
    intents = {sample.query.split(".")[1] for sample in bench.draw(1, part="a", queries=16)}
    assert len(intents) == 4
    sets = bench.measure(first, k=2)["length"]
    assert set(sets) == {0, 1}
    assert len(sets[0]) == 3
