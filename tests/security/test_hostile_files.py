"""pytest tests/security/test_hostile_files.py: bombs, links, lies in files of others."""

import gzip
import json
import os
import shutil
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.errors import UserError
from sfr_eval.grading.program_file import read_programs
from sfr_eval.judges.rubric import load_judge
from sfr_eval.metrics.families import load_family
from sfr_eval.models.checkpoint import resolve
from sfr_eval.pipeline.score import score
from sfr_eval.report.report import write_report
from sfr_eval.settings import CodeSettings, EngineSettings
from sfr_eval.store.rows import decode_row
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.problems.private_tests import MAX_OPCODES, pickled_text
from sfr_eval.suites.problems.source import FileData
from sfr_eval.suites.spec import QueryRow, SuiteSpec
from sfr_eval.suites.suite import load_suite
from sfr_eval.types import Sample
from sfr_eval.util import untrusted as hostile
from sfr_eval.util.assets import cache_open_to_others, find_suite
from sfr_eval.util.files import atomic_path, scratch_folder, write_atomic
from sfr_eval.util.reading import read_jsonl, read_yaml_mapping
from sfr_eval.util.zip_file import refuse_zip_bomb
from tests.support.report_data import write_run

SUITE = """
id: {id}
version: "1"
title: t
queries: {queries}
persona_cards: {cards}
metrics: [text]
"""
CARDS = "personas: [{id: a, name: A, system: Be A.}]"


def make_suite(
    folder: Path, *, id: str = "own", queries: str = "q.jsonl", cards: str = "c.yaml"
) -> Path:
    folder.mkdir()
    (folder / "suite.yaml").write_text(SUITE.format(id=id, queries=queries, cards=cards))
    (folder / "q.jsonl").write_text('{"id": "one", "text": "What?"}\n')
    (folder / "c.yaml").write_text(CARDS)
    return folder


# Bombs


def test_a_gzip_bomb_stops_before_it_fills_the_memory(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 60_000
    file = tmp_path / "bomb.jsonl.gz"
    file.write_bytes(bomb)
    with pytest.raises(UserError, match=r"bomb.jsonl.gz: unpacks to more than [\d,]+ bytes"):
        FileData(file=file).rows()


def test_a_bomb_in_a_second_member_is_one_too() -> None:
    raw = gzip.compress(b"{}\n") + gzip.compress(b"\0" * 50_000_000)
    with pytest.raises(UserError, match="unpacks to more than"):
        hostile.unpacked(raw, where="x")


def test_ordinary_gzip_files_come_back_whole() -> None:
    rows = b"".join(b'{"id": %d, "text": "%d"}\n' % (i, i * i) for i in range(20_000))
    assert hostile.unpacked(gzip.compress(rows), where="x") == rows
    halves = gzip.compress(rows[:1_000]) + gzip.compress(rows[1_000:])
    assert hostile.unpacked(halves, where="x") == rows == gzip.decompress(halves)
    with pytest.raises(UserError, match="unpacks to more than 1,000 bytes"):
        hostile.unpacked(gzip.compress(rows), where="x", max_bytes=1_000)


def test_a_log_that_is_a_zip_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    from sfr_eval.formats.read.inspect_log import own_suite
    from sfr_eval.formats.read.source import open_source

    for name, content in (("bomb.eval", b"\0" * 30_000_000), ("fine.eval", b"{}" * 1_000)):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("header.json", content)
    with pytest.raises(UserError, match=r"bomb.eval: unpacks to 30,000,000 bytes"):
        own_suite(open_source(tmp_path / "bomb.eval"))
    refuse_zip_bomb(tmp_path / "fine.eval")
    with pytest.raises(UserError, match=r"fine.eval: is not an inspect log"):
        own_suite(open_source(tmp_path / "fine.eval"))


def lying_zip(file: Path, *, method: int) -> None:
    """Write a zip whose directory says that its part unpacks to far less than it does."""
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("header.json", b"{" + b" " * 400_000 + b"}")
    raw = bytearray(file.read_bytes())
    directory = raw.rindex(b"PK\x01\x02")
    raw[directory + 24 : directory + 28] = (2_000).to_bytes(4, "little")
    file.write_bytes(raw)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_whose_directory_lies_is_refused(method: int, tmp_path: Path) -> None:
    file = tmp_path / "lying.eval"
    lying_zip(file, method=method)
    with pytest.raises(UserError, match=r"header\.json unpacks to more than its directory says"):
        refuse_zip_bomb(file)


@pytest.mark.parametrize("cut", [1, 5, 12, -1, -9])
def test_a_torn_gzip_file_is_one_line(cut: int) -> None:
    with pytest.raises(UserError, match="x: is not a complete gzip file"):
        hostile.unpacked(gzip.compress(b"a" * 100)[:cut], where="x")


def test_a_pickle_of_a_million_opcodes_is_refused_at_once() -> None:
    with pytest.raises(UserError, match="more than a text"):
        pickled_text(b"\x80\x04" + b"\x94" * (MAX_OPCODES + 1) + b".", where="x")


@pytest.mark.parametrize("read", [lambda f: read_jsonl(QueryRow, f), lambda f: [*read_programs(f)]])
def test_a_line_without_end_is_refused_and_named(
    read: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostile, "MAX_LINE_BYTES", 1_000)
    file = tmp_path / "rows.jsonl"
    file.write_text("\n" + "x" * 5_000)
    with pytest.raises(UserError, match=r"rows.jsonl:2: longer than 1,000 bytes"):
        read(file)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"id": ' + "9" * 5_000 + "}"], ids=["deep", "big"]
)
def test_json_that_python_cannot_read_is_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(text)
    for read in (lambda: read_jsonl(QueryRow, file), lambda: FileData(file=file).rows()):
        with pytest.raises(UserError, match=r"rows.jsonl.*: is not JSON \("):
            read()
    assert decode_row(text.encode(), Sample) is None


