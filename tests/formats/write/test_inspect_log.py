"""inspect's format, read by inspect's own readers."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sfr_eval.api import load
from sfr_eval.errors import UserError
from sfr_eval.formats.export import export
from sfr_eval.formats.write.inspect_log import inspect_id


def test_without_inspect_one_line_says_what_to_install(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(UserError, match=r"inspect: needs inspect_ai .*sfr-eval\[inspect\]"):
        export(run, format="inspect", output=tmp_path)


def test_an_id_is_fit_for_a_file_name() -> None:
    assert inspect_id(("HumanEval/3", "")) == "HumanEval_3"
    assert inspect_id(("tea", "pirate")) == "tea@pirate"


@pytest.fixture(scope="session")
def logs(run: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    pytest.importorskip("inspect_ai")
    output = tmp_path_factory.mktemp("inspect")
    return [Path(file) for file in export(run, format="inspect", output=output)]


def test_one_log_for_each_temperature_with_epochs_as_samples(logs: list[Path], run: Path) -> None:
    from inspect_ai.log import read_eval_log

    assert [file.name for file in logs] == ["persona_t0.7.eval", "persona_t1.eval"]
    log: Any = read_eval_log(str(logs[0]))
    assert (log.status, log.version, log.eval.task) == ("success", 2, "sfr_eval/persona")
    assert (log.eval.config.epochs, log.eval.dataset.samples) == (3, 8)
    assert log.eval.model_generate_config.temperature == 0.7
    assert log.eval.model_generate_config.extra_body == {"min_p": 0.0, "repetition_penalty": 1.0}
    assert log.eval.model_generate_config.seed is None  # no field for one seed a sample
    rows = load(run).samples
    rows = rows[rows.temperature == 0.7]
    found = {(s.metadata["sample_id"], s.epoch): s for s in log.samples}
    assert len(found) == len(rows) == 24
    for row in rows.itertuples():
        sample = found[row.sample_id, row.index + 1]
        assert sample.metadata["seed"] == row.seed
        assert sample.output.completion == row.text
        if row.status in ("error", "unsupported"):
            assert sample.error.message == row.error
            assert sample.output.choices == []
        else:
            reasons = {"ok": "stop", "truncated": "max_tokens", "refused": "content_filter"}
            assert sample.output.stop_reason == reasons[row.status]
    # a value of each prompt, for measures that no single epoch has
    reductions = {reduction.scorer: reduction.samples for reduction in log.reductions}
    assert {score.sample_id for score in reductions["self_bleu_4"]} <= {s.id for s in log.samples}


def test_evals_df_and_samples_df_give_the_same_numbers(logs: list[Path], run: Path) -> None:
    from inspect_ai.analysis import evals_df, samples_df

    evals = evals_df([str(file) for file in logs])
    estimates = load(run).results
    compared = 0
    for row in estimates[estimates.persona == ""].itertuples():
        log = evals[evals.task_display_name == f"persona_t{row.temperature:g}"].iloc[0]
        if row.value != row.value:  # undefined: left out, never a number
            assert pd.isna(log.get(f"score_{row.metric}_mean"))
            continue
        assert log[f"score_{row.metric}_mean"] == row.value
        assert log[f"score_{row.metric}_lower"] == row.low
        assert log[f"score_{row.metric}_upper"] == row.high
        compared += 1
    assert compared > 40
    samples = samples_df([str(file) for file in logs])
    assert len(samples) == 48
    assert (samples.error != "").sum() == 2
