"""The wheel, installed in a clean environment outside the checkout, finds its suites."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def core_pins() -> list[str]:
    """The pinned versions of what the core needs, and of what that needs."""
    import importlib.metadata

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, str] = {}
    waiting = ["sfr-eval"]
    while waiting:
        for text in importlib.metadata.requires(waiting.pop()) or []:
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if wanted and name not in found:
                found[name] = importlib.metadata.version(name)
                waiting.append(name)
    assert "torch" not in found, "the core must stay free of torch"
    return [f"{name}=={version}" for name, version in found.items()]


def test_the_wheel_lists_suites_and_makes_a_report(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    build = ("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", wheels, ROOT)
    run(sys.executable, *build, cwd=tmp_path)
    (wheel,) = wheels.glob("*.whl")
    environment = tmp_path / "clean"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-deps", *core_pins(), wheel, cwd=tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = environment / "bin" / "sfr-eval"
    lists = json.loads(run(command, "ls", "--json", cwd=elsewhere))
    assert "persona" in [row["name"] for row in lists["suites"]]
    assert "lcb" in [row["name"] for row in lists["presets"]]
    arguments = ["run", "--model", "world:cross=0.5", "--suite", "persona", "--limit", "2"]
    arguments += ["--samples", "2", "--metrics", "lexical,text,quality"]
    out = run(command, *arguments, cwd=elsewhere)
    assert "report:" in out
    assert list(elsewhere.glob("runs/*/report.html"))
