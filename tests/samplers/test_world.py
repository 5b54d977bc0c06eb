"""pytest tests/samplers/test_world.py"""

import math
import random
from dataclasses import replace
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.plan import make_plan
from sfr_eval.samplers.world import WorldSampler, refuse_unsimulated
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Request, Sample, Sampling


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("persona", personas=("pirate", "butler"))


def requests(suite: Suite, **changes: Any) -> list[Request]:
    settings: dict[str, Any] = {
        "subject": {"model": "world"},
        "samples": 6,
        "temperatures": (1.0,),
        "max_tokens": None,
        "limit": 2,
        "seed": 0,
    }
    return list(make_plan([suite], **{**settings, **changes}).requests())


def draw(suite: Suite, wanted: list[Request], **dials: float) -> list[Sample]:
    return list(WorldSampler([suite], dials=dials).sample(wanted))


def test_each_request_gets_its_own_answer_in_its_own_row(suite: Suite) -> None:
    wanted = requests(suite)
    rows = draw(suite, wanted)
    assert [row.sample_id for row in rows] == [r.sample_id for r in wanted]
    for row, request in zip(rows, wanted, strict=True):
        assert (row.query, row.persona) == (request.prompt.query, request.prompt.persona)
        assert (row.seed, row.index, row.temperature) == (request.seed, request.index, 1.0)
        assert (row.status, row.error) == ("ok", "")
        assert suite.world is not None
        assert suite.world.parse_reply(row.text, row.query).valid
        assert suite.world.log_prob(row.text, row.persona, row.query) > float("-inf")


def test_two_runs_are_equal_and_order_and_company_do_not_matter(suite: Suite) -> None:
    wanted = requests(suite)
    rows = draw(suite, wanted)
    assert draw(suite, wanted) == rows
    shuffled = random.Random(0).sample(wanted, len(wanted))
    by_id = {row.sample_id: row for row in draw(suite, shuffled)}
    assert [by_id[r.sample_id] for r in wanted] == rows
    assert draw(suite, wanted[5:6]) == rows[5:6]


def test_seeds_decide(suite: Suite) -> None:
    """Row 8: one seed for all repeats would give one text; row 12: one first word for all."""
    wanted = requests(suite, samples=40, limit=1)
    rows = [row for row in draw(suite, wanted) if row.persona == "pirate"]
    assert len({row.text for row in rows}) > 35
    assert len({row.text.split()[0] for row in rows}) > 3
    stuck = [replace(request, seed=7) for request in wanted if request.prompt.persona == "pirate"]
    assert len({row.text for row in draw(suite, stuck)}) == 1


def test_low_temperatures_approach_the_mode_and_0_is_the_mode(suite: Suite) -> None:
    cold = requests(suite, samples=1, temperatures=(0.0,))
    assert suite.world is not None
    for row in draw(suite, cold):
        # A grammar's mode is the mode of each of its parts: none of many draws is likelier.
        best = suite.world.log_prob(row.text, row.persona, row.query)
        others = draw(suite, requests(suite, samples=30))
        same = [o for o in others if (o.query, o.persona) == (row.query, row.persona)]
        assert all(suite.world.log_prob(o.text, o.persona, o.query) <= best + 1e-9 for o in same)
    variety = [
        len({row.text for row in draw(suite, requests(suite, samples=20, temperatures=(t,)))})
        for t in (0.05, 0.3, 1.0)
    ]
    assert variety == sorted(set(variety))


def test_the_dials_collapse_as_they_say(suite: Suite) -> None:
    wanted = requests(suite, samples=20)
    texts = {row.text for row in draw(suite, wanted)}
    assert len({row.text for row in draw(suite, wanted, within=0.9)}) < len(texts) / 2
    both = draw(suite, wanted, cross=1.0, within=1.0)
    assert len({row.text for row in both}) == 2  # one text a query, whoever is asked


@pytest.mark.parametrize("filters", [{"top_k": 1}, {"min_p": 1.0}, {"top_p": 1e-9}], ids=str)
def test_a_filter_that_leaves_one_choice_is_greedy(suite: Suite, filters: dict[str, Any]) -> None:
    def texts(wanted: list[Request], **fields: Any) -> set[tuple[str, str, str]]:
        changed = [replace(r, sampling=replace(r.sampling, **fields)) for r in wanted]
        return {(row.query, row.persona, row.text) for row in draw(suite, changed)}

    greedy = texts(requests(suite), temperature=0.0)
    assert texts(requests(suite, samples=20), **filters) == greedy


def test_filters_truncate_each_choice_exactly(suite: Suite) -> None:
    assert suite.world is not None
    request = requests(suite)[0]
    prompt = request.prompt
    wanted = [
        replace(each, sampling=replace(each.sampling, top_k=2))
        for each in requests(suite, samples=400, limit=1)
        if each.prompt == prompt
    ]
    slots = suite.world.grammar(prompt.persona, prompt.query).slots
    likely = [sorted(slot.probabilities, reverse=True)[:2] for slot in slots]
    assert all(len(slot.entries) > 2 for slot in slots)
    grammar = suite.world.grammar(prompt.persona, prompt.query).truncated(top_k=2)
    texts = [row.text for row in draw(suite, wanted)]
    for slot, kept in zip(grammar.slots, likely, strict=True):
        assert sorted(slot.probabilities, reverse=True)[:2] == pytest.approx(
            [p / sum(kept) for p in kept]
        )
    assert all(grammar.log_prob(text) > float("-inf") for text in texts)
    # The most probable reply comes as often as the truncated grammar says: 4 standard errors.
    best = max(set(texts), key=grammar.log_prob)
    p = math.exp(grammar.log_prob(best))
    assert abs(texts.count(best) / 400 - p) < 4 * math.sqrt(p * (1 - p) / 400)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"repetition_penalty": 1.1}, False),
        ({"presence_penalty": 0.1}, False),
        ({"frequency_penalty": 0.1}, False),
        ({"stop": ("x",)}, False),
        ({"top_p": 0.9}, True),
    ],
    ids=str,
)
def test_what_cannot_be_simulated_is_refused(changes: dict[str, Any], code: bool) -> None:
    sampling = Sampling(temperature=1.0, **changes)
    with pytest.raises(UserError, match=f"cannot simulate {next(iter(changes))}"):
        refuse_unsimulated(sampling, code=code)
    refuse_unsimulated(Sampling(temperature=1.0, stop=("[DONE]",)), code=True)


def test_a_suite_without_a_world_is_refused(suite: Suite) -> None:
    with pytest.raises(UserError, match="suite persona has no grammar to sample from"):
        WorldSampler([replace(suite, world=None)], dials={})


def test_it_says_what_it_is_and_closes_twice(suite: Suite) -> None:
    sampler = WorldSampler([suite], dials={"cross": 0.3, "within": 0.0})
    assert sampler.describe() == {"engine": "world", "device": "cpu", "cross": 0.3, "within": 0.0}
    sampler.close()
    sampler.close()


def test_known_answers_are_drawn_from_their_laws() -> None:
    suite = load_suite("known-answers")
    wanted = requests(suite, samples=3)
    rows = draw(suite, wanted)
    assert draw(suite, wanted[2:3]) == rows[2:3]
    for row in rows:
        assert suite.rows[row.query].naming.answer_of(row.text) == row.text
    assert {row.text for row in draw(suite, wanted, solve=0.0)} == {"I would rather not say."}
