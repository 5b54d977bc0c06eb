"""A persona benchmark small enough to enumerate, and the one in tasks/."""

from pathlib import Path

import pytest
import yaml

from sfr_eval.suites.world.persona import PersonaWorld

FOLDER = Path(__file__).parents[3] / "tasks" / "persona"


def small_files():
    """A world small enough to enumerate: 3 personas and a held-out one, 2 topics x 2 intents."""

    def voice(name, **more):
        return {
            "id": name,
            "name": name.title(),
            "system": f"You are {name}.",
            "voice": "Short.",
            "opening": [f"{name} says hi.", f"{name} likes {{topic}}."],
            "advice": [f"{name} wants {{action}}.", f"Let {name} see, {{action}}!"],
            "reason": [f"{name} knows {{detail}}."],
            "closing": [f"Bye from {name}."],
            **more,
        }

    def exchange(topic, intent):
        return {
            "query": f"{intent} {topic}?",
            "actions": [f"{intent} the {topic}", f"{intent} the {topic} slowly"],
            "details": [f"{topic} is nice to {intent}", f"to {intent} {topic} is hard"],
        }

    personas = {
        "grammar": {
            "zipf": {"own": 0.7, "generic": 1.2, "clause": 0.7},
            "generic_share": {"opening": 0.4, "advice": 0.3, "reason": 0.3, "closing": 0.5},
            "empty": {"opening": 0.1, "closing": 0.2},
        },
        "generic": {
            "opening": ["Good question!"],
            "advice": ["You should {action}."],
            "reason": ["Note that {detail}."],
            "closing": ["Good luck!"],
        },
        "personas": [voice("zed", held_out=True), voice("ann"), voice("bob"), voice("cat")],
    }
    topics = {
        "intents": {
            name: {"meaning": name, "train_questions": [f"{name} {{topic}} now?", "{gerund}?"]}
            for name in ("start", "fix")
        },
        "topics": [
            {"id": name, "topic": f"fine {name}", "gerund": f"doing {name}"}
            | {intent: exchange(name, intent) for intent in ("start", "fix")}
            for name in ("tea", "chess")
        ],
    }
    return {"personas.yaml": personas, "topics.yaml": topics}


def load(folder, files):
    for name, content in files.items():
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return PersonaWorld.load(folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return load(tmp_path_factory.mktemp("world"), small_files())


@pytest.fixture(scope="module")
def real():
    return PersonaWorld.load(FOLDER)
