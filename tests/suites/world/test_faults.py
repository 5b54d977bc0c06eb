"""pytest tests/suites/world/test_faults.py"""

import numpy as np
import pytest

from sfr_eval.suites.world.faults import DOSES, FAULTS, broken, lengthened, specimens, with_fault
from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite


@pytest.fixture(scope="module")
def world() -> PersonaWorld:
    return PersonaWorld.load(find_suite("persona"))


def test_broken_by_hand() -> None:
    text = "Well now. You should feed it daily. It helps that time heals. Good luck!"
    clauses = (("feed it daily",), ("time heals", "not there"))
    assert broken(text, clauses) == (
        "should You now. Well feed it daily that helps It . time heals luck! Good ."
    )


def test_each_fault_affects_its_own_axes_only(world: PersonaWorld) -> None:
    made = list(specimens(world, items=8, seed=0))
    assert len(made) == 8 * (1 + len(FAULTS) * len(DOSES))
    assert len({specimen.id for specimen in made}) == len(made)
    for fault, axes in FAULTS.items():
        for dose in DOSES:
            group = [s for s in made if (s.fault, s.dose) == (fault, dose)]
            bad = [s for s in group if not all(s.truth.values())]
            assert len(bad) == 8 * dose
            for specimen in bad:
                spoiled = {axis for axis, good in specimen.truth.items() if not good}
                assert spoiled == set(axes), (fault, specimen)
    assert all(all(s.truth.values()) for s in made if s.fault == "")
    assert all(len(s.truth) == 4 for s in made if s.fault == "")


def test_the_same_seed_gives_the_same_replies(world: PersonaWorld) -> None:
    one, again, other = (list(specimens(world, items=2, seed=seed)) for seed in (1, 1, 2))
    assert one == again
    assert [s.text for s in one] != [s.text for s in other]


def test_a_lengthened_reply_is_two_good_ones(world: PersonaWorld) -> None:
    rng = np.random.default_rng(0)
    for specimen in list(specimens(world, items=5, seed=3))[:5]:
        longer = lengthened(world, specimen, rng)
        assert longer.text.startswith(specimen.text + " ")
        rest = longer.text.removeprefix(specimen.text + " ")
        assert rest != specimen.text
        assert world.styled(rest, specimen.persona, specimen.query)
        faulty = with_fault(world, specimen, "intent", rng)
        assert (faulty.truth["ctx"], faulty.truth["rel"]) == (True, False)
        assert (faulty.query, faulty.persona) == (specimen.query, specimen.persona)
