"""pytest tests/test_layers.py: imports run one way, from the commands down to the types."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    "errors types temperature version",
    "util endpoints sandbox stats thinking",
    "config decoders settings store",
    "suites",
    "plan models grading judges",
    "samplers embeddings",
    "metrics",
    "report formats",
    "pipeline comparison calibration run_index",
    "gate sfr_train",
    "demo api commands cli __main__",
)
"""A file imports from its own line or from a lower one: lower lines come first."""
LEVEL = {room: level for level, line in enumerate(LAYERS) for room in line.split()}
EDGE = {"demo", "api", "commands", "cli", "__init__", "samplers", "sfr_train"}
"""Rooms whose functions may import other rooms when they are called: commands, which must start
fast, and engines and trainers, whose modules import torch, vLLM or Ray."""


def modules() -> dict[str, Path]:
    """Dotted name -> file of every module of ours."""
    packages = {"sfr_eval": ROOT / "sfr_eval", "sfr_train": ROOT / "train" / "sfr_train"}
    return {
        ".".join((name, *file.relative_to(folder).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): file
        for name, folder in packages.items()
        for file in folder.rglob("*.py")
        if "inside" not in file.parts  # programs of the sandbox, which cannot import the package
    }


def room(module: str) -> str:
    """The first folder or file below sfr_eval; sfr_train as a whole."""
    first, *rest = module.split(".")
    return first if first == "sfr_train" else (rest or ["__init__"])[0]


def imports(file: Path, known: dict[str, Path]) -> Iterator[tuple[str, int, bool]]:
    """(module, line, is it lazy) of each import of ours; type-checking imports are left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    top = set(ast.iter_child_nodes(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module for name in whole]
        else:
            continue
        for name in names:
            if name in known:
                yield name, node.lineno, node not in top


ALL = modules()
ARROWS = [
    (module, target, line, lazy)
    for module, file in ALL.items()
    for target, line, lazy in imports(file, ALL)
    if module != target
]


def test_every_room_has_its_line() -> None:
    assert {room(module) for module in ALL} - {"__init__"} == set(LEVEL)


def test_no_file_imports_against_the_order() -> None:
    upward = [
        f"{ALL[module].relative_to(ROOT)}:{line}: {room(module)} (line {LEVEL[room(module)] + 1}) "
        f"imports {target} (line {LEVEL[room(target)] + 1})"
        for module, target, line, _ in ARROWS
        if "__init__" not in (room(module), room(target))
        and LEVEL[room(target)] > LEVEL[room(module)]
    ]
    assert not upward, "\n".join(upward)


def test_no_files_import_each_other_in_a_circle() -> None:
    targets: dict[str, set[str]] = {module: set() for module in ALL}
    for module, target, _, _ in ARROWS:
        if room(module) != "__init__":
            targets[module].add(target)
    while ends := [
        module
        for module, left in targets.items()
        if not left or not any(module in others for others in targets.values())
    ]:
        for module in ends:
            del targets[module]
        for left in targets.values():
            left.difference_update(ends)
    assert not targets, f"in circles, or between two: {targets}"


def test_only_the_edge_imports_our_modules_lazily() -> None:
    lazy = [
        f"{ALL[module].relative_to(ROOT)}:{line}: imports {target} inside a function"
        for module, target, line, is_lazy in ARROWS
        if is_lazy and room(module) not in EDGE
    ]
    assert not lazy, "\n".join(lazy)


def test_few_files_stand_at_the_top() -> None:
    assert len(list((ROOT / "sfr_eval").glob("*.py"))) <= 13


@pytest.mark.parametrize(
    "package",
    ["sfr_eval", "train", "tests", "experiments", "benchmarks", "scripts", "docs/scripts"],
)
def test_no_file_is_longer_than_400_lines(package: str) -> None:
    long = {
        str(file.relative_to(ROOT)): lines
        for file in (ROOT / package).rglob("*.py")
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long, "split these by subject"


@pytest.mark.parametrize("package", ["sfr_eval", "train"])
def test_no_function_takes_more_than_ten_parameters(package: str) -> None:
    wide = []
    for file in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = node.args
                names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
                if len([name for name in names if name.arg not in ("self", "cls")]) > 10:
                    wide.append(f"{file.relative_to(ROOT)}:{node.lineno}: {node.name}")
    assert not wide, "\n".join(wide)
