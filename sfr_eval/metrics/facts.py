"""Facts that no measure of variety sees: refusals, another language, copies of the prompt, and
whether the order of the words tells anything. Rules and counts, without a model."""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sfr_eval.metrics.context import NO_TEXT, Context, metric_result
from sfr_eval.metrics.language import language_of
from sfr_eval.metrics.metric import Metric, by_id
from sfr_eval.metrics.normal_text import normal_text
from sfr_eval.metrics.refusals import is_refusal
from sfr_eval.metrics.word_order import FREQUENT, order_words, word_order
from sfr_eval.types import Cell, MetricResult, PromptKey, Value

VERSION = "1"

METRICS = by_id(
    Metric("refusal_rate", "lower", "Share of replies that decline to answer in words.",
           label="Refusals", span=1, range=(0, 1), outcomes=True),
    Metric("language_mismatch_rate", "lower",
           "Share of replies in another language than their prompt.",
           label="Another language", span=1, range=(0, 1), outcomes=True),
    Metric("prompt_copy_rate", "lower", "Share of replies that repeat their prompt.",
           label="Copies of the prompt", span=1, range=(0, 1), outcomes=True),
    Metric("word_order", "higher",
           "How much the order of neighbouring words tells; 0 for word salad and noise.",
           label="Order of the words", headline=("quality", 8), span=0.5, range=(-1, 1),
           primary=("form", 1)),
)  # fmt: skip

RUN = 5
"""Words in a row that are a copy, wherever they stand in the prompt."""

COPIED = 0.9
"""Share of a reply's words in such runs from which the reply is a copy. A short answer in a whole
sentence ("One style of combat sports is boxing.") has less."""

LEAD = 1
"""Words that may stand before a prompt that is repeated as a whole."""

COMMON = 0.9
"""Share of the prompts with a language from which theirs is that of a prompt too short to tell."""

PROGRAMS = "the replies are programs"
NO_PROMPT = "the text of the prompt is not known"
NAMED = "the prompt names a language, which may be that of the reply"
NO_PROMPT_LANGUAGE = "the language of the prompt cannot be told"
NO_REPLY_LANGUAGE = "no reply is long enough to tell its language"

_NAMED = re.compile(
    r"\btranslat|\b(?:in|into|to) (?:\w+ )?(?:\w+ )?languages?\b|\b(?:english|german|french|"
    r"spanish|portuguese|italian|dutch|swedish|"
    r"danish|norwegian|polish|czech|romanian|turkish|hungarian|finnish|vietnamese|indonesian|latin|"
    r"russian|ukrainian|bulgarian|serbian|arabic|persian|farsi|urdu|hindi|bengali|chinese|mandarin|"
    r"japanese|korean|hebrew|greek|thai)\b|deutsch|englisch|französisch|spanisch|übersetz|"
    r"español|inglés|francés|alemán|traduc|traduz|tradui|français|anglais|allemand|italian|inglese|"
    r"português|inglês|engels|russisch|русск|англий|немецк|язык|перевед|中文|英文|英语|英語|法语|"
    r"日语|日本語|"
    r"翻译|翻訳|영어|한국어|번역|العربية|الإنجليزية|ترجم|अंग्रेज|हिंदी|हिन्दी|अनुवाद"
)

Answer = tuple[float | None, str]
"""A value, and why there is none."""


@dataclass(frozen=True, slots=True)
class PromptWords:
    """The words of a prompt's messages, ready for many replies."""

    runs: Sequence[tuple[int, Mapping[str, set[tuple[str, ...]]]]]
    """Of each message: words in a run, and its runs by their first word."""
    last: list[str]

    @classmethod
    def of(cls, messages: Sequence[Sequence[str]]) -> "PromptWords":
        """Return what is needed of the words of each message."""
        runs = []
        for message in messages:
            if size := min(RUN, len(message)):
                by_word: dict[str, set[tuple[str, ...]]] = {}
                for i in range(len(message) - size + 1):
                    by_word.setdefault(message[i], set()).add(tuple(message[i : i + size]))
                runs.append((size, by_word))
        return cls(runs, list(messages[-1]) if messages else [])

    def copied_share(self, reply: Sequence[str]) -> float:
        """Return the share of a reply's words that stand in runs of `RUN` words of a message, or of
        the whole message if that is shorter: 0 to 1, higher is more alike. 0 for an empty reply."""
        covered = [False] * len(reply)
        for size, by_word in self.runs:
            for i, word in enumerate(reply[: len(reply) - size + 1] if size <= len(reply) else ()):
                if word in by_word and tuple(reply[i : i + size]) in by_word[word]:
                    covered[i : i + size] = [True] * size
        return sum(covered) / len(reply) if reply else 0.0

    def is_repeated_by(self, reply: Sequence[str]) -> bool:
        """Return whether a reply repeats the prompt: nearly all of its words are copied from the
        messages, or it begins with the whole last message (of `RUN` words or more)."""
        if self.copied_share(reply) >= COPIED:
            return True
        size = len(self.last)
        starts = (list(reply[start : start + size]) for start in range(LEAD + 1))
        return size >= RUN and self.last in starts


