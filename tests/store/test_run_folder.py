"""pytest tests/store/test_run_folder.py"""

import hashlib
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.errors import RunError, UserError
from sfr_eval.plan import Plan, make_plan
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.store.results import Results
from sfr_eval.store.rows import SampleWriter, decode_row, encode_row
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Sample
from tests.store.conftest import sample, write

# What str.splitlines, JSON, Parquet or a terminal might treat as something else than text.
ODD_TEXTS = [
    "",
    " ",
    "\n",
    "two\nlines",
    "dos\r\nlines\r",
    "line\u2028separator\u2029paragraph",
    "next\x85line\x0bvertical\x0cform",
    "nul\x00byte",
    'quote" back\\slash,"crc":"00000000"}',
    "émigré 漢字 😀 e\u0301",
    "\ufeffmark",
    "\ufffd",
    "x" * 100_000,
]


@pytest.mark.parametrize("text", ODD_TEXTS, ids=lambda text: ascii(text)[:24])
def test_any_text_comes_back_from_jsonl_and_from_parquet(folder: RunFolder, text: str) -> None:
    rows = [sample(1, text), sample(2, "after it")]
    file = write(folder, *rows)
    assert file.read_bytes().count(b"\n") == 2  # one line a row, whatever is in the text
    assert list(folder.read_samples().values()) == rows
    assert folder.damaged == []
    folder.seal(rows)
    assert folder.sealed_samples() == rows


def test_a_63_bit_seed_is_exact_in_parquet(folder: RunFolder) -> None:
    # A seed that went through a float would come back as 2**63.
    folder.seal([sample(1, seed=2**63 - 1)])
    assert folder.sealed_samples()[0].seed == 9_223_372_036_854_775_807


def test_damage_is_named_and_the_good_rows_are_kept(folder: RunFolder) -> None:
    rows = [sample(number) for number in range(5)]
    file = write(folder, *rows)
    lines = file.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"pirate", b"parrot")
    lines[3] = b"\xff\xfe not text\n"
    file.write_bytes(b"".join(lines))
    assert list(folder.read_samples().values()) == [rows[0], rows[2], rows[4]]
    assert folder.damaged == [f"{file}:2", f"{file}:4"]
    file.write_bytes(encode_row(rows[0]))
    folder.read_samples()
    assert folder.damaged == []  # what an earlier reading found is not repeated


def test_an_answer_replaces_an_error_and_never_vice_versa(folder: RunFolder) -> None:
    failed = sample(1, "", status="error", error="engine died")
    answered = sample(1, "Aye.")
    write(folder, failed)
    assert folder.read_samples() == {failed.sample_id: failed}
    write(folder, answered)
    assert folder.read_samples() == {answered.sample_id: answered}
    write(folder, failed)
    assert folder.read_samples() == {answered.sample_id: answered}


@pytest.mark.parametrize("status", ["ok", "truncated", "refused"])
def test_a_repeated_row_keeps_its_first_answer(folder: RunFolder, status: str) -> None:
    first = sample(1, "first", status=status)
    write(folder, first)
    write(folder, sample(1, "second"))
    assert folder.read_samples() == {first.sample_id: first}


def test_each_session_writes_a_file_after_the_earlier_ones(folder: RunFolder) -> None:
    torn = write(folder, sample(1))
    torn.write_bytes(torn.read_bytes()[:-20])
    second = write(folder, sample(2))
    assert (torn.name, second.name) == ("0001.jsonl", "0002.jsonl")
    assert torn.stat().st_size == len(encode_row(sample(1))) - 20  # nobody writes after a tear
    torn.unlink()
    assert write(folder, sample(3)).name == "0003.jsonl"


def test_a_session_without_rows_leaves_no_file(folder: RunFolder) -> None:
    assert not write(folder).exists()


def test_a_row_is_in_the_file_as_soon_as_append_returns(tmp_path: Path) -> None:
    writer = SampleWriter(tmp_path / "0001.jsonl")
    writer.append([sample(1)])
    assert decode_row(writer.file.read_bytes(), Sample) == sample(
        1
    )  # before close: no user-space buffer
    writer.close()


