"""The documentation says what the code does: commands parse, named tests and functions exist."""

import contextlib
import importlib.util
import pkgutil
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from sfr_eval.cli import app
from sfr_eval.commands.options import CONTEXT

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(sfr-eval [^`]+)`")


def commands(text: str) -> Iterator[str]:
    """Every `sfr-eval ...` line of a page: in its shell blocks, and in the running text."""
    for language, block in _FENCE.findall(text):
        if language == "sh":
            lines = block.replace("\\\n", " ").splitlines()
            yield from (line for line in lines if line.startswith("sfr-eval "))
    for command in _INLINE.findall(_FENCE.sub("", text)):
        if "..." not in command:
            yield command


COMMANDS = sorted({command for page in PAGES for command in commands(page.read_text())})


def parse(command: str) -> None:
    """Read a command line as the tool does, and run nothing."""
    _, name, *arguments = shlex.split(command, comments=True)
    with contextlib.suppress(click.exceptions.Exit):  # of --help, which has printed its page
        app.commands[name].make_context(name, arguments, **CONTEXT)


def test_commands_are_found() -> None:
    page = "`sfr-eval ls`\n```sh\nsfr-eval run \\\n --model m\n# sfr-eval\n```\n`sfr-eval run ...`"
    assert [shlex.join(shlex.split(c)) for c in commands(page)] == [
        "sfr-eval run --model m",
        "sfr-eval ls",
    ]
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shown_parses(command: str) -> None:
    if len(shlex.split(command, comments=True)) == 2 and not command.endswith(("demo", "doctor")):
        name = command.split()[1]  # the name of a command, not a whole command line
        assert name in {"--help", "--version", *app.commands}
        return
    parse(command)


@pytest.mark.parametrize(
    ("command", "blamed"),
    [
        ("sfr-eval run --modle m", "modle"),
        ("sfr-eval score x --no-such y", "no-such"),
        ("sfr-eval compair a b", "compair"),
    ],
)
def test_a_wrong_command_does_not_parse(command: str, blamed: str) -> None:
    with pytest.raises(Exception, match=blamed):
        parse(command)


def docs_script(name: str) -> ModuleType:
    file = ROOT / "docs" / "scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_the_replies_page_is_what_its_script_writes() -> None:
    script = docs_script("persona_replies")
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run persona_replies.py again"


def test_the_readme_quotes_what_its_figure_plots() -> None:
    script = docs_script("readme_figure")
    table = script.rows()
    highest = {
        (checkpoint, objective): max(
            distinct
            for _, _, distinct, _ in script.curve(table, checkpoint=checkpoint, objective=objective)
        )
        for checkpoint in script.CHECKPOINTS
        for objective in script.OBJECTIVES
    }
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    quoted = {("last", "sfr"): 0.93, ("last", "cka"): 1.15, ("last", "mtp"): 1.00}
    for (checkpoint, objective), number in {**quoted, ("best", "sfr"): 0.03}.items():
        plotted = highest[checkpoint, objective] - highest[checkpoint, "ce"]
        # The caption takes each training at its own best temperature, the figure the mean at each.
        assert plotted == pytest.approx(number, abs=0.03)
        assert f"{number:.2f} ±" in readme


def test_the_commands_shown_make_the_sample_report() -> None:
    script = docs_script("sample_pages")
    page = (ROOT / "docs" / "sample-report.md").read_text(encoding="utf-8")
    for name, model in script.MODELS.items():
        settings = " ".join(script.RUN[1:])
        assert f"sfr-eval run --model {model} {settings} --output runs/{name}" in page


def test_the_curves_of_the_metrics_are_those_of_the_calibration() -> None:
    script = docs_script("metric_curves")
    made = dict(script.curves())
    there = {file.name: file.read_text(encoding="utf-8") for file in script.CURVES.glob("*.svg")}
    assert made == there, "run docs/scripts/metric_curves.py again"
    for name in made:  # and each is shown on its page
        page = ROOT / "docs" / "metrics" / f"{name.rpartition('-')[0]}.md"
        assert f"(curves/{name})" in page.read_text(encoding="utf-8")


def test_tests_and_functions_named_in_the_confounds_exist() -> None:
    page = (ROOT / "docs" / "design" / "confounds.md").read_text()
    sources = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"^def (test_\w+)", sources, re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 20
    assert named <= known, f"no such test: {sorted(named - known)}"
    for name in re.findall(r"`(sfr_eval\.[\w.]+)`", page):
        pkgutil.resolve_name(name)


def test_every_metric_has_a_page_and_every_confound_a_row() -> None:
    from sfr_eval.metrics.table import metric_table

    pages = "".join(file.read_text() for file in (ROOT / "docs" / "metrics").glob("*.md"))
    for metric in metric_table():
        name = re.sub(r"_\d$", "", metric)
        assert name in pages or f"_{name.partition('_')[2]}`" in pages, metric
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "docs/design/confounds.md").read_text(), re.M)
    assert [int(row) for row in rows] == list(range(1, 45))


def dependencies_shown(page: str) -> Iterator[tuple[str, str]]:
    """(package, oldest version) of each row; a row may hold several, in one order."""
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in row.split("|")] for row in table.splitlines()]
        for row in rows:
            names = [name.split()[0] for name in row[head.index("package")].split(", ")]
            yield from zip(names, row[head.index("from")].split(", "), strict=True)


def test_dependencies_are_shown_with_their_oldest_versions() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [known["project"]["dependencies"], *known["project"]["optional-dependencies"].values()]
    stated = {line for group in groups for line in group if not line.startswith("sfr-eval")}
    page = (ROOT / "docs" / "design" / "dependencies.md").read_text()
    shown = {f"{name}>={oldest}" for name, oldest in dependencies_shown(page)}
    assert stated <= shown
    assert shown <= {*stated, *known["dependency-groups"]["dev"]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_named_on_a_page_exist(page: Path) -> None:
    if page.name == "CHANGELOG.md":  # tells of files that were
        return
    named = re.findall(
        r"(?<![\w/])((?:sfr_eval|train|tests|docs|scripts|benchmarks|experiments)/[\w./-]+\.\w+)",
        page.read_text(encoding="utf-8"),
    )
    places = (ROOT, page.parent)
    assert not [name for name in named if not any((place / name).exists() for place in places)]
