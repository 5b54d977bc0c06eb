"""pytest tests/test_cli.py"""

import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.cli import app
from sfr_eval.commands.options import CONTEXT, SECTIONS
from sfr_eval.config import FIELDS
from sfr_eval.plan import make_plan
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.suites.suite import load_suite
from sfr_eval.version import __version__

SMALL = ["--suite", "persona", "--samples", "2", "--temperatures", "1.0", "--limit", "2"]
SMALL += ["--set", "personas=[pirate, butler]", "--set", "metrics=[text]"]
WORLD = ["run", "--model", "world:cross=0.3", *SMALL]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("sfr-eval: ")
        return lines[0].removeprefix("sfr-eval: ")


def as_process(arguments: Sequence[str], folder: Path, **environment: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "sfr_eval", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path[:1] + _packages()),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def _packages() -> list[str]:
    root = Path(__file__).parent.parent
    return [str(root), str(root / "train")]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Any:
    """Runs `main` in this process (a start costs a second) in an empty folder."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def run(*arguments: str) -> Ended:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["sfr-eval", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return run


@pytest.mark.parametrize("command_line", [["--help"], ["run", "--help"]])
def test_help_comes_at_once(command_line: list[str], tmp_path: Path) -> None:
    took = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = as_process(command_line, tmp_path)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert ended.code == 0
    assert min(took) < (
        0.2 if command_line == ["--help"] else 0.3
    )  # CPU seconds, not those of others


def test_help_names_the_commands(command: Any) -> None:
    assert {"run", "score", "report", "ls", "doctor", "demo"} <= set(command("-h").out.split())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["ls"], ["ls", "--json"]]
)
def test_light_commands_import_no_heavy_package(arguments: list[str], tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from sfr_eval.cli import main\n"
        f"sys.argv = ['sfr-eval', *{arguments!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'transformers', 'vllm', 'matplotlib', 'sklearn', 'trl', 'datasets'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(_packages())},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "heavy: []"


def test_a_run_as_a_user_types_it(tmp_path: Path) -> None:
    """One real process for the way through: progress to stderr, table to stdout, then resume."""
    first = as_process([*WORLD, "--output", "out"], tmp_path)
    assert (first.code, first.out.splitlines()[-1]) == (
        0,
        f"report: {tmp_path.resolve() / 'out' / 'report.html'}",
    )
    assert "truncation_rate" in first.out
    assert "8 requests, 0 already there -> out" in first.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    again = as_process([*WORLD, "--output", "out", "--json"], tmp_path)
    assert again.code == 0
    assert json.loads(again.out)["estimates"]  # nothing but JSON on stdout
    assert "8 requests, 8 already there" in again.err


def torn_checkpoint(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def without(name: str) -> Any:
    return lambda checkpoint: (checkpoint / name).unlink()


def no_template(checkpoint: Path) -> None:
    (checkpoint / "chat_template.jinja").unlink()


def broken(name: str) -> Any:
    def tear(checkpoint: Path) -> None:
        file = checkpoint / name
        text = file.read_text() if file.exists() else '{"temperature": 0.7}'
        file.write_text(text[: len(text) // 2])

    return tear


def empty_folder(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint)
    checkpoint.mkdir()


TINY = ["--model", "{checkpoint}", *SMALL, "--engine", "transformers"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (torn_checkpoint, "model.safetensors: has "),
        (without("config.json"), "no config.json in"),
        (without("model.safetensors"), "no weight file"),
        (empty_folder, "no config.json in"),
        (no_template, "no chat template"),
        (broken("config.json"), "config.json: is not valid JSON"),
        (broken("generation_config.json"), "generation_config.json: is not valid JSON"),
        (broken("tokenizer.json"), "its tokenizer cannot be read"),
        (broken("tokenizer_config.json"), "its tokenizer cannot be read"),
        (shutil.rmtree, "no such folder"),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_a_damaged_checkpoint_is_one_line_and_leaves_no_folder(
    command: Any, checkpoint: Path, damage: Any, says: str
) -> None:
    damage(checkpoint)
    ended = command("run", "--model", str(checkpoint), *SMALL, "--engine", "transformers")
    assert ended.code == 2
    assert says in ended.error
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["--suite", "persono"], "--suite persono: unknown suite; did you mean `persona`?"),
        (["--suite", "./persona"], "no suite.yaml in this folder"),
        (["--temperatures", "-0.5"], "--temperatures: -0.5 is not between 0 and 2 (got"),
        (["--temperatures", "nan"], "--temperatures: nan is not between 0 and 2"),
        (["--temperatures", "0.9:0.1:0.2"], "range `0.9:0.1:0.2` is empty"),
        (["--temperatures", "warm"], "neither a list like 0.6,1.0 nor a range"),
        (["--temperatures", "0"], "--temperatures 0 with 2 samples"),
        (["--samples", "0"], "--samples: must be at least 1 (got '0')"),
        (["--samples", "many"], "--samples: needs a whole number"),
        (["--limit", "0"], "--limit: "),
        (["--seed", "-1"], "--seed: "),
        (["--engine", "vlm"], "--engine: "),
        (["--sampling", "greedy"], "--sampling: "),
        (["--sampling", "model"], "no generation_config.json"),
        (["--max-tokens"], "Option '--max-tokens' requires an argument"),
        (["--max-tokens", "0"], "--max-tokens: "),
        (["--max-token", "5"], "unknown option --max-token; did you mean `max-tokens`?"),
        (["--model", "world:cros=1"], "`cros=1` is not a dial"),
        (["--model", "nobody/nothing"], "not in the local Hub cache while HF_HUB_OFFLINE is set"),
        (["--model", "n" * 5000], "--model nnn"),
        (["--model", "~nobody-here/x"], "no such folder"),
        (["--set", "metrics=[txet]"], "--metrics txet: unknown metric family; did you mean `text`"),
        (["--set", "metrics=[self_bleu_4]"], "`self_bleu_4` is in family `lexical`"),
        (["--set", "personas=[nobody]"], "--personas nobody: not in suite persona"),
        (["--set", "temperature=1"], "unknown setting `temperature`; did you mean `temperatures`?"),
        (["--set", "samples"], "write name=value"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: cannot be read (No such file"),
        (["stray"], "unexpected extra argument (stray)"),
        (["--output", "/dev/null/below"], "--output /dev/null/below: cannot be written"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_leaves_no_folder(
    command: Any, changes: list[str], says: str
) -> None:
    ended = command(*WORLD, *changes)
    assert ended.code == 2
    assert says in ended.error
    assert ended.out == ""
    assert list(Path.cwd().iterdir()) == []


def test_bad_input_as_a_process_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    ended = as_process([*WORLD, "--suite", "persono"], tmp_path)
    assert ended.code == 2
    assert "did you mean `persona`" in ended.error
    assert list(tmp_path.iterdir()) == []


def test_missing_model_or_suite_says_which(command: Any) -> None:
    assert "--model: not given" in command("run", "--suite", "persona").error
    assert "--suite: not given" in command("run", "--model", "world").error


def test_a_folder_of_another_plan_is_refused(command: Any) -> None:
    assert command(*WORLD, "--output", "out").code == 0
    ended = command(*WORLD, "--output", "out", "--seed", "9")
    assert ended.code == 2
    assert "seed: 0 there, 9 here" in ended.error


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("suite.yaml", "samples: 8", "samples: [8", "suite.yaml:"),
        ("suite.yaml", "samples: 8", "samples: eight", "suite.yaml: samples: "),
        ("suite.yaml", "samples: 8", "sample: 8", "suite.yaml: sample: unknown field; did you"),
        ("suite.yaml", '"0.2:1.6:0.2"', "[0.5, .nan]", "suite.yaml: temperatures: nan is not"),
        ("suite.yaml", '"0.2:1.6:0.2"', "[]", "suite.yaml: temperatures: names no temperature"),
        ("suite.yaml", '"0.2:1.6:0.2"', "[-1]", "suite.yaml: temperatures: -1 is not between"),
        ("suite.yaml", "world: persona\n", "", "suite.yaml: queries: missing"),
        ("suite.yaml", "world: persona\n", "queries: ../../x.jsonl\n", "lies outside the suite"),
        ("suite.yaml", "world: persona\n", "queries: x.jsonl\n", "x.jsonl: cannot be read"),
        ("topics.yaml", "\n", "\n\t[\n", "topics.yaml:2: malformed YAML"),
        ("personas.yaml", "\n", "\n\t[\n", "personas.yaml:2: malformed YAML"),
    ],
)
def test_a_broken_suite_names_file_and_line_or_field(
    command: Any, copied_assets: Any, file: str, old: str, new: str, says: str
) -> None:
    path = copied_assets() / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    ended = command(*WORLD)
    assert ended.code == 2
    assert says in ended.error
    assert str(path.parent) in ended.error
    assert list(Path.cwd().iterdir()) == []


def test_debug_shows_the_traceback_and_keeps_the_exit_code(command: Any) -> None:
    for arguments in (["--debug", *WORLD], [*WORLD, "--debug"]):  # wherever it stands
        ended = command(*arguments, "--suite", "persono")
        assert ended.code == 2
        assert "Traceback (most recent call last)" in ended.err
        assert ended.err.splitlines()[-1].startswith("sfr-eval: ")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("first line\nsecond line"), "RuntimeError: first line second line (unexp"),
        (OSError(errno.EIO, "no", "a/b"), "a/b: Input/output error; all finished samples are kept"),
        (OSError(errno.EMFILE, "no"), "Too many open files; all finished samples are kept: repeat"),
        (FileNotFoundError(errno.ENOENT, "no", "a"), "FileNotFoundError: [Errno 2] no: 'a' (unexp"),
    ],
)
def test_errors_are_one_line_and_never_exit_as_a_failed_gate(
    error: Exception, line: str, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(WorldSampler, "sample", fail)
    ended = command(*WORLD, "--output", "out")
    assert ended.code == 3
    assert ended.err.splitlines()[-1].startswith(f"sfr-eval: {line}")
    assert "Traceback" not in ended.err


def test_dry_run_prints_the_plan_and_draws_nothing(command: Any) -> None:
    ended = command(*WORLD, "--dry-run", "--json")
    assert ended.code == 0
    plan = json.loads(ended.out)
    part = plan["suites"][0]
    # 2 queries x 2 personas x 1 temperature x 2 samples, each at most 96 tokens
    assert (part["prompts"], part["requests"], part["token_bound"]) == (4, 8, 768)
    assert "persona" in command(*WORLD, "--dry-run").out
    assert list(Path.cwd().iterdir()) == []


def test_unknown_labels_end_a_run_before_it_draws(command: Any) -> None:
    Path("mine.jsonl").write_text('{"text": "Arr.", "persona": "Pirate"}\n')
    ended = command(*WORLD, "--metrics", "style", "--style-data", "mine.jsonl", "--output", "out")
    assert ended.code == 2
    assert ended.error == (
        "mine.jsonl:1: persona: `Pirate` is not in suite persona; did you mean `pirate`?"
    )
    assert not Path("out").exists()


def test_dry_run_makes_the_checks_of_a_run(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command(*WORLD, "--output", "out").code == 0
    ended = command(*WORLD, "--output", "out", "--seed", "9", "--dry-run")
    assert "seed: 0 there, 9 here" in ended.error
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 9))
    assert "the disk is full" in command(*WORLD, "--output", "new", "--dry-run").error


def test_ls_lists_in_words_and_in_json(command: Any) -> None:
    listed = json.loads(command("ls", "--json").out)
    assert set(listed) == {"suites", "presets", "judges", "metrics", "objectives", "engines"}
    assert "persona" in [row["name"] for row in listed["suites"]]
    assert {"vllm", "ray", "transformers", "openai", "world"} == {
        row["name"] for row in listed["engines"]
    }
    assert json.loads(command("ls", "suites", "--json").out)["suites"] == listed["suites"]
    assert "self_bleu_4" in command("ls", "metrics").out
    ended = command("ls", "metrix")
    assert (ended.code, ended.error) == (2, "ls metrix: unknown; did you mean `metrics`?")


def test_version(command: Any) -> None:
    assert command("--version").out == f"{__version__}\n"


@pytest.fixture
def generations(tmp_path: Path) -> Path:
    """A JSONL file as another tool would write it: texts of the world."""
    suite = load_suite("persona", personas=("pirate", "butler"))
    plan = make_plan(
        [suite],
        subject={},
        samples=3,
        temperatures=(1.0,),
        max_tokens=None,
        limit=3,
        seed=0,
    )
    file = tmp_path / "generations.jsonl"
    with file.open("w") as lines:
        for row in WorldSampler([suite], dials={}).sample(plan.requests()):
            text = suite.queries[row.query]  # a query may be named by its text too
            fields = {"query": text, "persona": row.persona, "text": row.text, "extra": 1}
            lines.write(json.dumps(fields) + "\n")
    return file


def test_text_made_elsewhere_is_scored_and_scored_again(command: Any, generations: Path) -> None:
    verb = ["score", str(generations), "--suite", "persona", "--metrics", "text"]
    first = command(*verb, "--output", "out")
    assert first.code == 0, first.err
    assert "truncation_rate" in first.out
    results = json.loads(Path("out/results.json").read_text())
    lengths = [row for row in results["estimates"] if row["metric"] == "length"]
    assert {row["k"] for row in lengths} == {3}
    assert next(row for row in lengths if not row["persona"])["n"] == 3  # queries
    before = Path("out/samples.parquet").read_bytes()
    assert command(*verb, "--output", "out").code == 0
    assert command("score", "out", "--metrics", "text").code == 0
    assert Path("out/samples.parquet").read_bytes() == before
    assert json.loads(Path("out/results.json").read_text()) == results
    again = command("report", "out").out.splitlines()
    assert again[0].startswith("persona: ")  # the verdict
    assert again[-1] == f"report: {Path('out/report.html').resolve()}"


def test_a_suite_named_by_folder_can_be_scored_again(
    command: Any, generations: Path, copied_assets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.move(copied_assets(), generations.parent / "my-own-suite")
    monkeypatch.delenv("SFR_EVAL_ASSETS")
    metrics = ["--metrics", "text"]
    ended = command("score", str(generations), "--suite", str(folder), "--output", "o", *metrics)
    assert ended.code == 0, ended.err
    assert command("score", "o", *metrics).code == 0
    assert command(*WORLD, "--suite", str(folder), "--output", "r").error.endswith("twice")
    run = [word if word != "persona" else str(folder) for word in WORLD]
    assert command(*run, "--output", "r").code == 0
    assert command("score", "r", *metrics).code == 0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"query": "tea"', "generations.jsonl:37: is not JSON"),
        ("[1]", "generations.jsonl:37: "),
        ('{"persona": "pirate", "text": "x"}', "generations.jsonl:37: query: missing"),
        ('{"query": "nothing", "persona": "pirate", "text": "x"}', ":37: query `nothing`"),
        ('{"query": "{first}", "persona": "pirat", "text": "x"}', "did you mean `pirate`"),
        ('{"query": "{first}", "persona": "", "text": "x"}', ":37: persona `` is unknown"),
        ('{"query": "{first}", "persona": "pirate", "text": 5}', "generations.jsonl:37: text: "),
        (
            '{"query": "{first}", "persona": "pirate", "text": "\\ud83d"}',
            ":37: the text holds",
        ),
        (
            '{"query": "{first}", "persona": "pirate", "text": "x", "temperature": -1}',
            ":37: temperature: ",
        ),
        (
            '{"query": "{first}", "persona": "pirate", "text": "x", "temperature": Infinity}',
            ":37: temperature: ",
        ),
        ('{"query": "{first}", "persona": "pirate", "text": "x", "status": "fine"}', ": status: "),
    ],
)
def test_a_bad_row_is_named_by_file_and_row(
    command: Any, generations: Path, line: str, says: str
) -> None:
    first = json.loads(generations.read_text().splitlines()[0])["query"]
    whole = generations.read_text() * 2  # 36 rows
    generations.write_text(whole + line.replace("{first}", first) + "\n")
    ended = command("score", str(generations), "--suite", "persona", "--metrics", "text")
    assert ended.code == 2
    assert says in ended.error
    assert str(generations) in ended.error
    assert list(Path.cwd().iterdir()) == []


def test_score_refuses_what_it_cannot_score(command: Any, generations: Path) -> None:
    file = str(generations)
    assert (
        "did you mean `text`"
        in command("score", file, "--suite", "persona", "--metrics", "txet").error
    )
    assert "score nowhere: no such file or folder" in command("score", "nowhere").error
    assert "not a run folder" in command("score", ".", "--suite", "persona").error
    assert "nowhere: no such folder" in command("report", "nowhere").error
    style = ["--style-data", "nowhere.jsonl", "--metrics", "style"]
    assert "nowhere.jsonl" in command("score", file, "--suite", "persona", *style).error
    generations.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-16" in command("score", file, "--suite", "persona").error
    generations.write_bytes(b"\xff\xab")
    assert "is not UTF-8" in command("score", file, "--suite", "persona").error
    generations.write_text("\n")
    assert "is empty" in command("score", file, "--suite", "persona").error
    assert list(Path.cwd().iterdir()) == []  # nothing is left of any of them


def test_a_folder_that_was_there_before_survives_a_refusal(command: Any, generations: Path) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("ten years of work")
    verb = ["score", str(generations), "--suite", "persona", "--output", "mine"]
    ended = command(*verb, "--metrics", "style", "--style-data", "nowhere.jsonl")
    assert ended.code == 2
    assert Path("mine/thesis.txt").read_text() == "ten years of work"


SLOW = """
import sys, time
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.cli import main
whole = WorldSampler.sample
def sample(self, requests):
    for row in whole(self, requests):
        time.sleep(0.1)
        yield row
