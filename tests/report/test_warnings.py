"""What a reader is warned of."""

from dataclasses import replace

import pytest

from sfr_eval.report.warnings import programs_lost, warnings
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Notes, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.thinking import ThinkTags
from sfr_eval.types import Sample
from tests.support.report_data import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_run(tmp_path_factory.mktemp("warnings") / "run")


@pytest.mark.parametrize(("read", "warned"), [(3, True), (5, False), (None, False)])
def test_queries_beyond_what_a_demo_model_has_read_are_named(
    run: RunFolder, read: int | None, warned: bool
) -> None:
    manifest = Manifest.load(run.path).model_copy(update={"world_queries": read})
    [suite] = read_suites(manifest, run.read_results())
    lines = [line for line in warnings(suite, run.sealed_samples(), manifest) if "--limit" in line]
    assert bool(lines) == warned
    assert not warned or ("first 3 queries" in lines[0] and "5 were asked" in lines[0])


def lines_about(run: RunFolder, samples: list[Sample], word: str, **about: object) -> list[str]:
    manifest = Manifest.load(run.path).model_copy(update=about)
    [suite] = read_suites(manifest, run.read_results())
    return [line for line in warnings(suite, samples, manifest) if word in line]


def test_few_queries_are_said(run: RunFolder) -> None:
    drawn = run.sealed_samples()
    queries = list(dict.fromkeys(s.query for s in drawn))
    two = [s for s in drawn if s.query in queries[:2]]
    (line,) = lines_about(run, two, "Only 2 queries were asked")
    assert "intervals rest on as many values" in line
    one = [s for s in drawn if s.query == queries[0]]
    assert lines_about(run, one, "Only one query was asked")
    assert not lines_about(run, drawn, "asked: intervals")


def test_equal_replies_to_every_prompt_are_flagged(run: RunFolder) -> None:
    drawn = run.sealed_samples()
    first = {s.cell: s.text for s in reversed(drawn)}
    greedy = [replace(s, text=first[s.cell]) if s.temperature == 1.0 else s for s in drawn]
    (line,) = lines_about(run, greedy, "greedy in secret")
    assert line.startswith("T = 1: all replies to a prompt are the same text, for each of 15 ")
    assert "doctor --model" in line
    assert not lines_about(run, drawn, "greedy in secret")
    last = max(i for i, s in enumerate(greedy) if s.temperature == 1.0)
    greedy[last] = replace(greedy[last], text="one that differs")
    assert not lines_about(run, greedy, "greedy in secret")
    silent = [replace(s, text="", status="truncated") for s in drawn]
    assert not lines_about(run, silent, "greedy in secret")
    (line,) = lines_about(run, silent, "of the replies are empty")
    assert line == (
        "100% of the replies are empty; if the model reasons before it answers, raise --max-tokens."
    )


def test_greedy_decoding_that_was_asked_for_is_no_secret(run: RunFolder) -> None:
    frozen = [replace(s, temperature=0.0, text="the same") for s in run.sealed_samples()]
    assert not lines_about(run, frozen, "greedy in secret")


def test_thinking_that_nobody_declared_is_named_with_the_way_out(run: RunFolder) -> None:
    thinking = [replace(s, text=f"<think>hm</think>{s.text}") for s in run.sealed_samples()]
    (line,) = lines_about(run, thinking, "thinking")
    assert line.startswith("100% of the replies hold <think> or </think>")
    assert "--think-tags '<think>,</think>'" in line
    tags = ThinkTags(open="<think>", close="</think>")
    (line,) = lines_about(run, thinking, "thinking", thinking=tags)
    assert "100% of the replies begin with thinking" in line
    assert not lines_about(run, run.sealed_samples(), "thinking", thinking=tags)


@pytest.mark.parametrize(("unknown", "warned"), [(0.4, True), (0.02, False), (None, False)])
def test_texts_that_the_encoder_cannot_read_are_named(
    run: RunFolder, unknown: float | None, warned: bool
) -> None:
    """Their embeddings are alike, which would otherwise read as collapse."""
    manifest = Manifest.load(run.path)
    [suite] = read_suites(manifest, run.read_results())
    notes = Notes(unknown_share=unknown, unreadable_share=0.25)
    suite = replace(suite, notes={**suite.notes, "embed_distance": notes})
    lines = [line for line in warnings(suite, [], manifest) if "unknown to the encoder" in line]
    assert bool(lines) == warned
    assert not warned or (lines[0].startswith("40% of the characters") and "25% of" in lines[0])


def test_packages_that_the_sandbox_lacks_are_named() -> None:
    notes = Notes(programs=40, missing_packages={"scipy": 3, "pandas": 1})
    (line,) = programs_lost(notes)
    assert line.startswith("4 of 40 programs failed")
    assert "(scipy 3, pandas 1)" in line
    many = Notes(programs=40, missing_packages={f"p{n}": n for n in range(1, 9)})
    (line,) = programs_lost(many)
    assert "(p8 8, p7 7, p6 6, p5 5, p4 4, ...)" in line
    assert not list(programs_lost(Notes(programs=40)))


def test_answers_without_a_program_are_named() -> None:
    notes = Notes(programs=9, not_scored=1, without_program=3, not_python=2)
    (line,) = programs_lost(notes)
    assert line.startswith("3 of 10 answers hold no program; they count as wrong")
    (line,) = programs_lost(Notes(programs=10, without_program=2, not_python=3))
    assert line.startswith("3 of 10 programs are not Python")