def test_a_stored_row_that_is_nested_too_deeply_is_no_row() -> None:
    import zlib

    body = '{"sample_id":' + "[" * 100_000
    line = f'{body},"crc":"{zlib.crc32(body.encode()):08x}"}}\n'
    assert decode_row(line.encode(), Sample) is None


def test_a_billion_laughs_in_yaml_ends_in_a_few_short_lines(tmp_path: Path) -> None:
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    folder = make_suite(tmp_path / "own")
    for field in ("title", "metrics", "persona_cards", "a39"):
        text = SUITE.format(id="own", queries="q.jsonl", cards="c.yaml") + "\n".join(lines)
        kept = [line for line in text.splitlines() if not line.startswith(f"{field}:")]
        (folder / "suite.yaml").write_text("\n".join([*kept, f"{field}: *a38"]))
        with pytest.raises(UserError) as error:
            load_suite(str(folder))
        assert len(str(error.value)) < 2_500


@pytest.mark.parametrize("text", ["a: " + "[" * 5_000, "a: " + "9" * 5_000], ids=["deep", "big"])
def test_yaml_that_python_cannot_read_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UserError, match=r"x.yaml.*malformed YAML"):
        read_yaml_mapping(tmp_path / "x.yaml")


def test_yaml_tags_build_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(f"a: !!python/object/apply:os.mkdir [{tmp_path / 'owned'}]")
    with pytest.raises(UserError, match="malformed YAML"):
        read_yaml_mapping(file)
    assert not (tmp_path / "owned").exists()


# Names that lead elsewhere

ELSEWHERE = [
    "../x",
    "/etc",
    "..",
    ".",
    "a/b",
    "a\\b",
    "a\0b",
    "A",
    "a b",
    "a\n",
    "-a",
    "",
    "a" * 101,
]


