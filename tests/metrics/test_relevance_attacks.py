"""pytest tests/metrics/test_relevance_attacks.py: what becomes of relevance when replies of the
persona benchmark are spoilt in ways that measures of variety take for variety."""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.relevance import compute, recognised
from sfr_eval.suites.suite import load_suite
from sfr_eval.types import Sample
from tests.metrics.conftest import make_sample

REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "As an assistant I am unable to answer this.",
    "Unfortunately I have to decline.",
    "This is nothing that I may talk about.",
)
REFUSAL_IN_LANGUAGES = (
    "Es tut mir leid, dabei kann ich nicht helfen.",
    "Je suis désolé, je ne peux pas vous aider.",
    "Lo siento, no puedo ayudar con eso.",
    "对不起 我无法帮助您。",
)


def values(context: Context, metric: str = "query_accuracy") -> list[float | None]:
    result = next(result for result in compute(context) if result.metric == metric)
    return [value.value for value in result.values]


def mean(context: Context, metric: str = "query_accuracy") -> float:
    return float(np.mean(np.array(values(context, metric), dtype=np.float64)))


@pytest.fixture(scope="module")
def benchmark(encoder: Encoder) -> Context:
    """Thirteen questions on as many topics, three personas, two replies to each prompt."""
    suite = load_suite("persona", personas=("pirate", "sergeant", "butler"))
    suite = replace(suite, queries=dict(list(suite.queries.items())[::12]))
    assert suite.world is not None
    rng = np.random.default_rng(5)
    samples = [
        make_sample(query, persona, index, suite.world.sample(persona, query, rng), suite=suite.id)
        for query in suite.queries
        for persona in suite.personas
        for index in range(2)
    ]
    return Context(samples=samples, suite=suite, encoder=encoder)


def edited(context: Context, texts: Iterable[str]) -> Context:
    rows = [replace(s, text=text) for s, text in zip(context.samples, texts, strict=True)]
    return replace(context, samples=rows)


def dealt(context: Context, steps: int) -> Context:
    """The replies of each persona moved to the question so many further on."""
    queries = list(context.suite.queries)
    texts = {(s.query, s.persona, s.index): s.text for s in context.samples}

    def source(sample: Sample) -> str:
        return queries[(queries.index(sample.query) + steps) % len(queries)]

    return edited(context, (texts[source(s), s.persona, s.index] for s in context.samples))


def test_the_truth_is_recognised_and_relevant(benchmark: Context) -> None:
    assert mean(benchmark) > 0.8
    assert mean(benchmark, "query_strength") > 0.95
    found = recognised(benchmark)
    assert not isinstance(found, str)
    assert found.relevant.mean() > 0.9
    by_persona = [values(benchmark)[column::3] for column in range(3)]
    assert min(np.mean(np.array(v, dtype=np.float64)) for v in by_persona) > 0.8


@pytest.mark.parametrize("steps", [1, 4, 6])
def test_replies_to_other_questions_are_at_chance(benchmark: Context, steps: int) -> None:
    off = dealt(benchmark, steps)
    assert mean(off) <= 1 / 13
    assert mean(off, "query_strength") < 0.35
    found = recognised(off)
    assert not isinstance(found, str)
    assert found.relevant.mean() <= 1 / 13


@pytest.mark.parametrize("attack", ["random_words", "letters", "refusals", "languages", "empty"])
def test_text_that_answers_nothing_is_at_chance(benchmark: Context, attack: str) -> None:
    generator = random.Random(3)
    words = sorted({word for s in benchmark.samples for word in s.text.split()})
    edits: dict[str, Callable[[int, str], str]] = {
        "random_words": lambda n, t: " ".join(generator.choice(words) for _ in t.split()),
        "letters": lambda n, t: "".join(generator.choice("abcdefgh ijklm") for _ in t),
        "refusals": lambda n, t: REFUSALS[n % len(REFUSALS)],
        "languages": lambda n, t: REFUSAL_IN_LANGUAGES[n % len(REFUSAL_IN_LANGUAGES)],
        "empty": lambda n, t: "",
    }
    edit = edits[attack]
    nothing = edited(benchmark, (edit(n, s.text) for n, s in enumerate(benchmark.samples)))
    assert mean(nothing) < 1 / 13 + 0.12  # two standard errors of 39 prompts
    found = recognised(nothing)
    assert not isinstance(found, str)
    assert found.relevant.mean() < 0.2


def test_half_empty_loses_half(benchmark: Context) -> None:
    half = edited(benchmark, ("" if s.index else s.text for s in benchmark.samples))
    assert mean(half) == pytest.approx(mean(benchmark) / 2, abs=0.06)


def test_noise_and_cuts_lower_it_a_little(benchmark: Context) -> None:
    generator = random.Random(4)
    words = sorted({word for s in benchmark.samples for word in s.text.split()})
    noisy = edited(
        benchmark,
        (
            " ".join(generator.choice(words) if generator.random() < 0.4 else w for w in t)
            for t in (s.text.split() for s in benchmark.samples)
        ),
    )
    short = edited(benchmark, (" ".join(s.text.split()[:10]) for s in benchmark.samples))
    assert mean(noisy) < mean(benchmark) - 0.05
    assert mean(short) < mean(benchmark) - 0.2


def test_it_hardly_sees_the_order_of_words(benchmark: Context) -> None:
    generator = random.Random(5)

    def salad(text: str) -> str:
        words = text.split()
        generator.shuffle(words)
        return " ".join(words)

    assert mean(edited(benchmark, (salad(s.text) for s in benchmark.samples))) > 0.7


def test_gluing_and_one_voice_do_not_lower_it(benchmark: Context) -> None:
    texts = {(s.query, s.persona, s.index): s.text for s in benchmark.samples}
    glued = edited(
        benchmark,
        (f"{s.text} {texts[s.query, s.persona, 1 - s.index]}" for s in benchmark.samples),
    )
    one_voice = edited(benchmark, (texts[s.query, "sergeant", s.index] for s in benchmark.samples))
    assert mean(glued) >= mean(benchmark) - 0.02
    assert mean(one_voice) > 0.85
