"""Measures start-up: import, --help and ls, compared with other harnesses.

Commands take turns, --repeats times; the result is the best time of each. A command that is not
installed, or fails, is left out and named. The last line is JSON. Run:
python benchmarks/startup.py [--repeats 5] [--peers-python /tmp/peers/bin/python]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peers-python", default=sys.executable, help="has lm_eval, inspect")
    arguments = parser.parse_args()
    here = Path(sys.executable).parent
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        'python -c "import sfr_eval"': [sys.executable, "-c", "import sfr_eval"],
        "sfr-eval --help": [str(here / "sfr-eval"), "--help"],
        "sfr-eval ls": [str(here / "sfr-eval"), "ls"],
        "lm_eval --help": [*installed("lm_eval", arguments.peers_python), "--help"],
        "inspect --help": [*installed("inspect", arguments.peers_python), "--help"],
    }
    left_out = {name: why for name, line in commands.items() if (why := trouble(line)) is not None}
    for name, why in left_out.items():
        print(f"{name}: left out, {why}", file=sys.stderr)
    seconds: dict[str, list[float]] = {name: [] for name in commands if name not in left_out}
    for _ in range(arguments.repeats):
        for name, times in seconds.items():
            started = time.perf_counter()
            subprocess.run(commands[name], check=True, capture_output=True)
            times.append(time.perf_counter() - started)
    best = {name: min(times) for name, times in seconds.items()}
    for name, value in best.items():
        print(f"{name:30} {value:6.3f} s")
    print(json.dumps({"best": best, "left_out": left_out, "runs": seconds}))


def installed(name: str, python: str) -> list[str]:
    """Return the command of a peer, run by its interpreter, whose environment may build on ours."""
    script = Path(python).parent / name
    return [python, str(script if script.exists() else Path(sys.executable).parent / name)]


def trouble(command: list[str]) -> str | None:
    """Return why a command cannot be timed; None if it can. Warms the file cache."""
    if not all(Path(part).exists() for part in command if part.startswith("/")):
        return "not installed"
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no message"])[-1]
    return None


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