@pytest.mark.parametrize("name", ELSEWHERE, ids=repr)
def test_an_id_of_a_suite_is_no_path(name: str, tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "own")
    fields = read_yaml_mapping(folder / "suite.yaml")
    (folder / "suite.yaml").write_text(json.dumps({**fields, "id": name}))
    with pytest.raises(UserError, match="id: "):
        load_suite(str(folder))


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "a\0b", "A", "a b", "a\n", "", "a" * 101])
def test_an_id_of_a_persona_is_no_path(name: str, tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "own")
    card = {"id": name, "name": "A", "system": "Be A."}
    (folder / "c.yaml").write_text(json.dumps({"personas": [card]}))
    with pytest.raises(UserError, match="id: "):
        load_suite(str(folder))


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "a\0b", "a b", "a\n", "", "a" * 201])
def test_an_id_of_a_query_is_no_path(name: str, tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "own")
    (folder / "q.jsonl").write_text(json.dumps({"id": name, "text": "What?"}))
    with pytest.raises(UserError, match=r"q.jsonl:1: id: "):
        load_suite(str(folder))


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "link.jsonl", "up/secret"])
@pytest.mark.parametrize("field", ["queries", "cards"])
def test_data_of_a_suite_lie_inside_of_it(field: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"id": "a", "text": "secret"}')
    folder = make_suite(tmp_path / "own", **{field: name})  # type: ignore[arg-type]
    (folder / "link.jsonl").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    with pytest.raises(UserError, match="lies outside the suite's folder"):
        load_suite(str(folder))


def test_a_link_that_a_suite_does_not_name_is_refused_too(tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "own")
    load_suite(str(folder))
    (tmp_path / "secret").write_text("secret")
    (folder / "more.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match=r"more.txt: lies outside"):
        load_suite(str(folder))


@pytest.mark.parametrize("name", ["../persona", "persona/../persona", "../../etc", "\0", "~", ""])
def test_names_of_assets_are_looked_up_and_never_joined(name: str) -> None:
    with pytest.raises(UserError):
        find_suite(name)
    with pytest.raises(UserError):
        load_judge(name)
    with pytest.raises(UserError):
        load_family(name)


def test_a_family_of_metrics_is_no_module_to_import() -> None:
    with pytest.raises(UserError, match="unknown"):
        load_family("os:system")
    assert SuiteSpec.model_fields["metrics"]


@pytest.mark.parametrize("model", ["..", "../..", "/", "a/../../b", "x" * 300, "a\nb", "world:"])
def test_the_name_of_a_run_folder_is_one_plain_part_of_a_path(model: str) -> None:
    from sfr_eval.models.checkpoint import Checkpoint

    name = Checkpoint(name=model, kind="served", fingerprint="x").short_name
    assert Path(name).parts == (name,)
    assert name not in ("", ".", "..")
    assert "\n" not in name


@pytest.mark.parametrize("shard", ["../other.safetensors", "/tmp/x.safetensors", 3])
def test_an_index_names_no_weights_outside_of_the_fingerprint(
    shard: object, checkpoint: Path
) -> None:
    shutil.copy(checkpoint / "model.safetensors", checkpoint.parent / "other.safetensors")
    index = {"weight_map": {"a": shard, "b": "model.safetensors"}}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=r"index\.json"):
        resolve(str(checkpoint))


def test_an_adapter_that_names_itself_as_base_ends(tmp_path: Path) -> None:
    config = {"base_model_name_or_path": str(tmp_path)}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="is itself an adapter"):
        resolve(str(tmp_path))
    config["base_model_name_or_path"] = "world:cross=0.3"
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="has no weights"):
        resolve(str(tmp_path))


# Run folders made by others


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("finished") / "run").path