WorldSampler.sample = sample
main()
"""


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_in_mid_run_loses_no_row_that_was_written(
    command: Any, number: signal.Signals
) -> None:
    arguments = [*WORLD, "--samples", "8", "--output", "out"]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(_packages())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    file = Path("out/samples/0001.jsonl")
    while process.poll() is None and not (file.exists() and file.stat().st_size):
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    polite = number != signal.SIGKILL
    assert process.returncode == (130 if polite else -signal.SIGKILL)
    assert "Traceback" not in err
    kept = file.read_bytes().count(b"\n")
    assert 0 < kept < 32
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert manifest["status"] == ("partial" if polite else "running")
    if polite:
        assert f"interrupted: {kept} samples kept, {32 - kept} to go" in err
    else:
        again = command(*arguments)
        assert again.code == 0
        assert f"32 requests, {kept} already there" in again.err
        whole = command(*arguments[:-1], "whole")
        assert whole.code == 0
        sealed = [Path(name, "samples.parquet").read_bytes() for name in ("out", "whole")]
        assert sealed[0] == sealed[1]


def given(*arguments: str) -> dict[str, Any]:
    """The settings that `run` reads from its command line."""
    settings: dict[str, Any] = (
        app.commands["run"].make_context("run", list(arguments), **CONTEXT).params["settings"]
    )
    return settings


def test_every_setting_is_an_option(command: Any) -> None:
    shown = command("run", "--help").out
    listed = re.findall(r"^  (?:-\w, )?--([a-z-]+)", shown, re.MULTILINE)
    names = [name.replace("-", "_") for name in listed]
    others = {"config", "dry_run", "json", "set", "help", "verbose"}
    assert set(names) - others == set(FIELDS)
    assert len(names) == len(set(names))
    assert [line for line in shown.splitlines() if line.endswith(":") and line[0] != " "] == [
        f"{title}:" for title in SECTIONS
    ]
    assert "--engine [auto|vllm|transformers|world|openai|ray]" in shown
    assert "[default: 0.9]" in shown


def test_options_have_their_values_types(command: Any) -> None:
    assert given("--max-tokens", "5", "--dtype=float32") == {"max_tokens": "5", "dtype": "float32"}
    assert given("--max_tokens", "5", "-m", "x", "-n", "2", "-o", "y") == {
        "max_tokens": "5",
        "model": "x",
        "samples": "2",
        "output": "y",
    }
    assert given("--trust-remote-code", "--json") == {"trust_remote_code": "true"}
    assert given("--trust-remote-code", "false") == {"trust_remote_code": "false"}
    assert given("--personas", "[pirate, butler]") == {"personas": ("pirate", "butler")}
    assert given("--judge", "a", "--judge", "b,c") == {"judge": ("a", "b", "c")}
    assert given("--base-url", "http://[::1]") == {"base_url": ("http://[::1]",)}
    assert given("--layers", "[0,6]", "--encoder", "[x]") == {"layers": "0,6", "encoder": "[x]"}
    assert given("--set", "samples=3", "--samples", "4") == {"samples": "4"}
    assert given() == {}
    score = app.commands["score"].make_context("score", ["--unsafe-code", "x"], **CONTEXT)
    assert score.params["settings"] == {"unsafe_code": True}  # and x is the path
    assert score.params["paths"] == (Path("x"),)


def test_a_wrong_option_names_the_nearest(command: Any) -> None:
    ended = command("run", "--chat-templte", "x")
    assert ended.error == "run: unknown option --chat-templte; did you mean `chat-template`?"
    assert (
        "score: unknown option --encodr; did you mean `encoder`"
        in command("score", "x", "--encodr", "y").error
    )
    assert command("score", "x", "--judge-votes", "3").error == "--judge-votes: needs --judge"
    assert command("rnu").error == "unknown command rnu; did you mean `run`?"
    far = command("run", "--zzqq", "1").error
    assert far.startswith("run: unknown option --zzqq; nearest: --")
    assert far.endswith("; see --help")
    assert far.count("--") == 5  # three names


def test_no_command_at_all_is_a_call_for_help(command: Any) -> None:
    ended = command()
    assert (ended.code, ended.err) == (0, "")
    assert "Commands:" in ended.out
