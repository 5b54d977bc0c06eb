"""pytest tests/test_plan.py"""

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from sfr_eval.decoders.decoder import SamplingChoice
from sfr_eval.errors import UserError
from sfr_eval.plan import Plan, SuitePlan, make_plan, sample_seed
from sfr_eval.settings import SamplingFilters
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Message, Request, Sampling

SUBJECT = {"model": "sha256:abc", "engine": "vllm", "dtype": "float32", "system_role": "error"}


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("persona", personas=("pirate", "butler"))


def plan(suite: Suite, **changes: Any) -> Plan:
    settings: dict[str, Any] = {
        "subject": SUBJECT,
        "samples": 4,
        "temperatures": (0.7, 1.0),
        "max_tokens": 32,
        "limit": 2,
        "seed": 0,
    }
    return make_plan([suite], **{**settings, **changes})


def ids(requests: Sequence[Request] | Plan) -> list[str]:
    rows = requests.requests() if isinstance(requests, Plan) else requests
    return [request.sample_id for request in rows]


def test_the_size_is_prompts_times_temperatures_times_samples(suite: Suite) -> None:
    made = plan(suite)
    requests = list(made.requests())
    assert made.size == len(requests) == 2 * 2 * 2 * 4  # queries, personas, temperatures, samples
    assert made.token_bound == 32 * 32
    assert len(set(ids(requests))) == made.size


def test_equal_settings_give_the_equal_plan(suite: Suite) -> None:
    assert list(plan(suite).requests()) == list(plan(suite).requests())
    assert plan(suite).digest == plan(suite).digest


def test_a_known_seed_does_not_change_between_versions() -> None:
    # printf '0\\0s\\0q/p\\0%s\\0%s' 0.7 0 | sha256sum gives 6f659c7a395b8687...;
    # 0x6f659c7a395b8687 >> 1 = 4013496979810009923. A change of the formula makes all stored
    # rows useless: it shall be a decision and not an accident.
    seed = sample_seed(0, suite="s", prompt="q/p", temperature=0.7, index=0)
    assert seed == 4_013_496_979_810_009_923


def test_seeds_are_63_bits_and_not_negative() -> None:
    seeds = [sample_seed(0, suite="s", prompt="q", temperature=1.0, index=i) for i in range(10_000)]
    assert len(set(seeds)) == 10_000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds).bit_length() == 63  # the top bit is used: 10,000 draws miss it never
    steps = {b - a for a, b in itertools.pairwise(seeds)}
    assert len(steps) == 9_999  # not consecutive, not in step


def test_every_part_of_a_seed_matters() -> None:
    base: dict[str, Any] = {"suite": "s", "prompt": "q", "temperature": 1.0, "index": 0}
    seeds = [
        sample_seed(0, **base),
        sample_seed(1, **base),
        sample_seed(0, **{**base, "suite": "t"}),
        sample_seed(0, **{**base, "prompt": "r"}),
        sample_seed(0, **{**base, "temperature": 0.9}),
        sample_seed(0, **{**base, "index": 1}),
        # The same characters, cut elsewhere:
        sample_seed(0, **{**base, "suite": "s\0q", "prompt": ""}),
        sample_seed(0, **{**base, "suite": "sq", "prompt": ""}),
    ]
    assert len(set(seeds)) == len(seeds)


def test_no_prompts_or_run_seeds_share_a_seed(suite: Suite) -> None:
    """Row 10: vLLM's seed, seed + 1, ... made run 0 and run 1 share 15 of 16 texts."""
    seen: set[int] = set()
    for seed in (0, 1, 2):
        seeds = [request.seed for request in plan(suite, seed=seed, limit=20).requests()]
        assert len(set(seeds)) == len(seeds)
        assert not seen & set(seeds)
        seen |= set(seeds)


