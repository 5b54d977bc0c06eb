"""pytest tests/pipeline/test_references.py"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.families import load_family
from sfr_eval.pipeline.job import Job
from sfr_eval.pipeline.references import AgainstReferences, measured_references
from sfr_eval.pipeline.score import score_paths
from sfr_eval.store.against import AgainstRow
from sfr_eval.store.results import Results
from sfr_eval.suites.references import References
from sfr_eval.types import Sample
from tests.metrics.conftest import make_sample, make_suite
from tests.support.toy_runs import QUERIES, WORDS, score, write_replies, write_suite

Texts = Mapping[str, Sequence[str]]


def measured(
    model: Texts, references: Texts, *, families: Sequence[str] = ("text",)
) -> AgainstReferences | None:
    samples = [
        make_sample(query, "", index, text)
        for query, texts in model.items()
        for index, text in enumerate(texts)
    ]
    return of_samples(samples, references, families=families)


def of_samples(
    samples: Sequence[Sample], references: Texts, *, families: Sequence[str] = ("text",)
) -> AgainstReferences | None:
    context = Context(
        samples=samples,
        suite=make_suite([]),
        encoder=Encoder(None, Path("unused")),
        references=References(
            name="people", texts={(query, ""): tuple(own) for query, own in references.items()}
        ),
    )
    job = Job(context=context, families=tuple(map(load_family, families)))
    results = [result for family in job.families for result in family.compute(context)]
    return measured_references(job, results, run="mine")


def row(found: AgainstReferences | None, metric: str, t: float = 1.0) -> AgainstRow:
    assert found is not None
    (one,) = (r for r in found.against.rows if (r.metric, r.temperature) == (metric, t))
    return one


def test_lengths_by_hand() -> None:
    found = measured({"a": ["x", "x y"], "b": ["x y z"] * 2}, {"a": ["1 2", "1 2 3 4"]})
    one = row(found, "length")
    assert (one.first, one.second, one.delta, one.n) == (3.0, 1.5, -1.5, 1)
    assert found is not None
    assert found.against.replies == 2
    (estimate,) = (e for e in found.estimates if e.metric == "length")
    assert (estimate.value, estimate.temperature, estimate.n) == (3.0, 1.0, 1)


def test_more_references_are_rarefied_to_the_run_s_number() -> None:
    """The chance of a copy hardly depends on k, the number of different replies does: with equal
    numbers, the run's own source is level with it although ten times as many were written."""
    texts = [f"word {number % 20}" for number in range(200)]
    model = {f"q{n}": [texts[(7 * n + 13 * i) % 200] for i in range(4)] for n in range(40)}
    found = measured(model, dict.fromkeys(model, texts))
    one = row(found, "length")
    assert one.first == pytest.approx(2)
    assert found is not None
    assert found.against.replies == 4
    shown = {estimate.metric for estimate in found.estimates}
    # 4 of 200: everything is at the run's own k, so everything may stand beside it.
    assert {"unique_share", "modal_share", "duplicate_rate"} <= shown
    (unique,) = (e for e in found.estimates if e.metric == "unique_share")
    # Four of twenty words, almost as with replacement: 20 (1 - .95^4) / 4.
    assert unique.value == pytest.approx(20 * (1 - 0.95**4) / 4, abs=0.03)


def test_one_draw_of_the_side_with_more_is_measured() -> None:
    """A mean over draws would be steadier than the other side's value, so not exchangeable with it:
    three of nine lengths 0 to 8 have a whole sum that one draw alone has as well."""
    texts = [" ".join("x" * length) for length in range(1, 10)]
    one = row(measured({"a": ["x"] * 3}, {"a": texts}), "length")
    assert one.first is not None
    assert (3 * one.first) % 1 == pytest.approx(0)
    assert row(measured({"a": ["x"] * 3}, {"a": texts}), "length") == one  # the draw is fixed
    other = row(measured({"a": texts}, {"a": ["x"] * 3}), "length")
    assert (other.first, other.second) == (1.0, one.first)


def test_fewer_references_leave_out_what_depends_on_k() -> None:
    model = {"a": ["x", "y", "z", "x"], "b": ["x", "y", "z", "z"]}
    found = measured(model, {"a": ["x", "y"], "b": ["x", "x"]})
    assert found is not None
    assert found.against.replies == 2
    shown = {estimate.metric for estimate in found.estimates}
    assert "length" in shown
    assert "unique_share" not in shown


def test_cut_replies_are_no_matter_of_references() -> None:
    found = measured({"a": ["x", "y"]}, {"a": ["x", "y"]})
    assert found is not None
    assert "truncation_rate" not in {e.metric for e in found.estimates}
    assert "truncation_rate" not in {r.metric for r in found.against.rows}


def test_one_reference_to_a_prompt_gives_a_reason() -> None:
    found = measured({"a": ["x", "y"]}, {"a": ["x"]})
    assert found is not None
    assert (found.estimates, found.against.rows) == ((), ())
    assert found.against.headline.startswith("Not compared with people: no prompt has two replies")


