"""Separates the answer in a reply from the thinking before it.

A reasoning model writes its thoughts between two tags. The store keeps the whole text; metrics,
judges and graders read only the answer, or boilerplate of thoughts would pass for style and make
answers look alike. Tags are stripped because they were declared (`think_tags`) or because the
checkpoint's own chat template names them, never because a text happens to look that way; the one
exception, for programs, is `after_thinking`.
"""

import re
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

OTHERS = (
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),  # gpt-oss, tokens kept
    ("analysis", "assistantfinal"),  # gpt-oss, tokens dropped
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<thought>", "</thought>"),
    ("<reflection>", "</reflection>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # Sky-T1, OpenThinker
    ("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ("<|thinking|>", "<|/thinking|>"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),  # Kimi
    ("<longcat_think>", "</longcat_think>"),
    ("<unused94>", "<unused95>"),  # MedGemma
    ("Here is my thought process:", "Here is my response:"),  # Granite
)
"""Further forms in which replies think, for warnings alone. A reply must begin with the first part:
in the middle of a text they may be its own words."""
_SIGNS = (*(tag for pair in KNOWN for tag in pair), *(first for first, _ in OTHERS))
_HARMONY = re.compile(r"analysis(?![a-z\s]|\Z)")


@dataclass(frozen=True, kw_only=True)
class ThinkTags:
    """The tags of one run. `opened`: the prompt ends inside the thinking, as with some templates,
    so that a reply begins there without an opening tag."""

    open: str
    close: str
    opened: bool = False
    source: Literal["setting", "template"] = "setting"

    @property
    def name(self) -> str:
        """The tags as messages show them and as `think_tags` takes them."""
        return f"{self.open},{self.close}{',opened' if self.opened else ''}"


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` begins at `start` of the reply; `whole` is False if the thinking never ended."""

    text: str
    start: int
    whole: bool = True


def answer_text(text: str, tags: ThinkTags) -> Answer:
    """Return the answer in a reply: what follows the last closing tag. Without a closing tag, what
    precedes an opening tag, which is nothing if the thinking comes first."""
    end = text.rfind(tags.close)
    if end >= 0:
        start = end + len(tags.close)
    elif tags.opened:
        return Answer("", len(text), whole=False)
    else:
        start = 0
    again = text.find(tags.open, start)
    answer = text[start : again if again >= 0 else len(text)]
    if end >= 0:
        start += len(answer) - len(answer.lstrip())
        answer = answer.lstrip()
    return Answer(answer, start, whole=again < 0)


def after_thinking(text: str) -> str:
    """Return what follows the last `</think>`, or the end of thinking in another known form that
    the text begins with. Used for programs alone, and whatever was declared: no program contains
    that tag, while a program in the thoughts is not the answer."""
    text = text.rpartition(KNOWN[0][1])[2]
    for first, last in (*KNOWN, *OTHERS):
        if last in text and _begins(text, first):
            return text.rpartition(last)[2]
    return text


def without_thinking(text: str) -> str:
    """Return a text without thinking at its start, in any tags of KNOWN. Used for judges, whose
    answers are JSON: one that never stops thinking has no answer."""
    for first, last in KNOWN:
        if last in text or text.lstrip().startswith(first):
            return answer_text(text, ThinkTags(open=first, close=last)).text
    return text


def answers(samples: Sequence[Sample], tags: ThinkTags | None) -> Sequence[Sample]:
    """Return the samples with their answers as texts. A sample whose thinking never ended gets the
    status `truncated`; its text is what there is of an answer, usually nothing."""
    if tags is None:
        return samples
    return [_answered(sample, tags) for sample in samples]


def thoughts(samples: Iterable[Sample], tags: ThinkTags | None) -> dict[str, str]:
    """Map sample_id to the text before the answer, for samples that have any."""
    if tags is None:
        return {}
    texts = {
        sample.sample_id: sample.text[: answer_text(sample.text, tags).start] for sample in samples
    }
    return {id: text for id, text in texts.items() if text}


def undeclared_tags(samples: Sequence[Sample]) -> tuple[float, ThinkTags] | None:
    """Return (share of replies, tags) for the most frequent tags of KNOWN in these replies, or the
    most frequent of OTHERS at their beginnings, as a warning for a run without declared tags. None
    if no reply contains any."""
    likely = [sample.text for sample in samples if any(tag in sample.text for tag in _SIGNS)]
    best: tuple[float, ThinkTags] | None = None
    for first, last in (*KNOWN, *OTHERS) if likely else ():
        if (first, last) in KNOWN:
            count = sum(last in text or first in text for text in likely)
        else:
            count = sum(_begins(text, first) for text in likely)
        if count and (best is None or count / len(samples) > best[0]):
            best = count / len(samples), ThinkTags(open=first, close=last)
    return best


def parse_think_tags(text: str) -> ThinkTags | None:
    """Parse `think_tags`: `none`, or `OPEN,CLOSE`, followed by `,opened` if the prompt already ends
    inside the thinking. Raises UserError for anything else."""
    if text == "none":
        return None
    first, last, opened = (*(part.strip() for part in text.split(",", 2)), "", "")[:3]
    if not first or not last or first == last or opened not in ("", "opened"):
        raise UserError(
            f"--think-tags: `{text}` is not a pair of tags; write '<think>,</think>' or none"
        )
    return ThinkTags(open=first, close=last, opened=opened == "opened")


def template_tags(template: str) -> ThinkTags | None:
    """Return the tags of KNOWN that a chat template names; None if it names none."""
    for first, last in KNOWN:
        if last in template or first in template:
            return ThinkTags(open=first, close=last, source="template")
    return None


def ends_inside(prompt: str, tags: ThinkTags) -> bool:
    """Return whether this prompt ends inside the thinking, after an opening tag."""
    return prompt.rfind(tags.open) > prompt.rfind(tags.close)


def _begins(text: str, first: str) -> bool:
    """Return whether a text begins with the opening of thinking, perhaps behind special tokens. The
    word `analysis` opens it only where the next word follows without a blank."""
    start = text[:200].lstrip().removeprefix("<|start|>assistant")
    if first == "analysis":
        return _HARMONY.match(start) is not None
    return start.startswith(first)


def _answered(sample: Sample, tags: ThinkTags) -> Sample:
    answer = answer_text(sample.text, tags) if sample.has_text else None
    if answer is None or (answer.whole and answer.text == sample.text):
        return sample
    status = sample.status if answer.whole else "truncated"
    return replace(sample, text=answer.text, status=status)
