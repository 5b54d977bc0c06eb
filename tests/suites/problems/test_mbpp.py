"""pytest tests/suites/problems/test_mbpp.py"""

from tests.suites.problems.conftest import load, problems


def test_the_prompts_of_mbpp() -> None:
    chat = problems(load("mbpp", data="small"))[0]
    assert chat.prompt.startswith("You are an expert Python programmer, and here is your task: ")
    assert "Your code should pass these tests:\n\nassert longest_run([1, 1" in chat.prompt
    shown = load("mbpp", data="small", prompt_form="few-shot")
    few = problems(shown)[0]
    assert few.prompt.count("[BEGIN]\n") == 4  # three that are shown and the one to answer
    assert few.prompt.count("[DONE]") == 3
    assert few.prompt.endswith("[BEGIN]\n")
    assert shown.spec.stop == ("[DONE]",)
    assert "double_letters" in few.prompt
    assert "double-letters" not in shown.queries  # what is shown is never asked
    assert [message.role for message in shown.prompts()[0].messages] == ["user"]
