"""How many words a text has, also where no blanks stand between them."""

import re

# Chinese, Japanese, Thai, Lao, Burmese, Khmer; not Korean, Tibetan or Vietnamese, which set marks
# between words or syllables.
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)


def word_count(text: str) -> int:
    """Return the number of words of a text: runs of non-blanks, and in scripts without blanks
    between words each letter. In a text with such letters, what stands between them counts if it
    has a letter or a digit: a comma is not a word there, and neither is a vowel sign."""
    if text.isascii() or not _SPACELESS.search(text):
        return len(text.split())
    letters = sum(match[0].isalnum() for match in _SPACELESS.finditer(text))
    others = _SPACELESS.sub(" ", text).split()
    return letters + sum(any(map(str.isalnum, run)) for run in others)
