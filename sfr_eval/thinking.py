"""What of a reply is its answer: the text without the thinking that came before it.

A reasoning model writes its thoughts between two tags. Stored is what it wrote; measured, judged
and graded is the answer alone, or boilerplate of thoughts would pass for style and make answers
look alike. Tags are stripped because they were declared (`think_tags`) or because the checkpoint's
own chat template names them, never because a text happens to look that way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sfr_eval.errors import UserError
from sfr_eval.types import Sample

KNOWN = (
    ("<think>", "</think>"),  # Qwen3, DeepSeek-R1 and most others
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<seed:think>", "</seed:think>"),  # Seed-OSS
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A Reasoning
)
"""Pairs that chat templates use."""


@dataclass(frozen=True, kw_only=True)
class ThinkTags:
    """The tags of one run. `opened`: the prompt ends inside of the thinking, as some templates have
    it, so that a reply begins there without an opening tag."""

    open: str
    close: str
    opened: bool = False
    source: Literal["setting", "template"] = "setting"

    @property
    def name(self) -> str:
        """As messages have it, and as it can be given."""
        return f"{self.open},{self.close}{',opened' if self.opened else ''}"


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` stands in the reply from `start` on; `whole` is False where thinking never ended."""

    text: str
    start: int
    whole: bool = True


def answer_text(text: str, tags: ThinkTags) -> Answer:
    """The answer in a reply: what follows the last closing tag. Without one, what stands before an
    opening tag that is never closed, which is nothing where the thinking comes first."""
    end = text.rfind(tags.close)
    if end >= 0:
        start = end + len(tags.close)
    elif tags.opened:
        return Answer("", len(text), whole=False)
    else:
        start = 0
    again = text.find(tags.open, start)
    found = text[start : again if again >= 0 else len(text)]
    if end >= 0:
        start += len(found) - len(found.lstrip())
        found = found.lstrip()
    return Answer(found, start, whole=again < 0)


def answers(samples: Sequence[Sample], tags: ThinkTags | None) -> Sequence[Sample]:
    """The samples with their answers for texts. One whose thinking never ended was cut in the midst
    of it: its status is then `truncated`, its text what there is of an answer, mostly none."""
    if tags is None:
        return samples
    return [_answered(sample, tags) for sample in samples]


def thoughts(samples: Iterable[Sample], tags: ThinkTags | None) -> dict[str, str]:
    """sample_id -> what was written before the answer, for those that have such a text."""
    if tags is None:
        return {}
    found = {sample.sample_id: _before(sample.text, tags) for sample in samples}
    return {id: text for id, text in found.items() if text}


def undeclared(samples: Sequence[Sample]) -> tuple[float, ThinkTags] | None:
    """(share, tags) of the replies that hold a closing tag of KNOWN, for the commonest one: what a
    run without declared tags should be told. None if there is none."""
    best: tuple[float, ThinkTags] | None = None
    for first, last in KNOWN:
        count = sum(last in sample.text or first in sample.text for sample in samples)
        if count and (best is None or count / len(samples) > best[0]):
            best = count / len(samples), ThinkTags(open=first, close=last)
    return best


def declared(text: str) -> ThinkTags | None:
    """The value of `think_tags`: `none`, or `OPEN,CLOSE`, with `,opened` behind it where the prompt
    already ends inside of the thinking; UserError for anything else."""
    if text == "none":
        return None
    first, last, opened = (*(part.strip() for part in text.split(",", 2)), "", "")[:3]
    if not first or not last or first == last or opened not in ("", "opened"):
        raise UserError(
            f"--think-tags: `{text}` is no pair of tags; write '<think>,</think>' or none"
        )
    return ThinkTags(open=first, close=last, opened=opened == "opened")


def of_template(template: str) -> ThinkTags | None:
    """The tags of KNOWN that a chat template names; None if it names none."""
    for first, last in KNOWN:
        if last in template or first in template:
            return ThinkTags(open=first, close=last, source="template")
    return None


def ends_inside(prompt: str, tags: ThinkTags) -> bool:
    """Does this prompt end inside of the thinking, the tag being open?"""
    return prompt.rfind(tags.open) > prompt.rfind(tags.close)


def _answered(sample: Sample, tags: ThinkTags) -> Sample:
    found = answer_text(sample.text, tags) if sample.has_text else None
    if found is None or (found.whole and found.text == sample.text):
        return sample
    return replace(sample, text=found.text, status=sample.status if found.whole else "truncated")


def _before(text: str, tags: ThinkTags) -> str:
    return text[: answer_text(text, tags).start]
