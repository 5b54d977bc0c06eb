"""Where the headings of a printed page stand: a heading belongs above what it is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PrintedLine:
    """A line of text on a sheet; `top` is its distance from the upper edge, from 0 to 1."""

    sheet: int  # from 1
    top: float
    text: str


def printed_lines(file: Path) -> list[PrintedLine]:
    """Return the lines of a PDF, sheet by sheet and from the top down."""
    from pypdf import PdfReader

    lines = []
    for number, sheet in enumerate(PdfReader(file).pages, start=1):
        height, places = float(sheet.mediabox.height), dict[int, str]()

        def visit(
            text: str,
            user: list[float],
            matrix: list[float],
            _font: object,
            _size: float,
            places: dict[int, str] = places,
        ) -> None:
            y = matrix[5] * user[3] + user[5]
            if text.strip():
                places[round(y)] = places.get(round(y), "") + text

        sheet.extract_text(visitor_text=visit)
        lines += [
            PrintedLine(number, 1 - y / height, " ".join(text.split()))
            for y, text in sorted(places.items(), reverse=True)
        ]
    return lines


def orphans(lines: Sequence[PrintedLine], headings: Sequence[str]) -> list[PrintedLine]:
    """Return the headings with less than two lines below them on their sheet."""
    return [
        line
        for line, second in zip(lines, lines[2:], strict=False)
        if second.sheet != line.sheet and line.text in headings
    ]
