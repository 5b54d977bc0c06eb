import json
from pathlib import Path

import pytest

from sfr_eval.formats.export import export
from sfr_eval.pipeline.measure import measure
from sfr_eval.plan import describe_plan, make_plan
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.settings import ScoreSettings
from sfr_eval.store.manifest import Manifest, StoredConfig
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import load_suite
from sfr_eval.util.chat_rows import chat_of_row


def test_chats_are_what_train_reads(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    suite = load_suite("persona", personas=("pirate",))
    plan = make_plan(
        [suite], subject={}, samples=2, temperatures=(1.0,), max_tokens=None, limit=2, seed=0
    )
    samples = list(WorldSampler([suite], dials={}).sample(plan.requests()))
    manifest = Manifest(
        name="toy",
        plan=describe_plan(plan),
        config=StoredConfig(suite=("persona",), personas=("pirate",)),
    )
    with RunFolder(tmp_path) as folder:
        folder.write_manifest(manifest.model_copy(update={"sealed": folder.seal(samples)}))
        settings = ScoreSettings(metrics=("text",))
        folder.write_results(
            measure(samples, [suite], folder=folder, manifest=manifest, settings=settings)
        )
    (file,) = export(tmp_path, format="chats")
    rows = [json.loads(line) for line in Path(file).read_text().splitlines()]
    assert [row["messages"][-1]["content"] for row in rows] == [s.text for s in samples]
    chats = [chat_of_row(row, where="row") for row in rows]
    assert [chat.turns[0]["role"] for chat in chats] == ["system"] * 4
    assert "left out" not in capfd.readouterr().err
