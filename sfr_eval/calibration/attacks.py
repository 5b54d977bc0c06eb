"""Attacks on the metrics: replies that are worse than before, or the same, but look more varied.

Each attack is an edit of sampled replies. All measures of variety are fooled by some of them. What
must hold: no comparison calls the attacked run better and no gate passes it, unless the edit is
harmless; the way back is never a failure; and a warning names the reason
(docs/design/confounds.md, docs/calibration).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sfr_eval.calibration import edits, text_edits
from sfr_eval.calibration.attack_texts import ENGLISH_WORDS, REFUSAL_IN_LANGUAGES, REFUSALS
from sfr_eval.calibration.edits import Edit, copies, each, half, instead, noise

Loss = Literal["quality", "variety", "style"]
"""What replies may lose: whether they answer, how they differ, whether personas are told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """An edit of replies and what must be said about it.

    `spoils`: what the replies lose; nothing if they are as good and as varied as before. `names`: a
    warning or verdict names the reason if it holds one of these words, in any case, the attacked
    run being called `candidate`; none for a harmless edit that needs no warning.
    """

    id: str
    title: str
    edit: Edit
    spoils: tuple[Loss, ...]
    names: tuple[str, ...]

    @property
    def harmless(self) -> bool:
        """Whether nothing is lost."""
        return not self.spoils


_OFF_TOPIC = ("few replies are recognised", "lower relevance", "relevance lower", "less relevant")
_NOISE = ("order of the words tells less in candidate", "worse formed", "as in word salad")
_LENGTH = ("differ in length",)
_ALIKE = ("less varied",)
_STYLE = ("less in style",)
_REFUSED = ("refuse to answer",)

ATTACKS: dict[str, Attack] = {
    attack.id: attack
    for attack in (
        Attack(id="off_topic", title="Dealt at random to other questions",
               spoils=("quality",), edit=edits.dealt_to_other_questions, names=_OFF_TOPIC),
        Attack(id="off_topic_permutation", title="All replies to a question given to another",
               spoils=("quality",), edit=edits.permuted_questions, names=_OFF_TOPIC),
        Attack(id="half_off_topic", title="Half of them dealt to other questions",
               spoils=("quality",), edit=half(edits.dealt_to_other_questions), names=_OFF_TOPIC),
        Attack(id="other_answer_first", title="A reply to another question before each",
               spoils=("quality",), edit=edits.after_another_answer, names=(*_OFF_TOPIC, *_LENGTH)),
        Attack(id="half_empty", title="Half of them empty",
               spoils=("quality",), edit=half(each(text_edits.empty)), names=("are empty",)),
        Attack(id="noise_5", title="5 % of the words replaced by words of the run",
               spoils=("quality",), edit=noise(0.05), names=_NOISE),
        Attack(id="noise_20", title="20 % of the words replaced by words of the run",
               spoils=("quality",), edit=noise(0.2), names=_NOISE),
        Attack(id="noise_5_english", title="5 % of the words replaced by English words",
               spoils=("quality",), edit=noise(0.05, vocabulary=ENGLISH_WORDS), names=_NOISE),
        Attack(id="noise_20_english", title="20 % of the words replaced by English words",
               spoils=("quality",), edit=noise(0.2, vocabulary=ENGLISH_WORDS), names=_NOISE),
        Attack(id="word_salad", title="Words in a random order",
               spoils=("quality",), edit=each(text_edits.salad), names=_NOISE),
        Attack(id="random_words", title="Random words of the run",
               spoils=("quality", "style"), edit=noise(1.0), names=(*_NOISE, *_OFF_TOPIC)),
        Attack(id="random_letters", title="Random letters",
               spoils=("quality", "style"), edit=each(text_edits.letters),
               names=(*_NOISE, *_OFF_TOPIC)),
        Attack(id="refusals", title="A refusal in eight wordings",
               spoils=("quality", "style"), edit=instead(REFUSALS), names=_REFUSED),
        Attack(id="half_refusals", title="Half of them refusals",
               spoils=("quality",), edit=half(instead(REFUSALS)), names=_REFUSED),
        Attack(id="refusal_languages", title="A refusal in eight languages",
               spoils=("quality", "style"), edit=instead(REFUSAL_IN_LANGUAGES),
               names=(*_REFUSED, "are in another language")),
        Attack(id="cut_in_a_word", title="Cut within a word, half way",
               spoils=("quality",), edit=each(text_edits.cut_in_a_word), names=_LENGTH),
        Attack(id="first_ten_words", title="First ten words only",
               spoils=("quality",), edit=each(text_edits.first_words(10)), names=_LENGTH),
        Attack(id="one_text", title="One reply to each prompt, copied",
               spoils=("variety",), edit=copies(text_edits.copy), names=_ALIKE),
        Attack(id="layouts", title="One reply in eight layouts",
               spoils=("variety",), edit=copies(text_edits.layout), names=_ALIKE),
        Attack(id="zero_width_copies", title="One reply with invisible characters",
               spoils=("variety",), edit=copies(text_edits.zero_width), names=_ALIKE),
        Attack(id="nfd_copies", title="One reply with accents, composed or not",
               spoils=("variety",), edit=copies(text_edits.decomposed), names=_ALIKE),
        Attack(id="near_copies", title="One reply with one word changed",
               spoils=("variety",), edit=copies(text_edits.one_word_changed(ENGLISH_WORDS)),
               names=_ALIKE),
        Attack(id="reordered_copies", title="One reply with its sentences in another order",
               spoils=("variety",), edit=copies(text_edits.reordered), names=_ALIKE),
        Attack(id="noisy_copies", title="One reply with 30 % of its words replaced",
               spoils=("quality", "variety"),
               edit=copies(text_edits.noisy_copy(0.3, ENGLISH_WORDS)), names=(*_NOISE, *_ALIKE)),
        Attack(id="one_voice", title="All personas answer in the voice of one",
               spoils=("style",), edit=edits.one_voice, names=_STYLE),
        Attack(id="personas_dealt", title="Dealt at random to other personas",
               spoils=("style",), edit=edits.dealt_to_other_personas, names=_STYLE),
        Attack(id="catchphrases", title="Greetings and catchphrases without advice",
               spoils=("quality",), edit=edits.phrases_alone, names=(*_OFF_TOPIC, *_LENGTH)),
        Attack(id="glued", title="Twice as long: two replies to the same prompt in one",
               spoils=(), edit=edits.glued, names=_LENGTH),
        Attack(id="any_layout", title="Each reply in a layout of its own",
               spoils=(), edit=each(text_edits.any_layout), names=()),
        Attack(id="own_order", title="Sentences of each reply in another order",
               spoils=(),
               edit=each(lambda text, generator: text_edits.reordered(text, 1, generator)),
               names=()),
    )
}  # fmt: skip


def attacks_on(queries: Mapping[str, str]) -> dict[str, Attack]:
    """Return all attacks, with those that need the text of the questions. `queries` maps id to
    text."""
    attack = Attack(
        id="prompt_repeated",
        title="The question and the last sentence of the reply",
        spoils=("quality", "variety"),
        edit=edits.prompt_repeated(queries),
        names=("repeat their prompt",),
    )
    return ATTACKS | {attack.id: attack}
