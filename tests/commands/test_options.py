"""pytest tests/commands/test_options.py"""

import re
from pathlib import Path
from typing import Any

from sfr_eval.cli import app
from sfr_eval.commands.options import CONTEXT, SECTIONS
from sfr_eval.config import FIELDS


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
