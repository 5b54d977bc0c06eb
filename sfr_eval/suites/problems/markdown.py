"""The code blocks of an answer, as Markdown has them and as models write them."""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

_FENCE = re.compile(r"(?P<before>(?:(?!```).)*?)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")
_PREFIX = re.compile(r"[\s>]*(?:(?:[-*+]|\d+[.)])\s+)?[\s>]*")  # of a list or a quotation
_LANGUAGE = re.compile(r"\s*\{?\.?([\w+#.-]*)")
_PYTHON = re.compile(r"(?:|i?py(?:thon)?[\d.]*|pycon|gyp|sage|starlark|code)", re.IGNORECASE)
_ONE_LINE = re.compile(r"```\s*(?:python[\d.]*\s|py\s)?(.+?)```")
_ELEMENTS = re.compile(
    r"<(?P<name>code|pre|python|solution)\b[^>\n]*>(?P<code>.*?)(?:</(?P=name)>|\Z)"
    r"|\[PYTHON\](?P<tagged>.*?)(?:\[/PYTHON\]|\Z)"
    r"|\\begin\{(?P<tex>minted|lstlisting|verbatim|code|python)\}[^\n]*\n(?P<set>.*?)(?:\\end\{(?P=tex)\}|\Z)",
    re.DOTALL,
)
_NESTED = re.compile(r"</?(?:code|pre|python|span|br)\b[^>\n]*>")
_TEXT = re.compile(r"'''|\"\"\"")
_LONG = 5_000  # characters; no line with a fence is as long
_MOST_ENDS = 40  # closing fences tried for one block

IsCode = Callable[[str], bool]


@dataclass(frozen=True, kw_only=True)
class Block:
    """The lines between two fences. `closed`: a fence ends it. `first_line`: what
    follows the opening fence, if more than a language."""

    code: str
    language: str = ""
    closed: bool = True
    first_line: str = ""

    @property
    def first_lines(self) -> tuple[str, ...]:
        """Code that may stand in the opening line, behind the language or not."""
        line = self.first_line
        return (line, line.partition(" ")[2]) if line else ()

    @property
    def is_python(self) -> bool:
        """Whether its language is Python or not given."""
        return _PYTHON.fullmatch(self.language) is not None


@dataclass(frozen=True, kw_only=True)
class _Fence:
    before: str
    mark: str
    info: str

    @property
    def alone(self) -> bool:
        """Only a list's or a quotation's marks precede it."""
        return _PREFIX.fullmatch(self.before) is not None

    @property
    def opens(self) -> bool:
        """Behind words, only a language may follow."""
        return self.alone or (self.mark[0] == "`" and " " not in self.info.strip())


def blocks(answer: str, is_code: IsCode) -> list[Block]:
    """Return all blocks, in order. A block ends at the first fence of its own kind; if its content
    is not code but is with further fences inside, as in a docstring, at the first after which it
    is. An answer that begins inside a block, since its prompt opened the fence, begins with it."""
    lines = answer.split("\n")
    head, start = _continued(lines, is_code)
    fenced = [*head, *_fenced(lines, start, is_code)]
    spans = [] if fenced else [Block(code=code.strip()) for code in _ONE_LINE.findall(answer)]
    found = [*_elements(answer), *fenced, *spans]
    return [block for block in found if block.code.strip() or block.first_line]


def _continued(lines: list[str], is_code: IsCode) -> tuple[list[Block], int]:
    """Return the block in which the answer begins, if any, and the line after it."""
    fences = ((place, fence) for place, line in enumerate(lines) if (fence := _fence(line)))
    for place, fence in islice(fences, _MOST_ENDS):
        head = "\n".join([*lines[:place], *([] if fence.alone else [fence.before])])
        if not fence.info.strip() and is_code(head):
            return [Block(code=head)], place + 1
        if not _TEXT.search(head):
            break
    return [], 0


def _fence(line: str) -> _Fence | None:
    match = _FENCE.match(line) if len(line) < _LONG else None
    if match is None:
        return None
    fence = _Fence(before=match["before"], mark=match["fence"], info=match["info"])
    return fence if fence.alone or fence.mark[0] == "`" else None


def _fenced(lines: list[str], start: int, is_code: IsCode) -> Iterator[Block]:
    place = start
    while place < len(lines):
        fence = _fence(lines[place])
        place += 1
        if fence is None or not fence.opens:
            continue
        content, place, closed = _content(lines, place, fence, is_code)
        language = _LANGUAGE.match(fence.info)
        word = language[1] if language else ""
        yield Block(
            code=content,
            language=word,
            closed=closed,
            first_line=fence.info.strip() if fence.alone and " " in fence.info.strip() else "",
        )


def _content(
    lines: list[str], start: int, opening: _Fence, is_code: IsCode
) -> tuple[str, int, bool]:
    """Return the content of a block, the line after it, and whether a fence closes it."""
    ends = list(islice(_ends(lines, start, opening), _MOST_ENDS))
    contents: list[str] = []
    for place, rest, _ in ends:
        last = [rest] if rest is not None else []
        contents.append(_dedented([*lines[start:place], *last], opening))
        if is_code(contents[-1]):
            return contents[-1], ends[len(contents) - 1][2], True
        if len(contents) == 1 and rest is None and not _TEXT.search(contents[0]):
            return contents[0], ends[0][2], True  # only a text may hold a fence
    proper = next((n for n, (_, rest, _) in enumerate(ends) if rest is None), 0)
    if contents:
        return contents[proper], ends[proper][2], True
    return _dedented(lines[start:], opening), len(lines), False


def _ends(lines: list[str], start: int, opening: _Fence) -> Iterator[tuple[int, str | None, int]]:
    """Yield the places at which a block may end: the line, the code on it (None: nothing but the
    fence), and where to go on, which is the same line if it opens the next block."""
    mark, size = opening.mark[0], len(opening.mark)
    for place in range(start, len(lines)):
        fence = _fence(lines[place])
        if fence is None or fence.mark[0] != mark or len(fence.mark) < size:
            continue
        if fence.alone:
            yield place, None, place + (not fence.info.strip())
        elif not fence.info.strip():
            yield place, fence.before, place + 1


def _dedented(lines: list[str], opening: _Fence) -> str:
    """Return the lines without the indentation of the opening fence, as Markdown has it."""
    if not opening.alone:
        return "\n".join(lines)
    if ">" in opening.before:
        lines = [re.sub(r"^\s*>\s?", "", line) for line in lines]
        return "\n".join(lines)
    width = len(opening.before)
    return "\n".join(line[min(width, len(line) - len(line.lstrip())) :] for line in lines)


def _elements(answer: str) -> Iterator[Block]:
    """Yield what HTML, TeX and the tags of some models mark as code."""
    for match in _ELEMENTS.finditer(answer):
        if match["code"] is not None:
            code = html.unescape(_NESTED.sub("", match["code"])).replace("\u00a0", " ")
        else:
            code = match["tagged"] or match["set"] or ""
        yield Block(code=code.strip("\n"))
