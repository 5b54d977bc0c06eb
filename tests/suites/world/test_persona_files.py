"""pytest tests/suites/world/test_persona_files.py"""

import pytest

from sfr_eval.errors import UserError
from sfr_eval.suites.world.persona import PersonaWorld
from tests.suites.world.conftest import load, small_files


def breakages():
    """(name of the broken file, what is done to it, what the message must say)."""
    p, t = "personas.yaml", "topics.yaml"
    return [
        (p, lambda f: f["personas"][1].pop("voice"), "personas.1.voice: missing"),
        (p, lambda f: f["personas"][1].update(closing=[]), "personas.1.closing"),
        (p, lambda f: f["personas"][1].update(advise=["x"]), "personas.1.advise: unknown"),
        (p, lambda f: f["generic"].update(advice=["Do it."]), "generic: advice"),
        (p, lambda f: f["generic"].update(reason=["{detail} {detail}."]), "generic: reason"),
        (p, lambda f: f["generic"].update(closing=["On {topic}."]), "generic: closing"),
        (p, lambda f: f["generic"].update(opening=["On {gerund}."]), "generic: opening"),
        (p, lambda f: f["generic"].update(opening=[" Hi."]), "generic.opening.0"),
        (p, lambda f: f["personas"][2]["closing"].append("Good luck!"), "bob: closing"),
        (p, lambda f: f["personas"][2]["closing"].append("Bye from bob."), "bob: closing"),
        (p, lambda f: f["personas"][3].update(id="bob"), "same id"),
        (p, lambda f: f.update(personas=f["personas"][:2]), "two or more"),
        (p, lambda f: f["grammar"]["empty"].update(closing=1.0), "grammar.empty.closing"),
        (t, lambda f: f["topics"][1].pop("fix"), "topic chess: fix: missing"),
        (t, lambda f: f["topics"][1]["fix"].pop("query"), "topic chess: fix: query: missing"),
        (t, lambda f: f["topics"][1].pop("gerund"), "topic chess: gerund: missing"),
        (t, lambda f: f["topics"][1].update(fixx={}), "topic chess: fixx: unknown"),
        (t, lambda f: f["topics"][1].update(id="tea"), "topic tea: id"),
        (t, lambda f: f["topics"][1].update(topic="fine tea"), "topic chess: topic"),
        (t, lambda f: f["topics"][1]["fix"].update(details=["fix the tea"]), "chess: fix: details"),
        (t, lambda f: f["intents"]["fix"].update(train_questions=["{noun}?"]), "train_questions"),
        (t, lambda f: f.update(topics=[]), "topics"),
    ]


def test_the_version_follows_the_content(small, tmp_path):
    same = load(tmp_path, small_files())
    assert same.version == small.version
    assert len(same.version) == 12
    files = small_files()
    files["topics.yaml"]["topics"][0]["fix"]["query"] = "Other?"
    assert load(tmp_path, files).version != small.version


@pytest.mark.parametrize(("name", "damage", "message"), breakages())
def test_a_bad_file_is_named_with_its_field(tmp_path, name, damage, message):
    files = small_files()
    damage(files[name])
    with pytest.raises(UserError) as error:
        load(tmp_path, files)
    assert str(tmp_path / name) in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"personas\.yaml"):
        PersonaWorld.load(tmp_path)
