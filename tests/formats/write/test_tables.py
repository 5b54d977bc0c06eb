"""csv, jsonl and model card; names and options of the verb."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml

from sfr_eval.api import load
from sfr_eval.errors import RunError, UserError
from sfr_eval.formats.export import FORMATS, export
from sfr_eval.store.run_folder import RunFolder
from tests.support.changed_runs import edit


def test_csv_is_read_back_by_pandas(run: Path, tmp_path: Path) -> None:
    files = export(run, format="csv", output=tmp_path)
    assert [Path(file).name for file in files] == ["estimates.csv", "samples.csv"]
    estimates = pd.read_csv(files[0], keep_default_na=False, na_values={"value": [""]})
    own = load(run).results
    assert estimates.value.tolist() == pytest.approx(own.value.tolist(), nan_ok=True, abs=0)
    assert estimates.persona.tolist() == own.persona.tolist()
    samples = pd.read_csv(files[1], keep_default_na=False)
    assert samples.text.tolist() == load(run).samples.text.tolist()


def test_metrics_are_picked_by_name(run: Path, tmp_path: Path) -> None:
    (file, _) = export(run, format="jsonl", output=tmp_path, metrics=["distinct_2"])
    rows = [json.loads(line) for line in Path(file).read_text().splitlines()]
    assert {row["metric"] for row in rows} == {"distinct_2"}
    with pytest.raises(UserError, match="did you mean `distinct_2`"):
        export(run, format="jsonl", output=tmp_path, metrics=["distinct2"])


def test_every_temperature_survives_in_the_model_card(run: Path, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    (card,) = export(run, format="model-card", output=tmp_path)
    read = ModelCard.load(card).data.eval_results
    assert read is not None
    found = {(r.metric_type, r.metric_args["temperature"]): r for r in read}
    estimates = load(run).results
    shown = estimates[(estimates.persona == "") & estimates.value.notna()]
    for row in shown[shown.metric.isin(["length", "distinct_2_rarefied"])].itertuples():
        entry = found[row.metric, row.temperature]
        assert entry.metric_value == row.value
        assert entry.metric_args["k"] == row.k == 3
        assert entry.metric_args["signature"] == row.signature
        assert entry.dataset_config == "persona"
    assert {temperature for _, temperature in found} == {0.7, 1.0}
    assert ".nan" not in Path(card).read_text()


def test_a_card_that_is_there_keeps_its_text_and_other_results(run: Path, tmp_path: Path) -> None:
    other = {
        "name": "mine",
        "results": [
            {
                "task": {"type": "text-generation"},
                "dataset": {"name": "GSM8K", "type": "gsm8k"},
                "metrics": [{"type": "acc", "value": 0.5}],
            }
        ],
    }
    front = yaml.safe_dump({"license": "mit", "model-index": [other]})
    (tmp_path / "README.md").write_text(f"---\n{front}---\n\n# My model\n")
    for _ in range(2):  # again: ours are replaced, not added
        (card,) = export(run, format="model-card", output=tmp_path, metrics=["distinct_2"])
    text = Path(card).read_text()
    _, front, body = text.split("---\n", 2)
    assert body.strip() == "# My model"
    content = yaml.safe_load(front)
    assert (content["license"], content["model-index"][0]["name"]) == ("mit", "mine")
    metrics = [
        (result["dataset"]["type"], metric["type"])
        for result in content["model-index"][0]["results"]
        for metric in result["metrics"]
    ]
    assert metrics == [("gsm8k", "acc"), ("sfr-eval", "distinct_2"), ("sfr-eval", "distinct_2")]


def test_a_disk_that_fills_up_leaves_a_model_card_as_it_was(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(file: Path, _: object) -> None:
        Path(file).write_text("---\nlic")
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("huggingface_hub.metadata_save", fail)
    card = tmp_path / "README.md"
    card.write_text("---\nlicense: mit\n---\n\n# My model\n")
    with pytest.raises(RunError, match="the disk is full"):
        export(run, format="model-card", output=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]
    assert card.read_text() == "---\nlicense: mit\n---\n\n# My model\n"


def test_a_model_card_keeps_its_text_mode_and_place(run: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("# My model\n")
    card.chmod(0o640)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "README.md").symlink_to(card)
    export(run, format="model-card", output=tmp_path / "out")
    assert card.read_text().startswith("---\nmodel-index:")
    assert card.read_text().endswith("---\n# My model\n")
    assert card.stat().st_mode & 0o777 == 0o640


def test_eval_results_are_read_by_the_hub_client(run: Path, tmp_path: Path) -> None:
    from huggingface_hub import parse_eval_result_entries

    with pytest.raises(UserError, match="name the benchmark's data set"):
        export(run, format="eval-results", output=tmp_path)
    (file,) = export(
        run, format="eval-results", output=tmp_path, repo="org/bench", metrics=["distinct_2"]
    )
    entries = parse_eval_result_entries(yaml.safe_load(Path(file).read_text()))
    assert [entry.task_id for entry in entries] == ["persona_distinct_2"] * 2
    assert "T=0.7, k=3" in (entries[0].notes or "")
    assert Path(file).parent.name == ".eval_results"


def test_wrong_names_are_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean `lm-eval`"):
        export(run, format="lmeval")
    with pytest.raises(UserError, match="is a service"):
        export(run, format="mlflow", output=tmp_path)
    with pytest.raises(UserError, match="nowhere: no such folder"):
        export(tmp_path / "nowhere", format="csv")
    with pytest.raises(UserError, match="name the repository with --repo"):
        export(run, format="hub")
    assert "hub" in FORMATS


def test_the_default_place_is_inside_the_run(clean_run: Path) -> None:
    files = export(clean_run, format="csv")
    assert [Path(file).parent for file in files] == [clean_run / "export" / "csv"] * 2


@pytest.mark.parametrize(
    "card",
    [
        b"---\na: [1\n---\n# Mine\n",
        b"---\n- a\n- b\n---\n",
        b"---\nmodel-index: 3\n---\n",
        b"---\nmodel-index:\n- name: m\n  results:\n  - task: x\n---\n",
        b"\xff\xfe---",
        b"---\na: " + b"[" * 5_000 + b"\n---\n",
    ],
    ids=["yaml", "list", "index", "results", "bytes", "deep"],
)
def test_a_card_that_cannot_be_read_stays_as_it_is(card: bytes, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_bytes(card)
    with pytest.raises(UserError, match=r"README\.md: its metadata, .* mend them, or choose"):
        export(run, format="model-card", output=tmp_path)
    assert file.read_bytes() == card


@pytest.mark.parametrize("format", ["lm-eval", "inspect"])
def test_a_reply_to_no_prompt_of_the_suite_is_one_line(
    format: str, clean_run: Path, tmp_path: Path
) -> None:
    folder = RunFolder(clean_run)
    results = folder.results_file.read_bytes()
    digest = folder.seal([replace(row, query="nowhere") for row in folder.sealed_samples()])
    folder.results_file.write_bytes(results)
    edit(clean_run, "manifest.json", lambda manifest: manifest.update(sealed=digest))
    with pytest.raises(UserError, match=r"samples\.parquet: reply \w+ answers no prompt of suite"):
        export(clean_run, format=format, output=tmp_path / "out")


def test_a_plan_of_more_suites_than_the_run_names_is_one_line(
    clean_run: Path, tmp_path: Path
) -> None:
    edit(clean_run, "manifest.json", lambda manifest: manifest["config"].update(suite=[]))
    with pytest.raises(UserError, match=r"manifest\.json: damaged \(names 0 suites, its plan 1\)"):
        export(clean_run, format="chats", output=tmp_path / "out")
