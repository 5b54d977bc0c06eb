"""pytest tests/models/test_rendering.py: templates that take all memory or time."""

import pytest

from sfr_eval.errors import UserError
from sfr_eval.models.prompting import Prompter
from sfr_eval.models.rendering import Renderer
from tests.support.word_prompts import BUTLER, PIRATE, PLAIN, tokenizer, words


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'x' * 3000000000 }}",
        "{% set n = namespace(x='x' * 99) %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}"
        "{% endfor %}",
        "{{ '%3000000000d' % 1 }}",
    ],
)
def test_a_template_that_takes_all_memory_is_refused(template: str) -> None:
    prompter = Prompter(tokenizer(template + PLAIN), name="m")
    with pytest.raises(UserError, match="its chat template takes more than 1 GiB of memory"):
        prompter.token_ids(PIRATE)


ENDLESS = "{% for i in range(99999) %}{% for i in range(99999) %}{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    ("trap", "says"),
    [
        (ENDLESS, r"takes more than 0\.5 seconds for one prompt"),
        ("{{ 'x' * 3000000000 }}", "takes more than 1 GiB of memory"),
        ("{{ 'x' * 9000000 }}", "writes 9,000,0.. characters for one prompt"),
        ("{{ 1 // 0 }}", "refuses the messages"),
        ("{{ '\\ud800' }}", "writes half of a surrogate pair"),
    ],
)
def test_a_trap_for_a_later_prompt_is_refused(
    trap: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = f"{{% if 'butler' in messages[0].content %}}{trap}{{% endif %}}{PLAIN}"
    prompter = Prompter(tokenizer(template), name="m")
    assert words(prompter, PIRATE).startswith("system : You are a pirate")
    if "seconds" in says:
        monkeypatch.setattr("sfr_eval.models.rendering._SECONDS", 0.5)
    with pytest.raises(UserError, match=says):
        prompter.token_ids(BUTLER)
    with pytest.raises(UserError, match=says):
        prompter.render(BUTLER)


def test_a_template_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfr_eval.models.rendering._SECONDS", 0.5)
    prompter = Prompter(tokenizer(ENDLESS + PLAIN), name="m")
    with pytest.raises(UserError, match=r"its chat template takes more than 0\.5 seconds"):
        prompter.token_ids(PIRATE)


def test_a_renderer_that_stays_refuses_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def render(trap: str) -> str:
        while trap == "endless":
            pass
        return "x" * {"fine": 3, "huge": 3_000_000_000, "long": 9_000_000}[trap]

    renderer = Renderer(render, name="m", remedy="mend it")
    try:
        assert renderer(["fine", "fine"], sizes=[1, 1]) == ["xxx", "xxx"]
        for trap, says in (
            ("huge", "m: its chat template takes more than 1 GiB of memory for 2 prompts; mend it"),
            ("long", "m: its chat template writes 9,000,000 characters for one prompt; mend it"),
            ("unknown", "m: its chat template fails for an unknown reason; mend it"),
        ):
            with pytest.raises(UserError, match=says):
                renderer(["fine", trap], sizes=[1, 1])
        monkeypatch.setattr("sfr_eval.models.rendering._SECONDS", 0.5)
        with pytest.raises(UserError, match=r"takes more than 0\.5 seconds for one prompt"):
            renderer(["endless"], sizes=[1])
        assert renderer(["fine"], sizes=[1]) == ["xxx"]
    finally:
        renderer.close()