def test_the_seed_of_a_sample_does_not_depend_on_the_model(suite: Suite) -> None:
    """Two checkpoints compared on one plan draw from the same random numbers."""
    other = plan(suite, subject={**SUBJECT, "model": "sha256:def"})
    assert [r.seed for r in other.requests()] == [r.seed for r in plan(suite).requests()]


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": {**SUBJECT, "model": "sha256:abd"}},
        {"subject": {**SUBJECT, "engine": "transformers"}},
        {"subject": {**SUBJECT, "dtype": "bfloat16"}},
        {"subject": {**SUBJECT, "system_role": "merge"}},
        {"subject": {**SUBJECT, "chat_template": "0123456789abcdef"}},
        {"seed": 1},
        {"max_tokens": 33},
        {"sampling": SamplingChoice(chosen=SamplingFilters(top_p=0.9))},
        {"sampling": SamplingChoice(chosen=SamplingFilters(top_k=20))},
        {"sampling": SamplingChoice(chosen=SamplingFilters(min_p=0.1))},
        {"sampling": SamplingChoice(chosen=SamplingFilters(repetition_penalty=1.05))},
    ],
    ids=str,
)
def test_no_row_is_reused_when_a_setting_of_answers_changes(
    suite: Suite, changes: dict[str, Any]
) -> None:
    """Rows 15 to 18: no stored row answers for another model, template, setting or seed."""
    assert not set(ids(plan(suite, **changes))) & set(ids(plan(suite)))


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0.9},
        {"top_p": 0.9},
        {"top_k": 50},
        {"min_p": 0.1},
        {"presence_penalty": 0.5},
        {"frequency_penalty": 0.5},
        {"repetition_penalty": 1.1},
        {"max_tokens": 64},
        {"stop": ("\n",)},
        {"stop": ("\n", "###")},
    ],
    ids=str,
)
def test_every_sampling_field_is_in_the_id(suite: Suite, changes: dict[str, Any]) -> None:
    prompt = suite.prompts(limit=1)[0]

    def one(sampling: Sampling) -> str:
        part = SuitePlan(
            suite=suite,
            prompts=(prompt,),
            temperatures=(sampling.temperature,),
            samples=1,
            sampling=sampling,
        )
        # The identity is left as it is: the field itself must reach the id.
        return ids(Plan(suites=(part,), identity=SUBJECT, seed=0))[0]

    plain = Sampling(temperature=1.0)
    assert one(replace(plain, **changes)) != one(plain)
    assert set(changes) <= set(Sampling.__dataclass_fields__)


def test_all_sampling_fields_are_tried_above() -> None:
    tried = {
        name
        for mark in test_every_sampling_field_is_in_the_id.pytestmark  # type: ignore[attr-defined]
        for changes in mark.args[1]
        for name in changes
    }
    assert tried == set(Sampling.__dataclass_fields__)


def test_the_suite_s_data_and_the_prompt_s_words_are_in_the_id(suite: Suite) -> None:
    old = set(ids(plan(suite)))
    assert not old & set(ids(plan(replace(suite, version="1+other"))))
    query = next(iter(suite.queries))
    reworded = replace(suite, queries={**suite.queries, query: "Something else?"})
    new = ids(plan(reworded))
    assert len(set(new) - old) == len(new) / 2  # that query's rows, and no others


def test_moving_words_between_system_and_user_is_another_prompt(suite: Suite) -> None:
    prompt = suite.prompts(limit=1)[0]
    system, user = prompt.messages
    moved = (
        Message("system", system.content + user.content[:1]),
        Message("user", user.content[1:]),
    )
    part = plan(suite).suites[0]

    def one(messages: tuple[Message, ...]) -> list[str]:
        prompts = (replace(prompt, messages=messages),)
        return ids(Plan(suites=(replace(part, prompts=prompts),), identity=SUBJECT, seed=0))

    assert not set(one(moved)) & set(one(prompt.messages))


@pytest.mark.parametrize(
    ("changes", "factor"),
    [({"samples": 8}, 2), ({"temperatures": (0.2, 0.7, 1.0, 1.3)}, 2), ({"limit": 6}, 3)],
    ids=str,
)
def test_more_of_the_same_keeps_every_old_row(
    suite: Suite, changes: dict[str, Any], factor: int
) -> None:
    old, new = plan(suite), plan(suite, **changes)
    assert set(ids(old)) < set(ids(new))
    assert new.size == factor * old.size
    assert new.identity == old.identity  # the same folder takes them
    assert new.digest == old.digest


def test_a_subset_of_personas_keeps_the_rows_of_those_that_stay(suite: Suite) -> None:
    alone = load_suite("persona", personas=("pirate",))
    assert set(ids(plan(alone))) < set(ids(plan(suite)))


def test_the_identity_survives_json(suite: Suite) -> None:
    """The manifest of a run is compared with the plan of the next: a tuple would never be equal
    to the list that comes back, and no run could ever be resumed."""
    stopping = replace(suite, spec=suite.spec.model_copy(update={"stop": ("\n", "###")}))
    for made in (plan(suite), plan(stopping)):
        assert json.loads(json.dumps(made.identity)) == made.identity


@pytest.mark.parametrize("temperatures", [(0.0,), (0.0, 1.0), (-0.0,)])
def test_several_samples_at_temperature_0_are_refused(
    suite: Suite, temperatures: tuple[float, ...]
) -> None:
    with pytest.raises(UserError, match="greedy decoding gives 2 copies"):
        plan(suite, temperatures=temperatures, samples=2)
    assert plan(suite, temperatures=temperatures, samples=1).size == 4 * len(temperatures)


