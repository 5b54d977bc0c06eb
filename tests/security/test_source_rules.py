"""pytest tests/security/test_source_rules.py: what the source may not do, read from its trees."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FILES = sorted([*(ROOT / "sfr_eval").rglob("*.py"), *(ROOT / "train").rglob("*.py")])
INSIDE = ROOT / "sfr_eval" / "sandbox" / "inside"
"""Runs programs by intent, and only where nothing else can be reached."""

UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve"}
SPEAKERS = ("util/terminal.py", "util/progress.py")


def broken_rules(source: str, *, inside: bool = False) -> list[str]:
    """A line for each thing in a source that could run what it reads."""
    return list(_broken(ast.parse(source), inside=inside))


def _broken(tree: ast.AST, *, inside: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            if isinstance(node, ast.ImportFrom) and node.module == "marshal":
                yield f"{node.lineno}: from marshal import"  # its calls would not be seen below
            for module in modules:
                if module.split(".")[0] in UNPICKLERS:
                    yield f"{node.lineno}: import {module}"
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        name = called.split(".")[-1]
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if (
            called in ("eval", "exec", "builtins.eval", "builtins.exec", "__import__")
            and not inside
            and not _literal(node)
        ):
            yield f"{node.lineno}: {called}"
        if called in ("marshal.load", "marshal.loads") and not inside:
            yield f"{node.lineno}: {called}"  # jobs are written with it, and read inside alone
        if called.startswith("yaml.") and name.endswith(("load", "load_all")):
            safe = name.startswith("safe_") or given.get("Loader") in (
                "yaml.SafeLoader",
                "yaml.CSafeLoader",
            )
            if not safe:
                yield f"{node.lineno}: {called} without SafeLoader"
        if called == "torch.load" and given.get("weights_only") != "True":
            yield f"{node.lineno}: torch.load without weights_only"
        if given.get("allow_pickle", "False") != "False":
            yield f"{node.lineno}: allow_pickle"
        if name in ("read_pickle", "to_pickle"):
            yield f"{node.lineno}: {called}"
        if called == "os.system" or given.get("shell", "False") != "False":
            yield f"{node.lineno}: a shell"
        if name == "from_pretrained" and name != called:
            owner = called.split(".")[-2]
            if owner.startswith("Auto") and "trust_remote_code" not in given and None not in given:
                yield f"{node.lineno}: {called} leaves trust_remote_code unset"
        if name == "SentenceTransformer" and given.get("trust_remote_code") != "False":
            yield f"{node.lineno}: SentenceTransformer leaves trust_remote_code unset"


def _literal(call: ast.Call) -> bool:
    """Whether a call is given nothing but one text that stands in the source."""
    match call.args:
        case [ast.Constant(value=str())]:
            return not call.keywords
    return False


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_that_is_read_can_run(file: Path) -> None:
    assert broken_rules(file.read_text(), inside=file.parent == INSIDE) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "marshal.loads(raw)",
        "from marshal import loads",
        "import joblib.numpy_pickle",
        "eval(text)",
        "exec(text)",
        "exec('', names)",
        "exec(f'{text}')",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.FullLoader)",
        "yaml.unsafe_load(text)",
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "np.load(file, allow_pickle=True)",
        "pd.read_pickle(file)",
        "os.system(line)",
        "subprocess.run(line, shell=True)",
        "AutoModel.from_pretrained(name)",
        "SentenceTransformer(name)",
        "SentenceTransformer(name, trust_remote_code=True)",
    ],
)
def test_the_rules_find_what_they_are_for(source: str) -> None:
    assert len(broken_rules(source)) == 1


def test_the_rules_let_pass_what_is_safe() -> None:
    safe = (
        "import pickletools, json\nmodel.eval()\nre.compile('x')\nyaml.safe_load(t)\n"
        "yaml.load(t, Loader=yaml.SafeLoader)\ntorch.load(f, weights_only=True)\nnp.load(f)\n"
        "AutoModel.from_pretrained(n, trust_remote_code=asked)\nPeftModel.from_pretrained(m, f)\n"
        "exec('')\n"
    )
    assert broken_rules(safe) == []
    assert broken_rules("exec(program)", inside=True) == []


def test_only_two_files_print_and_both_clean_what_they_say() -> None:
    for file in FILES:
        if "/".join(file.parts[-2:]) in SPEAKERS or file.parent == INSIDE:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("print", "sys.stdout.write", "sys.stderr.write"), (
                    f"{file}:{node.lineno}: use say or log of sfr_eval.util.progress, which clean"
                )


READERS = {
    "util/untrusted.py": "opens what others name",
    "util/lock.py": "/proc",
    "util/limited.py": "/proc",
    "samplers/reaper.py": "/proc",
    "embeddings/backends.py": "/proc",
    "report/page.py": "our own templates",
    "calibration/page.py": "our own templates",
    "samplers/engine_args.py": "the source of vLLM",
    "util/files.py": "what it has just written",
    "util/output.py": "what it has just written",
    "models/states_on_disk.py": "what it has just written",
}
"""Files of the package that open files in other ways than `open_plain`, and which."""


def test_files_are_opened_so_that_none_is_waited_for() -> None:
    """A named pipe in the place of a file would be read for ever."""
    others = set()
    for file in (ROOT / "sfr_eval").rglob("*.py"):
        if file.is_relative_to(INSIDE.parent):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and _reads(node):
                others.add(str(file.relative_to(ROOT / "sfr_eval")))
    assert others == READERS.keys()


def _reads(call: ast.Call) -> bool:
    """Whether a call reads a file, or opens one to read, whatever that is."""
    name = ast.unparse(call.func).rpartition(".")[2]
    if name != "open":
        return name in ("read_text", "read_bytes")
    words = [ast.unparse(value) for value in (*call.args, *(word.value for word in call.keywords))]
    own = ast.unparse(call.func) in ("open", "io.open")
    return any(re.fullmatch(r"'r\+?[bt]?\+?'", word) for word in words) or (own and len(words) == 1)


def test_trust_remote_code_is_off_until_asked_for() -> None:
    from sfr_eval.config import RunConfig, load_run_config

    assert RunConfig(model="m", suite=("persona",)).serving.trust_remote_code is False
    settings = {"model": "m", "suite": "persona"}
    assert load_run_config(settings, environment={}).serving.trust_remote_code is False
    asked = load_run_config({**settings, "trust_remote_code": True}, environment={})
    assert asked.serving.trust_remote_code is True
