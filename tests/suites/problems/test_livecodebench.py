"""pytest tests/suites/problems/test_livecodebench.py"""

from sfr_eval.suites.problems.livecodebench import RELEASES, read_window
from tests.suites.problems.conftest import load


def test_the_prompts_of_livecodebench() -> None:
    suite = load("livecodebench", data="small")
    prompt = suite.prompts()[0]
    assert [message.role for message in prompt.messages] == ["system", "user"]
    assert prompt.messages[1].content.startswith("### Question:\nA ferry")
    assert "```python\n# YOUR CODE HERE\n```" in prompt.messages[1].content
    functional = next(p for p in suite.prompts() if p.query == "orchard01_1")
    assert "def ripestWindow(self" in functional.messages[1].content
    assert "starter code" in functional.messages[1].content


def test_windows_and_releases() -> None:
    assert read_window(None) == ("0000-01-01", "9999-12-31")
    assert read_window("2024-08:2025-01") == ("2024-08-01", "2025-01-31")
    assert read_window("2024-08-15:") == ("2024-08-15", "9999-12-31")
    assert read_window("2024-08") == ("2024-08-01", "2024-08-31")
    assert RELEASES["release_v1"] == ("test.jsonl",)
    assert RELEASES["release_v5"][-1] == "test5.jsonl"
    chosen = load("livecodebench", data="small", window="2024-06:2024-08")
    assert list(chosen.queries) == ["harbour03_a", "orchard01_1", "orchard01_2", "orchard02_1"]