def test_a_suite_s_own_samples_count_at_temperature_0_too(suite: Suite) -> None:
    assert suite.spec.samples == 8
    with pytest.raises(UserError, match="gives 8 copies"):
        plan(suite, temperatures=(0.0,), samples=None)


def test_what_nobody_sets_is_the_suite_s(suite: Suite) -> None:
    part = plan(suite, samples=None, temperatures=None, max_tokens=None).suites[0]
    assert part.temperatures == (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)
    assert (part.samples, part.sampling.max_tokens) == (8, 96)


def test_equal_prompts_lie_side_by_side(suite: Suite) -> None:
    """Prompt by prompt, so that an engine computes each prefix once."""
    order = [
        (request.prompt.id, request.sampling.temperature, request.index)
        for request in plan(suite, temperatures=(1.0, 0.7), samples=2).requests()
    ]
    first, second = order[0][0], order[4][0]
    assert order[:4] == [(first, 0.7, 0), (first, 0.7, 1), (first, 1.0, 0), (first, 1.0, 1)]
    assert second != first
    assert len(dict.fromkeys(id for id, _, _ in order)) == 4


def test_a_limit_is_the_first_queries_with_all_their_personas() -> None:
    suite = load_suite("persona")
    prompts = suite.prompts(limit=3)
    assert len(suite.personas) == 9  # the held-out one only by name
    assert [p.query for p in prompts] == [q for q in list(suite.queries)[:3] for _ in range(9)]
    assert [p.persona for p in prompts] == list(suite.personas) * 3
    assert len(suite.prompts(limit=10**6)) == len(suite.prompts()) == 148 * 9


def test_personas_are_system_and_questions_user_messages(suite: Suite) -> None:
    for prompt in suite.prompts(limit=2):
        system, user = prompt.messages
        assert (system.role, user.role) == ("system", "user")
        assert system.content == suite.personas[prompt.persona].system
        assert user.content == suite.queries[prompt.query]
        assert prompt.id == f"{prompt.query}/{prompt.persona}"


def test_a_held_out_persona_is_asked_only_by_name() -> None:
    held_out = {card.id for card in load_suite("persona").world.personas if card.held_out}  # type: ignore[union-attr]
    assert len(held_out) == 1
    assert not held_out & set(load_suite("persona").personas)
    assert set(load_suite("persona", personas=tuple(held_out)).personas) == held_out


def test_a_suite_without_personas_has_one_prompt_a_query(suite: Suite) -> None:
    bare = replace(suite, personas={})
    prompts = bare.prompts(limit=2)
    assert [(p.persona, len(p.messages)) for p in prompts] == [("", 1), ("", 1)]
    assert [p.id for p in prompts] == [p.query for p in prompts]


def test_equal_filters_give_equal_rows_whoever_names_them(suite: Suite) -> None:
    spec = suite.spec.model_copy(update={"top_p": 0.9})
    by_suite = plan(replace(suite, spec=spec))
    by_run = plan(suite, sampling=SamplingChoice(chosen=SamplingFilters(top_p=0.9)))
    shipped = SamplingChoice(policy="model", generation_config={"top_p": 0.9})
    assert ids(by_suite) == ids(by_run) == ids(plan(suite, sampling=shipped)) != ids(plan(suite))


def test_decoders_draw_from_the_same_seeds(suite: Suite) -> None:
    other = plan(suite, sampling=SamplingChoice(chosen=SamplingFilters(min_p=0.1)))
    assert [r.seed for r in other.requests()] == [r.seed for r in plan(suite).requests()]
    assert {r.sampling.min_p for r in other.requests()} == {0.1}


@pytest.mark.parametrize("filters", [{"top_k": 1}, {"min_p": 1.0}])
def test_copies_by_a_filter_are_refused(suite: Suite, filters: dict[str, Any]) -> None:
    choice = SamplingChoice(chosen=SamplingFilters(**filters))
    with pytest.raises(UserError, match="4 samples: keeps one token"):
        plan(suite, sampling=choice)
    assert plan(suite, sampling=choice, samples=1).size == 8


def test_two_suites_share_no_row(suite: Suite) -> None:
    other = replace(suite, spec=suite.spec.model_copy(update={"id": "other"}))
    prompts = {r.seed for r in plan(suite).requests()}
    assert not prompts & {r.seed for r in plan(other).requests()}
    assert not set(ids(plan(suite))) & set(ids(plan(other)))