LOCK = """
import sys, time
from pathlib import Path
from sfr_eval.store.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.mark.faults
def test_a_second_writer_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "run"
    other = subprocess.Popen(
        [sys.executable, "-c", LOCK, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(UserError, match="another sfr-eval is writing here"), RunFolder(path):
            pass
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
        other.communicate()
    with RunFolder(path) as folder:
        write(folder, sample(1))
    with RunFolder(path) as folder:  # and a lock that was given back can be taken again
        assert len(folder.read_samples()) == 1


def test_equal_rows_in_any_order_seal_to_equal_bytes(
    tmp_path: Path,
) -> None:
    rows = [sample(number, f"reply {number}") for number in range(50)]
    digests = set()
    for name, drawn in {"forwards": rows, "backwards": rows[::-1]}.items():
        with RunFolder(tmp_path / name) as folder:
            write(folder, *drawn[:20])
            write(folder, *drawn[20:])
            stored = folder.read_samples()
            folder.seal([stored[row.sample_id] for row in rows])
            digests.add(hashlib.sha256(folder.samples_file.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_sealed_file_is_replaced_whole_and_leaves_no_temporary(folder: RunFolder) -> None:
    folder.seal([sample(1)])
    folder.seal([sample(2)])
    assert folder.sealed_samples() == [sample(2)]
    assert [path.name for path in folder.path.iterdir() if path.suffix == ".part"] == []


def test_a_failed_seal_leaves_the_old_file(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.seal([sample(1)])

    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pyarrow.parquet.write_table", fail)
    with pytest.raises(RunError, match="Input/output error; all finished samples are kept"):
        folder.seal([sample(2)])
    assert folder.sealed_samples() == [sample(1)]
    assert not list(folder.path.glob(".*.part"))


def test_damaged_parquet_is_one_line(folder: RunFolder) -> None:
    folder.seal([sample(1)])
    whole = folder.samples_file.read_bytes()
    for cut in (0, 4, len(whole) // 2, len(whole) - 1):
        folder.samples_file.write_bytes(whole[:cut])
        with pytest.raises(UserError, match=r"samples\.parquet: damaged"):
            folder.sealed_samples()
    folder.samples_file.unlink()
    with pytest.raises(UserError, match=r"no samples\.parquet"):
        folder.sealed_samples()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"format": 1, "identity":', "damaged"),
        ("[]", "not a run of this version"),
        ('{"format": 999}', "not a run of this version"),
        ("\x00\x00", "damaged"),
    ],
)
def test_a_damaged_manifest_is_one_line(folder: RunFolder, content: str, says: str) -> None:
    folder.manifest_file.write_text(content)
    with pytest.raises(UserError, match=says) as caught:
        folder.read_manifest()
    assert "\n" not in str(caught.value)


def test_results_refuse_nan_rather_than_write_invalid_json(folder: RunFolder) -> None:
    with pytest.raises(ValueError, match="JSON"):
        folder.write_results(Results(signatures={"length": {"n": float("nan")}}))
    assert not folder.results_file.exists()


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("persona", personas=("pirate", "butler"))


@pytest.fixture(scope="module")
def plan(suite: Suite) -> Plan:
    return make_plan(
        [suite],
        subject={"model": "world"},
        samples=3,
        temperatures=(0.7, 1.0),
        max_tokens=None,
        limit=2,
        seed=0,
    )


@pytest.fixture(scope="module")
def truth(suite: Suite, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """samples.parquet of a run without any accident."""
    with RunFolder(tmp_path_factory.mktemp("truth")) as folder:
        folder.seal(list(WorldSampler([suite], dials={}).sample(plan.requests())))
        return folder.samples_file.read_bytes()


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_run_resumed_after_any_cuts_seals_to_the_same_bytes(
    suite: Suite, plan: Plan, truth: bytes, data: st.DataObject
) -> None:
    """Sessions that draw some of what is missing, in any order, and then lose the end of any of
    the files (more than a crash can do) or a byte in the middle; the last one draws the rest."""
    sampler = WorldSampler([suite], dials={})
    requests = list(plan.requests())
    with (
        tempfile.TemporaryDirectory() as temporary,
        RunFolder(Path(temporary) / "run") as folder,
    ):
        for _ in range(data.draw(st.integers(1, 3))):
            stored = folder.read_samples()
            missing = [r for r in requests if r.sample_id not in stored]
            drawn = data.draw(st.permutations(missing))[: data.draw(st.integers(0, len(missing)))]
            write(folder, *sampler.sample(drawn))
            for file in sorted((folder.path / "samples").glob("*.jsonl")):
                content = bytearray(file.read_bytes())
                if data.draw(st.booleans()):
                    del content[data.draw(st.integers(0, len(content))) :]
                if content and data.draw(st.booleans()):
                    content[data.draw(st.integers(0, len(content) - 1))] ^= 1
                file.write_bytes(bytes(content))
        stored = folder.read_samples()
        write(folder, *sampler.sample(r for r in requests if r.sample_id not in stored))
        stored = folder.read_samples()
        folder.seal([stored[r.sample_id] for r in requests])
        assert folder.samples_file.read_bytes() == truth
