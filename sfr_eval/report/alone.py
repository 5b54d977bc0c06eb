"""What the numbers of a run say by themselves: how varied, on which scale, and what is repeated.

No verdict: how varied replies should be depends on the prompt. What is wrong with the replies
stands in the warnings.
"""

from collections.abc import Iterator

from sfr_eval.metrics.equivalence import DRAW
from sfr_eval.report.numbers import Interval
from sfr_eval.report.repetitions import Cluster, Repetition
from sfr_eval.store.results import SuiteResults

DISTANCE = "embed_distance"
MEANINGS = "distinct_k"
WORDS = "distinct_2_rarefied"
PASSED = "pass_at_1"
COMMON = 0.10
"""Share of all replies from which a repeated text or opening is quoted."""
QUOTED = 80
"""Characters of a reply that are quoted."""


def described(
    suite: SuiteResults, t: float, repeated: Repetition | None
) -> tuple[str, tuple[str, ...]]:
    """Return a headline and sentences about one temperature."""
    return _headline(suite, t), tuple(_sentences(suite, t, repeated))


def how_to_compare(suite: SuiteResults) -> str:
    """Return what gives a verdict, in one command."""
    if suite.at(PASSED, suite.middle_temperature):
        return (
            "For a verdict, run the base model or an earlier checkpoint on the same suite and add "
            "`--base-run ITS_RUN` to this command (or to `sfr-eval score`)."
        )
    return (
        "For a verdict, add `--references FILE` (replies of people or of another model to the same "
        "questions) or `--base-run RUN` (the base model on the same suite) to this command, or to "
        "`sfr-eval score`."
    )


def _headline(suite: SuiteResults, t: float) -> str:
    if passed := suite.at(PASSED, t):
        share = Interval.of(passed).percent(without="")
        return f"{share} of the programs pass at T = {t:g}"
    if meanings := suite.at(MEANINGS, t):
        number = Interval.of(meanings).rounded(without="")
        return f"{DRAW} replies to a prompt say {number} different things at T = {t:g}"
    if distance := suite.at(DISTANCE, t):
        number = Interval.of(distance).rounded(without="")
        return f"Two replies to a prompt lie {number} apart in meaning at T = {t:g}"
    if words := suite.at(WORDS, t):
        number = Interval.of(words).percent(without="")
        return f"{number} of the word pairs in replies to a prompt are different at T = {t:g}"
    return f"Described at T = {t:g}"


def _sentences(suite: SuiteResults, t: float, repeated: Repetition | None) -> Iterator[str]:
    if suite.at(MEANINGS, t):
        yield (
            f"1 would mean that all say the same, {DRAW} that no two are alike; {suite.samples} "
            "replies to each prompt were drawn."
        )
    if distance := suite.at(DISTANCE, t):
        yield (
            f"At T = {t:g} two replies to one prompt lie {Interval.of(distance).rounded()} apart "
            "in meaning (0: the same, about 1: nothing in common)."
        )
    if repeated is not None and suite.samples > 1 and repeated.replies > 1:
        yield from _repeated(repeated)
    relevant = suite.at("relevant_share", t)
    if relevant is not None:
        share = Interval.of(relevant).percent(without="")
        yield f"{share} of the replies are recognised as answers to their own question."


def _repeated(repeated: Repetition) -> Iterator[str]:
    share = repeated.copies
    yield (
        f"{share:.0%} of the {repeated.replies:,} replies are copies: another reply to the same "
        "question is the same text."
        if share
        else f"Of the {repeated.replies:,} replies, no two to the same question are the same text."
    )
    for kind, verb in (("reply", "are"), ("opening", "begin with")):
        first = next((c for c in repeated.clusters if c.kind == kind), None)
        if first is not None and first.share >= COMMON:
            yield f"{first.share:.0%} of all replies {verb} {_quote(first)}{_to(first)}."


def _quote(cluster: Cluster) -> str:
    text = " ".join(cluster.text.split())
    return f'"{text}"' if len(text) <= QUOTED else f'"{text[:QUOTED].rstrip()}..."'


def _to(cluster: Cluster) -> str:
    return f", to {cluster.queries:,} questions" if cluster.queries > 1 else ", to one question"
