"""Fonts with the glyphs of a text: Chinese, Arabic or Hindi names are in few of them."""

from collections.abc import Iterable, Iterator
from functools import cache

BASE = "DejaVu Sans"  # comes with matplotlib

_KNOWN = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Source Han Sans SC"),
    *("PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Microsoft YaHei", "Yu Gothic"),
    *("Malgun Gothic", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback"),
    *("Noto Sans Arabic", "Noto Naskh Arabic", "Geeza Pro", "Noto Sans Hebrew"),
    *("Noto Sans Devanagari", "Nirmala UI", "Kohinoor Devanagari", "Noto Sans Thai", "Noto Emoji"),
    *("Segoe UI", "Segoe UI Symbol", "Arial Unicode MS", "FreeSans", "Unifont"),
)
"""Families that are tried before all others, so that equal texts look alike on most machines."""


def families(texts: Iterable[str]) -> list[str]:
    """Return the families of a drawing with these texts: the base, and for what it lacks the first
    ones that have it. A character that no font has is left to the last."""
    missing = {ord(c) for text in texts for c in text if not c.isspace()} - _glyphs(_file(BASE))
    chosen = [BASE]
    for name, path in _candidates() if missing else ():
        if here := missing & _glyphs(path):
            chosen.append(name)
            missing -= here
        if not missing:
            break
    return chosen


def _candidates() -> Iterator[tuple[str, str]]:
    from matplotlib.font_manager import fontManager

    files: dict[str, str] = {}
    for font in sorted(fontManager.ttflist, key=lambda font: (font.name, str(font.fname))):
        if font.style == "normal" and font.weight in (400, "normal", "regular"):
            files.setdefault(font.name, str(font.fname))
    known = [name for name in _KNOWN if name in files]
    for name in dict.fromkeys((*known, *sorted(files))):
        yield name, files[name]


@cache
def _file(family: str) -> str:
    from matplotlib.font_manager import findfont

    return str(findfont(family))


@cache
def _glyphs(path: str) -> frozenset[int]:
    """Return the code points of a font; none of a file that cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (RuntimeError, OSError):
        return frozenset()