def prompt_languages(prompts: Mapping[PromptKey, Sequence[str]]) -> dict[PromptKey, str | None]:
    """Return the language of each prompt, given the texts of its messages: that of the last, else
    of all together, else that of nearly all other prompts (`COMMON`). None if it cannot be told."""
    languages = {
        key: language_of(texts[-1]) or language_of("\n".join(texts))
        for key, texts in prompts.items()
    }
    known = [language for language in languages.values() if language is not None]
    common = max(known, key=known.count) if known else None
    if common is None or known.count(common) < COMMON * len(known):
        return languages
    return {key: language or common for key, language in languages.items()}


def compute(context: Context) -> list[MetricResult]:
    """Return all metrics of this family, one value for each prompt."""
    texts = {
        (prompt.query, prompt.persona): tuple(message.content for message in prompt.messages)
        for prompt in context.suite.prompts()
    }
    measures: dict[str, Callable[[], dict[Cell, Answer]]] = {
        "language_mismatch_rate": lambda: _mismatches(context, texts),
        "prompt_copy_rate": lambda: _copies(context, texts),
        "word_order": lambda: _orders(context),
    }
    programs: dict[Cell, Answer] = dict.fromkeys(context.by_prompt, (None, PROGRAMS))
    is_code = context.suite.code is not None
    answers = {"refusal_rate": _refusals(context)} | {
        metric: programs if is_code else measure() for metric, measure in measures.items()
    }
    return [
        metric_result(
            METRICS[metric],
            version=VERSION,
            values=_values(context, answers[metric]),
            signature={
                **_SIGNATURES[metric],
                **(context.tokenizer.text_signature if metric == "word_order" else {}),
            },
        )
        for metric in METRICS
    ]


_SIGNATURES: dict[str, dict[str, object]] = {
    "refusal_rate": {"rules": "own, 35 languages"},
    "language_mismatch_rate": {"rules": "own, scripts and frequent words"},
    "prompt_copy_rate": {"run": RUN, "share": COPIED},
    "word_order": {"words": FREQUENT, "model": "pairs of the other queries"},
}


def _values(context: Context, answers: Mapping[Cell, Answer]) -> list[Value]:
    return [
        context.prompt_value(key, number, reason=reason)
        for key, (number, reason) in answers.items()
    ]


def _texts(context: Context) -> dict[Cell, list[str]]:
    """Return the replies to each prompt in their normal form and whole, beyond any window."""
    return {
        key: [normal_text(reply.text) for reply in replies]
        for key, replies in context.by_prompt.items()
    }


def _share(flags: Sequence[bool], reason: str) -> Answer:
    return (sum(flags) / len(flags), "") if flags else (None, reason)


def _refusals(context: Context) -> dict[Cell, Answer]:
    refuses = cache(is_refusal)  # copies are frequent
    return {
        key: _share([refuses(text) for text in texts], NO_TEXT)
        for key, texts in _texts(context).items()
    }


def _mismatches(context: Context, texts: Mapping[PromptKey, Sequence[str]]) -> dict[Cell, Answer]:
    languages, speaks = prompt_languages(texts), cache(language_of)
    answers: dict[Cell, Answer] = {}
    for key, replies in _texts(context).items():
        prompt = key[1:]
        language = languages.get(prompt)
        if prompt not in texts:
            answers[key] = None, NO_PROMPT
        elif any(_NAMED.search(text.casefold()) for text in texts[prompt]):
            answers[key] = None, NAMED
        elif language is None:
            answers[key] = None, NO_PROMPT_LANGUAGE
        else:
            spoken = [speaks(reply) for reply in replies]
            others = [other != language for other in spoken if other is not None]
            answers[key] = _share(others, NO_REPLY_LANGUAGE)
    return answers


def _copies(context: Context, texts: Mapping[PromptKey, Sequence[str]]) -> dict[Cell, Answer]:
    prompts = {
        prompt: PromptWords.of([order_words(text) for text in messages])
        for prompt, messages in texts.items()
    }
    return {
        key: _share([prompts[key[1:]].is_repeated_by(order_words(t)) for t in replies], NO_TEXT)
        if key[1:] in prompts
        else (None, NO_PROMPT)
        for key, replies in _texts(context).items()
    }


def _orders(context: Context) -> dict[Cell, Answer]:
    answers: dict[Cell, Answer] = {}
    parts = iter(context.texts)  # grouped by prompt
    whole = {
        key: list(itertools.islice(parts, len(replies)))
        for key, replies in context.by_prompt.items()
    }
    for temperature in dict.fromkeys(key[0] for key in whole):
        texts = {key: replies for key, replies in whole.items() if key[0] == temperature}
        values, reason = word_order(texts, {key: key[1] for key in texts})
        nothing = reason or "no reply with two words"
        answers |= {key: (value, nothing) for key, value in values.items()}
    return {key: answers[key] for key in whole}
