"""The table of attacks, on replies of the persona benchmark."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sfr_eval.calibration.attacks import ATTACKS, Attack, attacks_on
from sfr_eval.calibration.draws import Bench
from sfr_eval.comparison.terminal import LEGEND
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics.table import label, metric_table
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Sample


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("persona")


@pytest.fixture(scope="module")
def truth(suite: Suite) -> list[Sample]:
    bench = Bench(suite=suite, encoder=Encoder(None, Path("unused")), families=(), seed=0)
    return bench.draw(4, part="attacks", queries=4, personas=3)


@pytest.mark.parametrize("attack", attacks_on({}).values(), ids=lambda attack: attack.id)
def test_only_texts_change_and_seeds_decide(
    attack: Attack, suite: Suite, truth: list[Sample]
) -> None:
    edit = attacks_on(suite.queries)[attack.id].edit
    after = edit(truth, np.random.default_rng(1))
    assert after == edit(truth, np.random.default_rng(1))
    old = [replace(sample, text="", completion_tokens=0) for sample in truth]
    assert old == [replace(sample, text="", completion_tokens=0) for sample in after]
    assert [s.text for s in after] != [s.text for s in truth]
    assert all(s.completion_tokens == len(s.text.split()) for s in after)


def test_no_name_of_an_attack_is_printed_in_any_case(suite: Suite) -> None:
    """A table has metrics, the suite and names of files, whatever the replies."""
    metrics = [text for id in metric_table() for text in (id, label(id))]
    for attack in attacks_on({}).values():
        always = " ".join([*metrics, suite.id, *suite.personas, LEGEND, attack.id]).lower()
        assert not [name for name in attack.names if name in always.replace("_", " ")]


def test_every_harmful_attack_has_a_word_that_names_it() -> None:
    for id, attack in attacks_on({}).items():
        assert id == attack.id
        assert attack.names or attack.harmless
        assert all(name == name.lower() for name in attack.names)
    assert {id for id, attack in ATTACKS.items() if attack.harmless} == {
        "glued",
        "any_layout",
        "own_order",
    }
