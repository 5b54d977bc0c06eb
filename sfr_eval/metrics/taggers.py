"""Part-of-speech taggers: spaCy or NLTK, where the user has installed one with a model."""

import importlib.util
import re
from collections.abc import Sequence
from typing import Any, Protocol

from sfr_eval.errors import UserError

SPACY_MODEL = "en_core_web_sm"
NLTK = "nltk"
NO_TAGGER = (
    "needs a part-of-speech tagger: pip install spacy and python -m spacy download "
    f"{SPACY_MODEL}, or give --tagger"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class Tagger(Protocol):
    """Gives every word of a text its part of speech."""

    @property
    def signature(self) -> str:
        """What two numbers must share to be comparable."""

    def tags(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the tags of the words of each text, in order; none for an empty text."""


class SpacyTagger:
    """A spaCy pipeline: the fine-grained tag of each word, or the coarse one where it has none."""

    def __init__(self, name: str) -> None:
        """`name`: an installed pipeline or a folder. Raises UserError if it cannot be loaded."""
        import spacy

        try:
            self._pipeline = spacy.load(name, exclude=["parser", "ner", "lemmatizer", "senter"])
        except OSError as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"--tagger {name}: not a spaCy pipeline: {reason}") from None
        self._name = name
        meta = self._pipeline.meta
        model = f"{meta['lang']}_{meta['name']} {meta['version']}"
        self.signature = f"spaCy {spacy.__version__} {model}"

    def tags(self, texts: Sequence[str]) -> list[list[str]]:
        """See Tagger. Raises UserError for a pipeline that does not tag."""
        tagged = [
            [token.tag_ or token.pos_ for token in document if not token.is_space]
            for document in self._pipeline.pipe(texts)
        ]
        if any("" in tags for tags in tagged):
            raise UserError(f"--tagger {self._name}: this pipeline gives words no part of speech")
        return tagged


class NltkTagger:
    """NLTK's averaged perceptron for English, with its Treebank words."""

    def __init__(self) -> None:
        """Raises LookupError without the tagger's data."""
        import nltk
        from nltk.tag.perceptron import PerceptronTagger

        self._tagger: Any = PerceptronTagger()
        self._words: Any = nltk.tokenize.NLTKWordTokenizer()
        self.signature = f"NLTK {nltk.__version__} averaged_perceptron_tagger_eng"

    def tags(self, texts: Sequence[str]) -> list[list[str]]:
        """See Tagger."""
        return [
            [
                tag
                for sentence in filter(None, _SENTENCE_END.split(text.strip()))
                for _, tag in self._tagger.tag(self._words.tokenize(sentence))
            ]
            for text in texts
        ]


def load_tagger(name: str | None = None) -> Tagger | str:
    """Load a tagger: `nltk`, a spaCy pipeline or its folder, or, for None, the first of
    en_core_web_sm and nltk that is installed. Returns the reason if none is; raises UserError if
    the one that `name` asks for is not."""
    if name == NLTK or (name is None and not _installed(SPACY_MODEL)):
        tagger = _nltk()
        if tagger is None and name is not None:
            raise UserError(
                f"--tagger {name}: needs pip install nltk and python -m nltk.downloader "
                "averaged_perceptron_tagger_eng"
            )
        return tagger or NO_TAGGER
    if not _installed("spacy"):
        raise UserError(f"--tagger {name}: needs spaCy: pip install spacy")
    return SpacyTagger(name or SPACY_MODEL)


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _nltk() -> NltkTagger | None:
    if not _installed(NLTK):
        return None
    try:
        return NltkTagger()
    except LookupError:
        return None