@pytest.fixture
def received(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder that somebody sent, without the cache that made it."""
    monkeypatch.setattr("sfr_eval.report.report.files", lambda figures: [("csv", b"x")])
    folder = tmp_path / "received"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("cache"))
    return folder


def score_again(folder: Path) -> None:
    score(RunFolder(folder), {"metrics": ("text",)})


@pytest.mark.parametrize(
    "link", [".lock", "samples", "scores", "plots", "verdicts/persona.jsonl", "report.html", "new"]
)
def test_a_link_in_a_run_folder_is_refused_and_not_followed(
    link: str, received: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    if link in ("samples", "scores", "plots"):
        victim.mkdir()
        (victim / "kept").write_text("kept")
    else:
        victim.write_text("kept")
    place = received / link
    if place.is_dir():
        shutil.rmtree(place)
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(victim)
    with pytest.raises(UserError, match="is a symbolic link inside a run folder"):
        score_again(received)
    with pytest.raises(UserError, match="is a symbolic link inside a run folder"):
        write_report(RunFolder(received))
    content = victim / "kept" if victim.is_dir() else victim
    assert content.read_text() == "kept"
    assert [*victim.iterdir()] == [content] if victim.is_dir() else True


def test_the_lock_truncates_nothing_and_follows_nothing(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic"):
        hostile.open_for_append(tmp_path / "link")
    with hostile.open_for_append(tmp_path / "victim"):
        pass
    assert (tmp_path / "victim").read_text() == "kept"


@pytest.mark.parametrize("id", ["../../evil", "/tmp/evil", "a/../../evil"])
def test_the_plan_of_a_received_run_names_no_path(id: str, received: Path) -> None:
    for name in ("manifest.json", "results.json"):
        text = (received / name).read_text()
        (received / name).write_text(text.replace('"persona"', json.dumps(id)))
    with pytest.raises(UserError, match="is not the id of a suite"):
        write_report(RunFolder(received))
    assert not list(received.parent.rglob("*evil*"))


def test_a_received_run_does_not_bring_its_own_permissions(
    received: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lets code of others run is asked for by this command, never by the folder."""
    manifest = json.loads((received / "manifest.json").read_text())
    manifest["config"] |= {"trust_remote_code": True, "unsafe_code": True}
    (received / "manifest.json").write_text(json.dumps(manifest))
    seen: list[bool] = []

    def forward_for(*_: Any, serving: EngineSettings, **__: Any) -> None:
        seen.append(serving.trust_remote_code)

    def measure(*_: Any, code: CodeSettings, **__: Any) -> dict[str, Any]:
        seen.append(code.unsafe_code)
        raise UserError("enough")

    monkeypatch.setattr("sfr_eval.pipeline.score.forward_for", forward_for)
    monkeypatch.setattr("sfr_eval.pipeline.score.measure_and_report", measure)
    with pytest.raises(UserError, match="enough"):
        score_again(received)
    assert seen == [False, False]
    monkeypatch.setattr(
        sys, "argv", ["sfr-eval", "score", str(received), "--unsafe-code", "--trust-remote-code"]
    )
    with pytest.raises(SystemExit):
        cli.main()
    assert seen[2:] == [True, True]
    assert json.loads((received / "manifest.json").read_text()) == manifest  # the record stays


# Places that others can write to


def test_a_cache_that_others_can_write_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / "cache"))
    assert cache_open_to_others() is None  # not there yet
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o755)
    assert cache_open_to_others() is None
    (tmp_path / "cache").chmod(0o777)
    said = cache_open_to_others()
    assert said is not None
    assert "every user of this machine can write to it" in said
    (tmp_path / "cache").chmod(0o1777)  # the sticky bit keeps files, but new ones can be planted
    assert cache_open_to_others() is not None


def test_temporary_names_are_random_and_modes_follow_the_umask(tmp_path: Path) -> None:
    names = set()
    before = os.umask(0o077)
    try:
        for _ in range(3):
            with atomic_path(tmp_path / "x.json") as temporary:
                names.add(temporary.name)
                assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == 0o600
        folders = {scratch_folder(tmp_path / "hidden") for _ in range(3)}
        assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in folders)
        os.umask(0o022)
        write_atomic(tmp_path / "y.json", "{}")
        assert stat.S_IMODE((tmp_path / "y.json").stat().st_mode) == 0o644
    finally:
        os.umask(before)
    assert len(names) == len(folders) == 3


def test_writing_replaces_a_link_and_never_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "x.json").symlink_to(tmp_path / "victim")
    write_atomic(tmp_path / "x.json", "new")
    assert (tmp_path / "victim").read_text() == "kept"
    assert not (tmp_path / "x.json").is_symlink()
