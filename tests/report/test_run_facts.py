from sfr_eval.report.run_facts import run_facts
from sfr_eval.store.manifest import (
    Identity,
    ImportFacts,
    Manifest,
    ModelFacts,
    PlannedSuite,
    Session,
    StoredConfig,
)

_UNKNOWN = Identity(sampling="unknown", suites={"persona": "1"})


def test_the_facts_of_a_run_fit_one_line() -> None:
    part = PlannedSuite(suite="persona", queries=16, temperatures=(0.5, 1.0), samples=4)
    manifest = Manifest(
        name="sft",
        model=ModelFacts(fingerprint="sha256:0123456789abcdef"),
        identity=Identity(engine="vllm"),
        plan=(part,),
        config=StoredConfig(model="my model", suite=("persona",)),
        last_session=Session(date="2026-11-30T18:03Z"),
    )
    facts = run_facts(manifest)
    assert list(facts.parts) == [
        "sft",
        "weights 01234567",
        "2026-11-30 18:03 UTC",
        "16 queries x 4 samples x 2 temperatures",
        "vllm",
        "no filters",
    ]
    assert facts.command == "sfr-eval run --model 'my model' --suite persona"


def test_what_is_unknown_is_left_out() -> None:
    assert list(
        run_facts(Manifest(name="x", model=ModelFacts(fingerprint=""), identity=_UNKNOWN)).parts
    ) == ["x"]


def test_imported_generations_have_no_weights() -> None:
    manifest = Manifest(
        name="x",
        model=ModelFacts(fingerprint="text:0123456789abcdef"),
        identity=_UNKNOWN,
        imported=ImportFacts(files=("replies.jsonl",)),
    )
    assert run_facts(manifest).weights == ""
