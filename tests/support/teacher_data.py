"""A teacher of two personas and one question, whose scores are written by hand."""

from collections.abc import Mapping, Sequence

from sfr_eval.suites.teacher.reference import StudentScores, TeacherReference
from sfr_eval.suites.teacher.reply import ReplyScore, ReplyText
from sfr_eval.types import Sample

PERSONAS = ("rook", "hale")


def reply(text: str, persona: str = "rook", *, index: int = 0, **fields: object) -> Sample:
    values: dict[str, object] = {
        "sample_id": f"{persona}-{index}-{text}",
        "suite": "toy",
        "query": "sea",
        "persona": persona,
        "temperature": 1.0,
        "index": index,
        "seed": 0,
        "status": "ok",
        "text": text,
        "prompt_tokens": 1,
        "completion_tokens": 2,
    }
    return Sample(**{**values, **fields})  # type: ignore[arg-type]


def teacher(
    logs: Mapping[str, tuple[float, float]],
    *,
    own: Sequence[Sample] = (),
    student: Mapping[str, float] | None = None,
    tokens: int = 2,
) -> TeacherReference:
    """A teacher that gives each text these log-probabilities under the two cards, and a student
    that gives each the one of `student` under both; without it the student is a server."""

    def scores(of: Mapping[str, Sequence[float]]) -> dict[tuple[str, str, str], ReplyScore]:
        return {
            ("sea", persona, ReplyText(text, True).digest): ReplyScore(log, tokens)
            for text, both in of.items()
            for persona, log in zip(PERSONAS, both, strict=True)
        }

    replies: dict[tuple[str, str], list[Sample]] = {("sea", persona): [] for persona in PERSONAS}
    for one in own:
        replies[one.prompt_key].append(one)
    known = {text: (log, log) for text, log in (student or {}).items()}
    return TeacherReference(
        name="toy",
        signature={"oracle": "teacher", "teacher": "toy"},
        personas=PERSONAS,
        replies=replies,
        scores=scores(logs),
        student=StudentScores(reason="a server")
        if student is None
        else StudentScores(scores={1.0: scores(known)}),
    )
