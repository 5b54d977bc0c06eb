"""lm-eval's samples files as others write them: filters, chats, settings, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.formats.read.folder import foreign_files, import_generations
from sfr_eval.formats.read.mapping import Fields
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import Suite, load_suite

Line = dict[str, Any]


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("persona")


@pytest.fixture
def lines(suite: Suite) -> list[Line]:
    """Four documents, two replies each, prompts as lm-eval writes them after a chat template."""
    found = []
    for number, (text, persona) in enumerate(
        (text, persona)
        for text in list(suite.queries.values())[:2]
        for persona in ("pirate", "butler")
    ):
        card = suite.personas[persona].system
        prompt = f"<|im_start|>system\n{card}<|im_end|>\n<|im_start|>user\n{text}<|im_end|>\n"
        found.append(
            {
                "doc_id": number,
                "doc": {"source": "elsewhere", "who": persona, "number": number // 2},
                "target": "",
                "arguments": {
                    "gen_args_0": {
                        "arg_0": prompt,
                        "arg_1": {
                            "until": ["\n\n"],
                            "temperature": 0.7,
                            "do_sample": True,
                            "max_gen_toks": 64,
                        },
                    }
                },
                "resps": [[f"reply {number} a", f"reply {number} b"]],
                "filtered_resps": [f"reply {number} a"],
                "filter": "none",
                "metrics": ["length"],
                "length": 3.0,
            }
        )
    return found


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., RunFolder]:
    def write_and_import(*files: list[Line], fields: Fields | None = None) -> RunFolder:
        paths = []
        for number, rows in enumerate(files):
            paths.append(tmp_path / f"samples_task{number}_2026-01-02T03-04-05.6.jsonl")
            paths[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
        folder, _ = import_generations(
            paths, suite="persona", output=tmp_path / "run", fields=fields
        )
        return folder

    return write_and_import


def test_prompts_are_found_by_the_text_inside_them(
    read: Callable[..., RunFolder], lines: list[Line], suite: Suite
) -> None:
    folder = read(lines)
    samples = folder.sealed_samples()
    first, second = list(suite.queries)[:2]
    places = [(s.query, s.persona, s.index, s.temperature, s.status) for s in samples]
    assert len(places) == 8
    assert set(places) == {
        (query, persona, index, 0.7, "ok")
        for query in (first, second)
        for persona in ("pirate", "butler")
        for index in (0, 1)
    }
    assert {s.text for s in samples if s.query == second} == {
        f"reply {number} {letter}" for number in (2, 3) for letter in "ab"
    }
    manifest = Manifest.load(folder.path)
    sampling = manifest.identity.sampling_of("persona")
    assert (sampling["max_tokens"], sampling["stop"]) == (64, ["\n\n"])
    # what the file does not say is absent where runs are compared, and named as unknown
    assert not {"seed", "chat_template"} & set(manifest.identity.stored())
    assert "top_p" not in sampling
    assert {"seed", "chat_template", "top_p"} <= set(manifest.imported.unknown)
    assert "all count as complete" in manifest.imported.warnings[1]
    assert "unknown: top_p" in manifest.imported.warnings[2]


def test_a_chat_is_read_by_its_roles(
    read: Callable[..., RunFolder], lines: list[Line], suite: Suite
) -> None:
    text = next(iter(suite.queries.values()))
    turns = [
        {"role": "system", "content": suite.personas["pirate"].system},
        {"role": "user", "content": [{"type": "text", "text": text}]},
    ]
    lines[0]["arguments"]["gen_args_0"]["arg_0"] = [json.dumps(turns)]
    (sample,) = {(s.query, s.persona) for s in read(lines[:1]).sealed_samples()}
    assert sample == (next(iter(suite.queries)), "pirate")


def test_two_filters_do_not_double_the_answers(
    read: Callable[..., RunFolder], lines: list[Line]
) -> None:
    strict = [{**line, "filter": "strict-match", "filtered_resps": ["b"]} for line in lines]
    folder = read(lines + strict)
    assert len(folder.sealed_samples()) == 8
    manifest = Manifest.load(folder.path)
    assert any("2 filters" in caution for caution in manifest.imported.warnings)


def test_results_beside_the_samples_name_the_model(
    read: Callable[..., RunFolder], lines: list[Line], tmp_path: Path
) -> None:
    about = {"model_name": "org/base", "chat_template_sha": "ab" * 32, "config": {}}
    (tmp_path / "results_2026-01-02T03-04-05.6.json").write_text(json.dumps(about))
    manifest = Manifest.load(read(lines).path)
    assert manifest.name == "org/base"
    assert manifest.imported.origin["chat_template_sha"] == "ab" * 32


def test_fields_named_by_the_user_come_first(
    read: Callable[..., RunFolder], lines: list[Line], suite: Suite
) -> None:
    queries = list(suite.queries)
    for line in lines:
        line["doc"]["task"] = queries[5 + line["doc"]["number"]]
        line["arguments"]["gen_args_0"]["arg_0"] = "no trace of it"
    with pytest.raises(
        UserError, match=r"jsonl:1: `no trace of it` names no query .*--query-field"
    ):
        read(lines)
    with pytest.raises(UserError, match=r"--query-field doc\.tusk: no field `tusk`; did you mean"):
        read(lines, fields=Fields(query="doc.tusk", persona="doc.who"))
    with pytest.raises(UserError, match="no persona of suite persona is recognised"):
        read(lines, fields=Fields(query="doc.task"))
    folder = read(lines, fields=Fields(query="doc.task", persona="doc.who"))
    assert {s.query for s in folder.sealed_samples()} == set(queries[5:7])


def change(line: Line, **arguments: Any) -> None:
    line["arguments"]["gen_args_0"]["arg_1"] = arguments


@pytest.mark.parametrize(
    ("arguments", "temperature"),
    [
        ({"do_sample": True, "temperature": 0.3}, 0.3),
        ({"do_sample": True}, 1.0),  # said to be sampled, not how
        ({"do_sample": False, "temperature": 0.3}, 0.0),
        ({}, 0.0),  # lm-eval decodes greedily unless it is told to sample
    ],
)
def test_temperature_is_what_lm_eval_makes_of_its_settings(
    read: Callable[..., RunFolder],
    lines: list[Line],
    arguments: dict[str, Any],
    temperature: float,
) -> None:
    change(lines[0], **arguments)
    lines[0]["resps"] = [["one"]]
    assert [s.temperature for s in read(lines[:1]).sealed_samples()] == [temperature]


def test_copies_at_temperature_0_are_refused(
    read: Callable[..., RunFolder], lines: list[Line]
) -> None:
    change(lines[1], do_sample=False)
    with pytest.raises(UserError, match=r"jsonl:2: a second reply .* at temperature 0"):
        read(lines)


def test_doubled_documents_and_padding_clones_are_refused(
    read: Callable[..., RunFolder], lines: list[Line]
) -> None:
    with pytest.raises(UserError, match=r"jsonl:5: doc_id 0 was already in line 1, .* doubled"):
        read([*lines, lines[0]])
    padded = json.loads(json.dumps(lines))
    padded[-1]["resps"][0] += ["reply 3 b", "reply 3 b"]
    with pytest.raises(UserError, match=r"jsonl:4: 4 answers where most documents have 2"):
        read(padded)


def test_one_prompt_in_two_files_is_refused(
    read: Callable[..., RunFolder], lines: list[Line]
) -> None:
    again = [{**line, "resps": [["other", "texts"]]} for line in lines]
    with pytest.raises(UserError, match=r"task1_.*:1: .* at temperature 0.7 has replies in"):
        read(lines, again)


def test_log_likelihoods_are_refused(read: Callable[..., RunFolder], lines: list[Line]) -> None:
    lines[0]["resps"] = [[["-3.1", "False"]], [["-2.0", "True"]]]
    with pytest.raises(UserError, match="only generated text"):
        read(lines)


def test_other_files_and_folders_are_told_apart(tmp_path: Path, lines: list[Line]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "samples_a_b.jsonl").write_text("{}\n")
    (tmp_path / "deep" / "results_b.json").write_text("{}\n")
    assert foreign_files([tmp_path]) == [tmp_path / "deep" / "samples_a_b.jsonl"]
    (tmp_path / "manifest.json").write_text("{}")
    assert foreign_files([tmp_path]) == []  # a run folder
    with pytest.raises(UserError, match="is not a file"):
        foreign_files([tmp_path / "deep" / "samples_a_b.jsonl", tmp_path])
