"""The form in which replies are compared: what cannot be seen does not make two texts different."""

import re
import unicodedata

NORMAL_FORM = "nfc-visible-v1"
"""Names the normal form in signatures."""

# What Unicode calls default-ignorable (DerivedCoreProperties.txt): soft hyphen, zero-width
# characters, joiners, direction marks, fillers, variation selectors, tags. A joiner is removed
# everywhere: inside a Persian or Indic word and inside an emoji it chooses between two drawings of
# the same characters, and nobody ever reads the normal form.
_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_CONTROL = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufff9-\ufffb"  # but for blanks and line ends
_INVISIBLE = re.compile(f"[{_IGNORABLE}{_CONTROL}]")
_LINE_END = re.compile("\r\n|[\r\x85\u2028\u2029]")
_RUN = re.compile(r"(?<=[^ \n]) {2,}")
_LINE_REST = re.compile(r" +(?=\n|\Z)")
_BLANK = re.compile(r"[^\S\n ]|\u2800")  # and the empty Braille pattern


def normal_text(text: str) -> str:
    """Return a text in the form in which it is compared, counted and embedded.

    In NFC, without invisible characters, every line end a newline and every other blank a space,
    one between two words and none at the end of a line. What can be seen stays: indentation, case,
    compatibility forms (NFKC would merge them). Two texts that look the same are equal after it,
    except for letters of different scripts. Idempotent.
    """
    if text.isascii() and text.isprintable() and "  " not in text and text[-1:] != " ":
        return text
    text = _INVISIBLE.sub("", text)
    text = _BLANK.sub(" ", _LINE_END.sub("\n", text))
    return unicodedata.normalize("NFC", _LINE_REST.sub("", _RUN.sub(" ", text)))
