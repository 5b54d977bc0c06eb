"""pytest tests/comparison/test_compare.py"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.pairing import pair_up
from sfr_eval.comparison.result import Comparison
from sfr_eval.comparison.runs import open_runs
from sfr_eval.errors import UserError
from sfr_eval.types import Sample
from tests.support.compare_data import QUERIES, write_code_run, write_world_run
from tests.support.paired import paired_difference

WHOLE = {"cross": 0.0, "within": 0.0}
NARROW = {"cross": 0.0, "within": 0.5}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {
        "whole": write_world_run(folder / "whole", WHOLE),
        "narrow": write_world_run(folder / "narrow", NARROW),
        "again": write_world_run(folder / "again", WHOLE, seed=1),
    }


@pytest.fixture(scope="module")
def found(runs: dict[str, Path]) -> Comparison:
    return compare_runs(runs["whole"], runs["narrow"])


def copy(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder))


def edit(run: Path, file: str, change: Callable[[dict[str, Any]], None]) -> Path:
    loaded = json.loads((run / file).read_text())
    change(loaded)
    (run / file).write_text(json.dumps(loaded))
    return run


def primary(comparison: Comparison) -> list[DifferenceRow]:
    return [row for _, row in comparison.rows if row.role is not None]


def test_a_model_that_repeats_its_modes_is_less_varied(found: Comparison) -> None:
    """within = 0.5 sharpens every persona to its most probable replies, all of them valid."""
    calls = {(row.role, row.temperature): row.call for row in primary(found)}
    assert calls[("variety", 1.0)] == "loss"
    assert calls[("quality", 1.0)] == "equal"
    (pair,) = found.pairs
    (suite,) = pair.suites
    assert suite.summary.tone == "bad"
    assert suite.summary.headline == "narrow against whole: less varied at equal quality"


def test_what_is_not_primary_has_no_verdict(found: Comparison) -> None:
    others = [row for _, row in found.rows if row.role is None and row.delta is not None]
    assert len(others) > 60
    assert {(row.call, row.words, row.p_adjusted) for row in others} == {("exploratory", "", None)}


def test_two_seeds_of_one_model_are_not_told_apart(runs: dict[str, Path]) -> None:
    same = compare_runs(runs["whole"], runs["again"])
    assert not {row.call for row in primary(same)} & {"gain", "loss"}
    assert any("seeds 0 and 1" in line for line in same.pairs[0].warnings)


def test_the_user_may_name_the_family(runs: dict[str, Path]) -> None:
    named = compare_runs(
        runs["whole"],
        runs["narrow"],
        primary="variety=unique_share,style=cs_self_bleu_4,quality=none,temperature=0.6",
    )
    assert [(row.role, row.metric, row.temperature) for row in primary(named)] == [
        ("variety", "unique_share", 0.6),
        ("style", "cs_self_bleu_4", 0.6),
    ]
    assert named.pairs[0].suites[0].summary.headline.endswith("less in style")
    for text, said in (
        ("variety=self_bleu_44", "did you mean `self_bleu_4`"),
        ("varity=embed_distance", "did you mean `variety`"),
        ("variety", "has no value"),
        ("temperature=hot", "temperature"),
    ):
        with pytest.raises(UserError, match=said):
            compare_runs(runs["whole"], runs["narrow"], primary=text)


def test_total_collapse_on_8_questions_is_called(tmp_path: Path) -> None:
    """Every reply to a prompt is the same text."""

    def repeat(samples: list[Sample]) -> list[Sample]:
        first = {sample.cell: sample.text for sample in reversed(samples)}
        return [replace(sample, text=first[sample.cell]) for sample in samples]

    whole = write_world_run(tmp_path / "whole", WHOLE, queries=8, temperatures=(1.0,))
    same = write_world_run(tmp_path / "same", WHOLE, queries=8, temperatures=(1.0,), change=repeat)
    rows = {row.role: row for row in primary(compare_runs(whole, same))}
    assert rows["variety"].call == "loss"
    assert rows["variety"].p_adjusted == pytest.approx(2 / 2**8)


def test_too_few_questions_are_said_once(tmp_path: Path) -> None:
    few = [
        write_world_run(tmp_path / name, dials, queries=5, temperatures=(1.0,))
        for name, dials in (("whole", WHOLE), ("narrow", NARROW))
    ]
    comparison = compare_runs(*few)
    summary = comparison.pairs[0].suites[0].summary
    assert summary.headline.startswith("Inconclusive (needs about 6 questions, has 5)")
    assert {row.words for row in primary(comparison)} == {"inconclusive: needs 6 questions, has 5"}


def test_more_temperatures_make_no_winner(runs: dict[str, Path], tmp_path: Path) -> None:
    """The same samples at T = 0.6 and 1, once with those at 1.4 beside them."""
    fewer = write_world_run(tmp_path / "fewer", WHOLE, temperatures=(0.6, 1.0))
    comparison = compare_runs(fewer, runs["whole"])
    rows = [row for row in comparison.pairs[0].suites[0].matched_rows() if row["value"] is not None]
    assert rows
    assert {row["value"] for row in rows} == {0.0}
    (matched,) = [row for row in primary(comparison) if row.temperature is None]
    assert matched.delta == 0.0


def test_differences_are_of_the_estimates_paired_by_query(
    runs: dict[str, Path], found: Comparison
) -> None:
    first, second = open_runs([runs["whole"], runs["narrow"]])
    assert len(list(found.rows)) > 60
    for _, row in found.rows:
        if row.delta is None or row.temperature is None:
            continue
        for run, value in ((first, row.first), (second, row.second)):
            estimate = run.suites["persona"].at(row.metric, row.temperature)
            assert estimate is not None
            assert value == pytest.approx(estimate.value)
        assert row.n == QUERIES
        sides = []
        for run in (first, second):
            queries: dict[str, list[float]] = {}
            for (query, _), v in run.values("persona", row.metric)[row.temperature].items():
                queries.setdefault(query, []).append(v)
            sides.append({query: float(np.mean(v)) for query, v in queries.items()})
        expected, p_value = paired_difference(*sides)
        assert row.delta == pytest.approx(expected.value)
        if row.role is None:
            assert row.low == pytest.approx(expected.low)
            assert row.high == pytest.approx(expected.high)
        else:
            assert row.p_value == pytest.approx(p_value, abs=0.02)


def test_only_the_metrics_asked_for_are_shown(runs: dict[str, Path]) -> None:
    fewer = compare_runs(runs["whole"], runs["narrow"], metrics=["cs_self_bleu_4"])
    assert {row.metric for _, row in fewer.rows if row.role is None} >= {"cs_self_bleu_4"}
    assert len(primary(fewer)) == 3  # what is decided about does not depend on what is shown
    with pytest.raises(UserError, match="near it: cs_self_bleu_4"):
        compare_runs(runs["whole"], runs["narrow"], metrics=["cs_self_bleu4"])


def _set_sampling(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        manifest["identity"]["sampling"]["persona"][field] = value

    return change


def _set_plan(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest["plan"][0].update({field: value})


def _set_identity(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest["identity"].update({field: value})


@pytest.mark.parametrize("filters", [{"top_p": 0.9}, {"top_k": 20, "repetition_penalty": 1.05}])
def test_the_decoder_is_an_axis(
    runs: dict[str, Path], tmp_path: Path, filters: dict[str, Any]
) -> None:
    other = copy(runs["narrow"], tmp_path / "other")
    for field, value in filters.items():
        edit(other, "manifest.json", _set_sampling(field, value))
    comparison = compare_runs(runs["whole"], other)
    (pair,) = comparison.pairs
    assert pair.mismatches == ()
    decoder = ", ".join(f"{name}={value}" for name, value in filters.items())
    assert pair.first.endswith(" (no filters)")
    assert pair.second.endswith(f" ({decoder})")
    (line,) = [line for line in pair.warnings if "decoders differ" in line]
    assert line == (
        f"The decoders differ (no filters; {decoder}): what is claimed here is of checkpoint and "
        "decoder together."
    )
    assert [run["decoder"] for run in comparison.as_dict()["runs"]] == ["", decoder]


def test_an_unknown_decoder_is_not_called_one_without_filters(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    first, second = (copy(runs[name], tmp_path / name) for name in ("whole", "narrow"))
    edit(first, "manifest.json", _set_identity("sampling", "unknown"))
    edit(second, "manifest.json", _set_sampling("min_p", 0.1))
    (pair,) = compare_runs(first, second).pairs
    assert "(" not in pair.first
    assert pair.second.endswith(" (min_p=0.1)")
    assert not [line for line in pair.warnings if "decoder" in line]


def test_equal_decoders_are_not_named(runs: dict[str, Path], tmp_path: Path) -> None:
    both = [copy(runs[name], tmp_path / name) for name in ("whole", "narrow")]
    for folder in both:
        edit(folder, "manifest.json", _set_sampling("top_p", 0.9))
    (pair,) = compare_runs(*both).pairs
    assert "top_p" not in pair.first + pair.second
    assert not [line for line in pair.warnings if "decoder" in line]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_set_sampling("max_tokens", 512), "suite persona: max_tokens: 96 and 512"),
        (_set_sampling("stop", ["\n"]), "suite persona: stop: none and"),
        (_set_plan("version", "2+x"), "suite persona: version: 1"),
        (_set_plan("samples", 8), "suite persona: k: 4 and 8"),
        (_set_identity("system_role", "merge"), "system role: error and merge"),
    ],
)
def test_runs_that_were_made_otherwise_are_refused_by_name(
    runs: dict[str, Path], tmp_path: Path, change: Callable[[dict[str, Any]], None], named: str
) -> None:
    other = edit(copy(runs["narrow"], tmp_path / "other"), "manifest.json", change)
    with pytest.raises(UserError) as error:
        compare_runs(runs["whole"], other)
    assert named in str(error.value)
    assert "--allow-mismatch" in str(error.value)
    allowed = compare_runs(runs["whole"], other, allow_mismatch=True)
    assert any(named in str(mismatch) for mismatch in allowed.pairs[0].mismatches)
    assert any(row.delta is not None for _, row in allowed.rows)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"chat_template": "abc"}, "The hash of the chat template differs: 123 in .*, abc in"),
        ({"chat_template_kwargs": {"enable_thinking": False}}, "set of values for the chat templ"),
        ({"template_date": "2026-01-02"}, "The date in the chat template differs: none in"),
        ({"chat_template": "none", "prompt_format": "completion"}, "prompt format differs: chat"),
    ],
)
def test_another_template_is_compared_with_a_warning(
    runs: dict[str, Path], tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    """A base model is asked without the template of the tuned one: two plain commands."""

    def known(manifest: dict[str, Any]) -> None:
        manifest["sampler"] = {"template": "123"}
        manifest["model"]["folder"] = "/models/a"

    def changed(manifest: dict[str, Any]) -> None:
        known(manifest)
        manifest["identity"] |= changes
        manifest["sampler"]["template"] = changes.get("chat_template", "123")

    first = edit(copy(runs["whole"], tmp_path / "first"), "manifest.json", known)
    other = edit(copy(runs["narrow"], tmp_path / "other"), "manifest.json", changed)
    pair = compare_runs(first, other).pairs[0]
    assert pair.mismatches == ()
    lines = [line for line in pair.warnings if re.search(says, line)]
    assert len(lines) == 1
    advised = any(re.search("run .* again with --chat-template", w) for w in pair.warnings)
    assert advised == ("chat_template" in changes)


def test_one_template_from_a_file_and_a_tokenizer_is_one(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    """The base model was given the tuned one's template, which that has in its tokenizer."""

    def own(manifest: dict[str, Any]) -> None:
        manifest["sampler"] = {"template": "123"}

    def given(manifest: dict[str, Any]) -> None:
        manifest["sampler"] = {"template": "123"}
        manifest["identity"]["chat_template"] = "123"

    first = edit(copy(runs["whole"], tmp_path / "first"), "manifest.json", own)
    other = edit(copy(runs["narrow"], tmp_path / "other"), "manifest.json", given)
    pair = compare_runs(first, other).pairs[0]
    assert pair.mismatches == ()
    assert not any("template" in line for line in pair.warnings)