def test_prompts_that_lost_replies_at_one_temperature_are_left_out() -> None:
    samples = [
        make_sample(query, "", index, "x y", temperature=t)
        for query in ("a", "b")
        for t in (0.5, 1.0)
        for index in range(3)
    ]
    samples[0] = replace(samples[0], status="error", text="")
    found = of_samples(samples, {"a": ["1", "2", "3"], "b": ["1", "2", "3"]})
    assert row(found, "length", 0.5).n == 1
    assert row(found, "length", 1.0).n == 2


def test_the_same_replies_do_not_differ() -> None:
    model = {f"q{n}": [f"a {n}", "b", f"c d {n}"] for n in range(8)}
    found = measured(model, model)
    assert found is not None
    assert all(one.delta == 0 for one in found.against.rows)


def test_draws_are_numbered_anew_for_measures_across_personas() -> None:
    """cs_self_bleu compares the n-th replies of the personas; draws keep no gaps in the numbers."""
    source = random.Random(0)

    def texts(k: int) -> tuple[str, ...]:
        return tuple(" ".join(source.choices(WORDS, k=12)) for _ in range(k))

    samples = [
        make_sample(query, persona, index, text)
        for query in ("a", "b", "c")
        for persona in ("x", "y")
        for index, text in enumerate(texts(3))
    ]
    context = Context(
        samples=samples,
        suite=make_suite(["x", "y"]),
        encoder=Encoder(None, Path("unused")),
        references=References(
            name="people", texts={(q, p): texts(9) for q in ("a", "b", "c") for p in ("x", "y")}
        ),
    )
    job = Job(context=context, families=(load_family("lexical"),))
    found = measured_references(job, list(job.families[0].compute(context)), run="mine")
    one = row(found, "cs_self_bleu_4")
    assert one.n == 3
    assert one.first is not None


@pytest.mark.slow
def test_one_source_is_called_different_in_few_cases() -> None:
    """Eight replies against four references out of the same words, 25 prompts, 40 times."""
    called = 0
    for seed in range(40):
        source = random.Random(seed)

        def texts(number: int, source: random.Random = source) -> list[str]:
            return [" ".join(source.choices(WORDS, k=20)) for _ in range(number)]

        queries = [f"q{number}" for number in range(25)]
        model, references = ({q: texts(n) for q in queries} for n in (8, 4))
        found = measured(model, references, families=("text", "lexical"))
        assert found is not None
        called += "varied" in found.against.headline
    assert called <= 5  # of 40 at 5 %: P(more) = .014


# The whole way


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("references")
    write_suite(folder / "suite")
    write_replies(folder / "narrow.jsonl", words=2, temperatures=(0.5, 1.0))
    write_replies(folder / "people.jsonl", words=12, k=6, seed=1)
    score(
        folder / "run",
        folder / "narrow.jsonl",
        folder / "suite",
        references=str(folder / "people.jsonl"),
    )
    return folder


def test_a_narrow_model_is_less_varied_than_people(folder: Path) -> None:
    results = Results.load(folder / "run")
    (against,) = results.against["toy"]
    assert against.headline.startswith("narrow.jsonl against the references: less varied")
    assert against.tone == "bad"
    (primary,) = (r for r in against.rows if r.role == "variety")
    assert (primary.temperature, primary.n) == (1.0, len(QUERIES))
    assert primary.high is not None
    assert any(f"{primary.metric} T = 1: " in line for line in against.sentences)
    assert results.reference_of == {"toy": "the references"}
    measured = {e.metric: e.value for e in results.reference["toy"]}
    assert measured[primary.metric] == pytest.approx(primary.first)


def test_the_report_shows_the_references(folder: Path) -> None:
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "narrow.jsonl against the references: less varied" in page
    assert "Against the references" in page
    assert "Reference: the references" in page
    assert "The dashed line is the value of the references." in page
    assert "synthetic benchmark answers" not in page  # rules of another verdict
    assert "The run is compared with reference replies" in page


def test_scoring_another_family_keeps_what_was_said(folder: Path) -> None:
    before = Results.load(folder / "run")
    people = str(folder / "people.jsonl")
    score_paths([folder / "run"], {"metrics": ("facts",), "references": people})
    after = Results.load(folder / "run")
    assert after.against == before.against
    assert {e.metric for e in before.reference["toy"]} < {e.metric for e in after.reference["toy"]}


def test_references_that_fit_no_question_are_refused_first(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "other.jsonl"
    file.write_text(json.dumps({"prompt": "Else?", "text": "x"}), encoding="utf-8")
    with pytest.raises(UserError, match="no row belongs to a question of suite toy"):
        score_paths([folder / "run"], {"references": file})
    with pytest.raises(UserError, match="--metrics references: needs reference replies"):
        score(
            tmp_path / "run",
            folder / "narrow.jsonl",
            folder / "suite",
            metrics=("references",),
        )
