"""The readers that are fuzzed: the files that each reads, and how it is called."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz import seeds, user_seeds
from tests.fuzz.containers import Packed, as_csv, as_parquet, as_tsv, as_zip
from tests.fuzz.seeds import Files, plain

if TYPE_CHECKING:
    from sfr_eval.suites.suite import Suite


@dataclass(frozen=True)
class Reader:
    """What is fuzzed. `read` gets the folder that holds the files."""

    name: str
    seeds: tuple[Files, ...]
    read: Callable[[Path], object]


def read_suite(folder: Path) -> object:
    from sfr_eval.suites.suite import load_suite

    return load_suite(str(folder)).prompts()


def read_config(folder: Path) -> object:
    from sfr_eval.config import load_run_config

    return load_run_config({}, file=folder / "config.yaml", environment={})


def read_judge(folder: Path) -> object:
    from sfr_eval.judges.rubric import load_judge

    return load_judge(str(folder / "judge.yaml"))


def read_checks(folder: Path) -> object:
    from sfr_eval.gate.spec import read_checks as read

    return read(folder / "check.yaml")


def read_preset(folder: Path) -> object:
    from sfr_eval.decoders.presets import read_preset as read

    return read(folder / "preset.yaml")


def read_programs(folder: Path) -> object:
    from sfr_eval.grading.program_file import read_programs as read

    return list(read(folder / "programs.jsonl"))


def read_prompts(folder: Path) -> object:
    from sfr_eval.suites.prompt_file import prompt_suite

    return prompt_suite(str(next(folder.iterdir()))).prompts()


def import_all(folder: Path) -> object:
    """Make run folders, score them not. What was made is read again, as every command does."""
    from sfr_eval.formats.read.folder import import_runs

    files = sorted(file for file in folder.iterdir() if file.name != "out")
    files = [file for file in files if not file.name.startswith(("results_", "question"))]
    imported = import_runs(files, suite=None, output=folder / "out")
    return [run.sealed_samples() for run in imported.folders]


def read_checkpoint(folder: Path) -> object:
    from sfr_eval.models.checkpoint import resolve
    from sfr_eval.models.stored_weights import stored_weights
    from sfr_eval.models.templates import own_template, reads_clock, variables

    found = resolve(str(folder))
    template = own_template(folder)
    seen = template and (variables(template), reads_clock(template))
    return found.short_name, seen, stored_weights(folder)


def read_adapter(folder: Path) -> object:
    from sfr_eval.models.checkpoint import resolve

    base = folder / "base"
    base.mkdir()
    for name, content in seeds.CHECKPOINT.items():
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (base / name).write_bytes(raw)
    file = folder / "adapter_config.json"
    if file.is_file():
        file.write_bytes(file.read_bytes().replace(b'"base"', json.dumps(str(base)).encode()))
    return resolve(str(folder))


def read_encoder(folder: Path) -> object:
    from sfr_eval.embeddings.locate import encoder_fingerprint, find_encoder, read_window

    find_encoder(str(folder))
    return encoder_fingerprint(folder), read_window(folder)


def read_answers(folder: Path) -> object:
    from sfr_eval.judges.rubric import load_judge, read_answer
    from sfr_eval.util.untrusted import plain_bytes

    try:
        text = plain_bytes(folder / "answer.txt").decode(errors="replace")
    except OSError:  # an answer comes from a server, not from a file
        text = ""
    return [read_answer(load_judge(name), text) for name in ("rel", "pairwise")]


def read_run(folder: Path) -> object:
    """Read a run folder as `report` and `compare` do first."""
    from sfr_eval.store.manifest import Manifest
    from sfr_eval.store.results import Results, read_suites
    from sfr_eval.store.run_folder import RunFolder

    manifest, results = Manifest.load(folder), Results.load(folder)
    manifest.looked_at()
    seen = [manifest.identity.decoder_name, sum(part.requests for part in manifest.plan)]
    return (
        seen,
        [suite.metrics for suite in read_suites(manifest, results)],
        (RunFolder(folder).read_samples()),
    )


def read_baseline(folder: Path) -> object:
    from sfr_eval.gate.baseline import read_snapshot

    found = read_snapshot(folder / "baseline.json")
    suites = found.suites.values()
    return [(suite.measured, suite.slices, suite.metrics) for suite in suites], (
        found.conditions(["self_bleu_4"])
    )


def read_style(folder: Path) -> object:
    from sfr_eval.metrics.labels import read_style_data

    return read_style_data(folder / "style.jsonl", own_suite(folder))


def read_references(folder: Path) -> object:
    from sfr_eval.suites.references import references_of

    found = references_of(own_suite(folder), folder / "replies.jsonl")
    return found and (found.digest, found.fewest)


def own_suite(folder: Path) -> "Suite":
    """The suite of the seeds, whole, beside the file that is broken."""
    from sfr_eval.suites.suite import load_suite

    place = folder / "out" / "suite"
    place.mkdir(parents=True)
    for name, content in SUITE_FILES.items():
        (place / name).write_bytes(plain(content))
    return load_suite(str(place))


def import_for_suite(folder: Path) -> object:
    from sfr_eval.formats.read.folder import import_runs

    files = [file for file in folder.iterdir() if file.name != "out"]
    own_suite(folder)
    place = str(folder / "out" / "suite")
    imported = import_runs(files, suite=place, output=folder / "out" / "run")
    return [run.sealed_samples() for run in imported.folders]


def read_recipe(folder: Path) -> object:
    from sfr_train.job import load_job

    return load_job(str(folder / "recipe.yaml"))


def read_job(folder: Path) -> object:
    from sfr_train.job_file import differences, read_job_file

    found = read_job_file(folder)
    return differences(found, found), found.saving


def read_stored(folder: Path) -> object:
    """Read the rows of a run folder, each kind of them."""
    from sfr_eval.grading.verdicts import Graded
    from sfr_eval.judges.votes import Judgement
    from sfr_eval.store.given import Given
    from sfr_eval.store.rows import intact_rows
    from sfr_eval.store.run_folder import RunFolder
    from sfr_eval.store.scores import read_scores, score_files

    kinds = (("votes", Judgement), ("verdicts", Graded), ("given", Given))
    rows = [[*intact_rows(folder / f"{name}.jsonl", kind)] for name, kind in kinds]
    for file in score_files(folder):
        read_scores(file)
    return rows, RunFolder(folder).read_samples(), RunFolder(folder).sealed_samples()


def read_labels(folder: Path) -> object:
    from sfr_eval.calibration.labels import read_labels as read

    return len(read(folder / "labels.jsonl").pairs)


def read_judge_labels(folder: Path) -> object:
    from sfr_eval.judges.rubric import load_judge
    from sfr_eval.judges.trial_items import LabelRow, labelled_items
    from sfr_eval.util.reading import read_jsonl

    file = folder / "labels.jsonl"
    return labelled_items(read_jsonl(LabelRow, file), [load_judge("rel")], file=str(file))


def read_judge_errors(folder: Path) -> object:
    """Read them as `score` does for a run that this judge has judged, and correct by them."""
    from sfr_eval.judges.error_rates import corrected_estimates, matched
    from sfr_eval.store.manifest import JudgingRecord
    from sfr_eval.types import Estimate

    record = JudgingRecord(judges=("j@h",), rubrics={"rel": "r"}, votes=1)
    errors = matched(folder / "judge.json", record)
    estimate = Estimate(
        metric="judge_rel_good", version="1", suite="own", temperature=1.0, persona="",
        value=0.7, low=0.6, high=0.8, method="t", n=20, k=2, undefined=0, higher_is_better=True,
        standard_error=0.05,
    )  # fmt: skip
    return list(corrected_estimates([estimate], errors))


def read_chats(folder: Path) -> object:
    from sfr_train.data.chat_data import DataSettings
    from sfr_train.data.rows import load_tables

    tables = load_tables(DataSettings(file=folder / "chats.jsonl"), cache=folder / "out")
    return list(tables.train), tables.survey


SUITE_FILES: Files = {
    "suite.yaml": seeds.SUITE,
    "q.jsonl": seeds.QUERIES,
    "c.yaml": seeds.CARDS,
}
READERS = (
    Reader("suite", (SUITE_FILES,), read_suite),
    Reader("config", ({"config.yaml": seeds.CONFIG},), read_config),
    Reader("judge", ({"judge.yaml": seeds.JUDGE},), read_judge),
    Reader("checks", ({"check.yaml": seeds.CHECKS},), read_checks),
    Reader("programs", ({"programs.jsonl": seeds.PROGRAMS},), read_programs),
    Reader("prompts", (
        {"p.jsonl": seeds.PROMPTS}, {"p.json": seeds.CHATS}, {"p.jsonl": seeds.QUERIES},
    ), read_prompts),
    Reader("rows", (
        {"r.jsonl": seeds.ROWS}, {"r.json": list(seeds.ROWS)}, {"r.json": seeds.CHATS},
    ), import_all),
    Reader("own-rows", ({"r.jsonl": seeds.OWN_ROWS},), import_all),
    Reader("alpaca", ({"m.json": seeds.ALPACA},), import_all),
    Reader("mt-bench", (
        {"m.jsonl": seeds.MT_BENCH, "question.jsonl": seeds.QUESTIONS},
    ), import_all),
    Reader("batch", ({"b.jsonl": seeds.BATCH, "q.jsonl": seeds.REQUESTS},), import_all),
    Reader("promptfoo", ({"p.json": seeds.PROMPTFOO},), import_all),
    Reader("noveltybench", ({"n.jsonl": seeds.NOVELTY},), import_all),
    Reader("livecodebench", ({"l.json": seeds.LIVECODE},), import_all),
    Reader("evalplus", ({"e.jsonl": seeds.EVALPLUS},), import_all),
    Reader(
        "lm-eval",
        ({
            "samples_t_2025-01-01T00-00-00.000001.jsonl": seeds.LM_EVAL,
            "results_2025-01-01T00-00-00.000001.json": seeds.LM_RESULTS,
        },),
        import_all,
    ),
    Reader("run", (seeds.RUN,), read_run),
    Reader("baseline", ({"baseline.json": seeds.BASELINE},), read_baseline),
    Reader("checkpoint", (seeds.CHECKPOINT, seeds.INDEX), read_checkpoint),
    Reader("adapter", (seeds.ADAPTER,), read_adapter),
    Reader("encoder", (seeds.ENCODER,), read_encoder),
    Reader("preset", ({"preset.yaml": seeds.PRESET},), read_preset),
    Reader("answer", tuple({"answer.txt": answer} for answer in seeds.ANSWERS), read_answers),
    Reader("style", ({"style.jsonl": seeds.STYLE},), read_style),
    Reader("references", ({"replies.jsonl": seeds.REFERENCES},), read_references),
    Reader("bigcode", ({"generations.json": seeds.PROGRAM_LISTS},), import_for_suite),
    Reader("prompt-table", (
        {"p.csv": Packed(seeds.PROMPT_TABLE, as_csv)},
        {"p.tsv": Packed(seeds.PROMPT_TABLE, as_tsv)},
        {"p.parquet": Packed(seeds.PROMPT_TABLE, as_parquet)},
        {"p.parquet": Packed(seeds.CHAT_TABLE, as_parquet)},
    ), read_prompts),
    Reader("row-table", (
        {"r.csv": Packed(seeds.ROW_TABLE, as_csv)},
        {"r.parquet": Packed(seeds.ROW_TABLE, as_parquet)},
    ), import_all),
    Reader("inspect", (
        {"log.eval": Packed(seeds.INSPECT_PARTS, as_zip)}, {"log.json": seeds.INSPECT_LOG},
    ), import_all),
    Reader("recipe", ({"recipe.yaml": seeds.RECIPE},), read_recipe),
    Reader("job", ({"job.json": seeds.JOB},), read_job),
    Reader("stored", (seeds.STORED,), read_stored),
    Reader("labels", tuple(
        {"labels.jsonl": rows} for rows in (user_seeds.PAIRS, user_seeds.CLASSES,
                                            user_seeds.PARTITIONS)
    ), read_labels),
    Reader("judge-labels", ({"labels.jsonl": user_seeds.JUDGE_LABELS},), read_judge_labels),
    Reader("judge-errors", ({"judge.json": user_seeds.JUDGE_CALIBRATION},), read_judge_errors),
    Reader("chats", (
        {"chats.jsonl": user_seeds.CHATS}, {"chats.jsonl": user_seeds.TOOL_CHATS},
    ), read_chats),
)  # fmt: skip
