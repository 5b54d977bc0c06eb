"""lm-eval's format: fields of its schema, no failed reply as text, its own reader agrees."""

import hashlib
import json
import os
import shutil
import subprocess
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.api import load
from sfr_eval.formats.export import export
from sfr_eval.formats.write.lm_eval import sanitized
from sfr_eval.store.manifest import Manifest, Session

READER = Path(__file__).parents[2] / "support" / "read_with_lm_eval.py"


@pytest.fixture
def written(run: Path, tmp_path: Path) -> list[Path]:
    return [Path(file) for file in export(run, format="lm-eval", output=tmp_path / "out")]


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def own(row: dict[str, Any]) -> list[dict[str, Any]]:
    """What the export keeps of each reply beside its text."""
    samples: list[dict[str, Any]] = row["arguments"]["gen_args_0"]["sfr_eval"]["samples"]
    return samples


def test_files_are_named_as_lm_eval_names_them(written: list[Path], tmp_path: Path) -> None:
    results, *samples = written
    stamp = results.name.removeprefix("results_").removesuffix(".json")
    assert ":" not in stamp
    assert results.parent == tmp_path / "out" / "world__cross=0.3,within=0.5"
    assert [file.name for file in samples] == [
        f"samples_persona_t{t}_{stamp}.jsonl" for t in ("0.7", "1")
    ]
    assert sanitized("org/name:v1[x]") == "org__name__v1__x__"


def test_an_export_replaces_an_earlier_one_of_the_same_replies(
    run: Path, written: list[Path], tmp_path: Path
) -> None:
    again = export(run, format="lm-eval", output=tmp_path / "out")
    assert [Path(file) for file in again] == written
    assert set((tmp_path / "out").rglob("*.json*")) == set(written)


@pytest.mark.parametrize(
    ("session", "stamp"),
    [
        ("2026-11-30T18:03Z", "2026-11-30T18-03-00.000000"),
        ("", "2001-09-09T01-46-40.000000"),  # that of the file
        ("yesterday", "2001-09-09T01-46-40.000000"),
        ("0001-01-01T00:00+14:00", "2001-09-09T01-46-40.000000"),
    ],
)
def test_the_stamp_is_the_date_of_the_replies(
    session: str, stamp: str, run: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run"))
    manifest = Manifest.load(copied)
    manifest.model_copy(update={"last_session": Session(date=session)}).save(copied)
    os.utime(copied / "samples.parquet", (1_000_000_000, 1_000_000_000))
    results = Path(export(copied, format="lm-eval", output=tmp_path / "out")[0])
    assert results.name == f"results_{stamp}.json"
    drawn = datetime.strptime(f"{stamp}+0000", "%Y-%m-%dT%H-%M-%S.%f%z")
    assert json.loads(results.read_text())["date"] == drawn.timestamp()


def test_results_hold_value_error_and_interval_of_each_metric(
    run: Path, written: list[Path]
) -> None:
    content = json.loads(written[0].read_text())
    estimates = load(run).results
    for row in estimates[estimates.persona == ""].itertuples():
        task = content["results"][f"persona_t{row.temperature:g}"]
        if row.value != row.value:  # undefined
            assert f"{row.metric},none" not in task
            continue
        assert task[f"{row.metric},none"] == row.value
        if row.n > 1:
            assert (task[f"{row.metric}_ci_low,none"], task[f"{row.metric}_ci_high,none"]) == (
                row.low,
                row.high,
            )
    # t interval over 4 queries: half width = t(0.975, 3) = 3.1824 standard errors
    task = content["results"]["persona_t1"]
    half = (task["distinct_2_ci_high,none"] - task["distinct_2_ci_low,none"]) / 2
    assert half == pytest.approx(3.182446 * task["distinct_2_stderr,none"], rel=1e-5)
    assert content["higher_is_better"]["persona_t1"]["self_bleu_4"] is False
    assert content["higher_is_better"]["persona_t1"]["length"] is None
    assert content["n-samples"]["persona_t1"] == {"original": 8, "effective": 8}
    personas = {e["persona"] for e in content["config"]["sfr_eval"]["estimates"]}
    assert personas == {"", "pirate", "butler"}


def test_each_prompt_is_one_line_and_no_failed_reply_is_text(written: list[Path]) -> None:
    rows = lines(written[1]) + lines(written[2])
    assert [row["doc_id"] for row in rows] == [*range(8), *range(8)]
    counted: dict[str, int] = defaultdict(int)
    for row in rows:
        (texts,) = row["resps"]
        assert row["filtered_resps"] == [texts]
        assert all(isinstance(text, str) and text for text in texts)
        for sample in own(row):
            counted[sample["status"]] += 1
        spoken = [s for s in own(row) if s["status"] in ("ok", "truncated")]
        assert len(spoken) == len(texts)
        assert set(row["metrics"]) <= set(row)
    assert dict(counted) == {"ok": 44, "refused": 1, "error": 1, "unsupported": 1, "truncated": 1}
    arguments = rows[0]["arguments"]["gen_args_0"]
    assert [turn["role"] for turn in json.loads(arguments["arg_0"])] == ["system", "user"]
    assert (arguments["arg_1"]["temperature"], arguments["arg_1"]["do_sample"]) == (0.7, True)
    assert arguments["arg_1"]["top_p"] == 1.0


def test_hashes_are_those_of_the_content(written: list[Path]) -> None:
    content = json.loads(written[0].read_text())
    rows = lines(written[2])
    joined = ""
    for row in rows:
        document = json.dumps(row["doc"], indent=2, ensure_ascii=False)
        prompt = row["arguments"]["gen_args_0"]["arg_0"]
        hashes = [hashlib.sha256(t.encode()).hexdigest() for t in (document, prompt, "")]
        assert [row["doc_hash"], row["prompt_hash"], row["target_hash"]] == hashes
        joined += "".join(hashes)
    assert content["task_hashes"]["persona_t1"] == hashlib.sha256(joined.encode()).hexdigest()


def test_the_mean_over_lines_is_the_estimate(clean_run: Path, tmp_path: Path) -> None:
    results, _, warm = export(clean_run, format="lm-eval", output=tmp_path)
    task = json.loads(Path(results).read_text())["results"]["persona_t1"]
    rows = lines(Path(warm))
    # of a reply, of a prompt, and of a whole query (given to each of its personas)
    for metric in ("oracle_valid", "self_bleu_4", "cs_self_bleu_4", "length"):
        mean = sum(row[metric] for row in rows) / len(rows)
        assert mean == pytest.approx(task[f"{metric},none"], abs=1e-12), metric


def test_lm_eval_reads_it_and_shows_the_same_numbers(
    run: Path, written: list[Path], peers_python: str
) -> None:
    done = subprocess.run(
        [peers_python, str(READER), *map(str, written)], capture_output=True, text=True, check=False
    )
    if done.returncode == 77:
        pytest.skip("lm_eval is not installed (requirements/peers.txt; PEERS_PYTHON names another)")
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout.splitlines()[-1])
    assert read["tasks"] == ["persona_t0.7", "persona_t1"]
    assert read["lines"] == [8, 8]
    assert read["model"] == written[0].parent.name
    estimates = load(run).results
    overall = estimates[(estimates.persona == "") & (estimates.temperature == 1.0)]
    value = float(overall[overall.metric == "distinct_2"].value.iloc[0])
    table = [[cell.strip() for cell in row.split("|")] for row in read["table"].splitlines()]
    at = [row[1] for row in table].index("persona_t1")
    (cells,) = [row for row in table[at:] if row[5] == "distinct_2"]
    assert cells[7] == f"{value:.4f}"
