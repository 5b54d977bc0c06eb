"""pytest tests/comparison/test_mismatch.py"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.errors import UserError
from tests.support.changed_runs import NARROW, copy, edit
from tests.support.compare_data import QUERIES, write_world_run


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
    (line,) = [line for line in pair.notes if "decoders differ" in line]
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
    assert not [line for line in pair.notes if "decoder" in line]


def test_equal_decoders_are_not_named(runs: dict[str, Path], tmp_path: Path) -> None:
    both = [copy(runs[name], tmp_path / name) for name in ("whole", "narrow")]
    for folder in both:
        edit(folder, "manifest.json", _set_sampling("top_p", 0.9))
    (pair,) = compare_runs(*both).pairs
    assert "top_p" not in pair.first + pair.second
    assert not [line for line in pair.notes if "decoder" in line]


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
    advised = any(re.search("run .* again with --chat-template", line) for line in pair.notes)
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
    assert not any("template" in line for line in (*pair.warnings, *pair.notes))


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