def test_other_prompts_are_refused_and_named(runs: dict[str, Path], tmp_path: Path) -> None:
    other = write_world_run(tmp_path / "fewer", NARROW, queries=QUERIES - 1)
    with pytest.raises(UserError, match=r"prompts: 42 \(3 of its own: .*/butler.*\) and 39"):
        compare_runs(runs["whole"], other)
    allowed = compare_runs(runs["whole"], other, allow_mismatch=True)
    assert {row.n for _, row in allowed.rows if row.delta is not None} == {QUERIES - 1}
    assert {row.unpaired for _, row in allowed.rows if row.metric == "length"} == {3}


def test_another_signature_or_version_of_a_metric_is_refused(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    def change(results: dict[str, Any]) -> None:
        for row in results["estimates"]:
            row["signature"] = row["signature"].replace("words-v1", "characters-v1")

    other = edit(copy(runs["narrow"], tmp_path / "other"), "results.json", change)
    with pytest.raises(UserError, match="tokenizer: words-v1 and characters-v1"):
        compare_runs(runs["whole"], other)
    # What was measured alike can still be compared.
    alike = compare_runs(
        runs["whole"], other, metrics=["oracle_valid"], primary="variety=none,form=none"
    )
    assert alike.pairs[0].mismatches == ()


def test_how_an_undefined_metric_was_measured_is_of_no_account(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    def change(results: dict[str, Any]) -> None:
        for row in results["estimates"]:
            if row["metric"] == "unique_share":
                row["signature"] += "|classes:none"
                row |= {"value": None, "low": None, "high": None, "reason": "no classes"}

    other = edit(copy(runs["narrow"], tmp_path / "other"), "results.json", change)
    assert "|classes:none" in (other / "results.json").read_text()
    for pair in ((runs["whole"], other), (other, runs["whole"])):
        assert compare_runs(*pair).pairs[0].mismatches == ()


def test_the_checkpoint_that_read_the_replies_may_differ() -> None:
    from sfr_eval.comparison.mismatch import compared_parts

    signature = "fork_entropy|version:1|model:aaa|base:bbb|unit:nats a token, temperature 1"
    assert compared_parts("fork_entropy", signature) == {
        "version": "1",
        "base": "bbb",
        "unit": "nats a token, temperature 1",
    }
    assert compared_parts("embed_distance", "embed_distance|version:1|model:x")["model"] == "x"


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


def test_means_over_the_first_replies_alone(tmp_path: Path) -> None:
    """Replies 0 and 1 are valid, 2 and 3 are not: the mean of two is 1, of four 0.5."""

    def spoil(samples: list[Sample]) -> list[Sample]:
        return [replace(s, text="x") if s.index > 1 else s for s in samples]

    (run,) = open_runs([write_world_run(tmp_path / "half", WHOLE, queries=2, change=spoil)])
    prompt = min(run.prompts["persona"])
    assert run.values("persona", "oracle_valid")[1.0][prompt] == 0.5
    cut = run.values("persona", "oracle_valid", most={(1.0, *prompt): 2})
    assert cut[1.0][prompt] == 1.0
    assert cut[0.6][prompt] == 0.5


def test_pass_at_1_of_one_program_is_mcnemar(tmp_path: Path) -> None:
    """9 problems lost, 1 won: 2 * (1 + 10) / 2^10 = .0215."""
    before = {f"p{i:02}": [i < 30] for i in range(40)}
    after = {f"p{i:02}": [9 <= i < 31] for i in range(40)}
    comparison = compare_runs(
        write_code_run(tmp_path / "a", before),
        write_code_run(tmp_path / "b", after),
        metrics=["pass_at_1"],
    )
    ((_, row),) = comparison.rows
    assert row.p_value == pytest.approx(22 / 1024)
    assert row.delta == pytest.approx(-8 / 40)
    assert (row.call, row.words) == ("loss", "worse")


def test_further_runs_are_compared_with_the_first(runs: dict[str, Path]) -> None:
    comparison = compare_runs(runs["whole"], runs["narrow"], runs["again"])
    assert [(p.first, p.second) for p in comparison.pairs] == [
        ("whole", "narrow"),
        ("whole", "again"),
    ]
    alone = [row.p_adjusted or 0.0 for row in primary(compare_runs(runs["whole"], runs["again"]))]
    together = [row.p_adjusted or 0.0 for row in primary(comparison)[3:]]
    # One family over both pairs: no row of the second has a smaller p-value for it.
    assert all(
        a is not None and b is not None and a <= b for a, b in zip(alone, together, strict=True)
    )
    assert set(comparison.table["b"]) == {"narrow", "again"}
    assert len(comparison.table) == len(list(comparison.rows))


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


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda run: (run / "manifest.json").unlink(), "not a run folder"),
        (lambda run: (run / "results.json").unlink(), "no results.json; run `sfr-eval score`"),
        (lambda run: shutil.rmtree(run / "scores"), "is missing.*sfr-eval score"),
        (
            lambda run: [f.write_bytes(b"PAR1") for f in (run / "scores").iterdir()],
            "damaged; run `sfr-eval score",
        ),
    ],
)
def test_a_folder_that_is_no_scored_run_is_one_line(
    runs: dict[str, Path], tmp_path: Path, damage: Callable[[Path], Any], said: str
) -> None:
    broken = copy(runs["narrow"], tmp_path / "broken")
    damage(broken)
    with pytest.raises(UserError, match=said):
        compare_runs(runs["whole"], broken)


def test_runs_without_a_suite_in_common_are_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    other = write_code_run(tmp_path / "code", {"p": [True, False], "q": [True, True]})
    with pytest.raises(UserError, match="no suite in common"):
        compare_runs(runs["whole"], other)


def test_comparing_and_checking_need_no_torch(runs: dict[str, Path], tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from sfr_eval.comparison import compare\n"
        "from sfr_eval.gate import check\n"
        "from sfr_eval.comparison.files import write_comparison\n"
        f"write_comparison(compare.compare_runs({str(runs['whole'])!r}, {str(runs['narrow'])!r}), "
        f"Path({str(tmp_path / 'out')!r}))\n"
        f"check.write_baseline({str(runs['whole'])!r}, {str(tmp_path / 'b.json')!r})\n"
        f"assert check.check({str(tmp_path / 'b.json')!r}, {str(runs['whole'])!r}).exit_code == 0\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
        "assert 'transformers' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
