"""What all tests share: a clean environment, a cache of their own, a tiny real checkpoint,
the command line."""

import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.support.chromium import Browser, Chromium
from tests.support.command_line import Ended

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when huggingface_hub is imported
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Of tests/support/ray_nodes.py. Ray reads it when it is imported, which vLLM and TRL do.
os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No setting of the developer's shell reaches a test; the cache lives as long as the session.
    Returns the cache folder."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SFR_EVAL_")]:
            patch.delenv(name)
        patch.setenv("SFR_EVAL_CACHE", str(cache))
        # What tests write need not survive a power cut; waiting for the disk took 5 % of the time.
        patch.setattr(os, "fsync", lambda descriptor: None)
        # A shell's background job ignores Ctrl-C, and so would every program that a test starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        yield cache


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen3-shaped model of two layers with random weights, and a ChatML tokenizer. Its next
    token is almost uniform, so that anything which narrows the draw is loud. Do not change it:
    take `checkpoint` for that."""
    import transformers
    from sfr_train.data.world_text import persona_chats
    from sfr_train.demo.initial_model import new_model, train_tokenizer
    from sfr_train.demo.recipe import NewModel

    from sfr_eval.suites.world.persona import PersonaWorld
    from sfr_eval.util.assets import find_suite

    folder = tmp_path_factory.mktemp("models") / "tiny"
    world = PersonaWorld.load(find_suite("persona"))
    chats = list(persona_chats(world, rows=60, seed=0))
    tokenizer = train_tokenizer(chats, world, vocabulary=600)
    sizes = NewModel(vocabulary=600, hidden_size=64, layers=2, intermediate_size=64)
    transformers.set_seed(0)
    new_model(sizes, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint that a test may damage."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))


@pytest.fixture
def copied_assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Make a copy of tasks/ that a test may break; SFR_EVAL_ASSETS then points to it. Returns
    the folder of the persona suite in it."""

    def copy() -> Path:
        root = Path(__file__).parent.parent
        shutil.copytree(root / "tasks", tmp_path / "assets" / "tasks")
        monkeypatch.setenv("SFR_EVAL_ASSETS", str(tmp_path / "assets"))
        return tmp_path / "assets" / "tasks" / "persona"

    return copy


@pytest.fixture(scope="session")
def chromium_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Take `chromium`."""
    process = Chromium(tmp_path_factory.mktemp("profile"))
    yield process
    process.close()


@pytest.fixture(scope="module")
def chromium(chromium_process: Chromium) -> Iterator[Browser]:
    """A browser in which no other file of tests was."""
    browser = Browser(chromium_process)
    yield browser
    browser.close()


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Runs `main` in this process (a start costs a second) in an empty folder."""
    from sfr_eval import cli

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


@pytest.fixture(scope="module")
def no_drawing() -> Iterator[None]:
    """Reports have no static drawings, which tests/report/charts looks at; all else is made."""
    from sfr_eval.report import figures

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "_sheet", lambda *_, **__: nullcontext())
        patch.setattr(figures, "_saved", lambda *_: b'<svg viewBox="0 0 1 1"></svg>')
        yield


MODEL_FIXTURES = {"tiny_checkpoint", "checkpoint", "encoder", "context"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that load a model, which `make check` leaves out."""
    for item in items:
        if MODEL_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("model")
