"""Makes matplotlib's SVG small: a page has dozens of drawings, and most of each is repetition."""

import re
from itertools import groupby
from xml.etree import ElementTree

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_FEWEST = 3
"""Neighbours that are worth a group."""
_DROPPED = ("metadata", "clipPath", "style", "title")
_DEFAULTS = {
    "fill-opacity: 1",
    "stroke-opacity: 1",
    "stroke-linecap: butt",
    "stroke-linejoin: miter",
    "stroke-linecap: square",
    "stroke-dashoffset: 0",
    "text-anchor: start",
}


def slim(svg: str) -> str:
    """Return the <svg> element with coordinates of a tenth of a point and without metadata, clip
    paths, fonts and groups that say nothing. The page gives size, fonts and a name."""
    root = ElementTree.fromstring(svg)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    box = root.get("viewBox", "")
    root.attrib.clear()
    root.set("viewBox", box)
    root.set("aria-hidden", "true")
    _shorten(root, used)
    for parent in list(root.iter()):
        _unwrap(parent)
    for parent in list(root.iter()):
        _join_marks(parent)
    for parent in list(root.iter()):
        _join_lines(parent)
        _share_style(parent)
    text = ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)
    text = re.sub(r' xmlns:?\w*="[^"]*"', "", text)
    text = re.sub(r"(</?)ns\d+:", r"\1", text)
    text = re.sub(r"\sns\d+:href=", " href=", text)
    return re.sub(r">\s+<", "><", text).replace(" />", "/>").strip()


def _shorten(element: ElementTree.Element, used: set[str]) -> None:
    for child in list(element):
        if child.tag.removeprefix(_SVG) in _DROPPED:
            element.remove(child)
            continue
        _shorten(child, used)
        if child.tag == f"{_SVG}defs" and not len(child):
            element.remove(child)
    for key, value in list(element.attrib.items()):
        if key == "clip-path" or (key == "id" and value not in used):
            del element.attrib[key]
        elif key == "style":
            element.set(key, _style(value))
        elif key == "transform":
            element.set(key, _transform(value))
        elif key == "d":
            element.set(key, _path(value))
        elif key in ("x", "y", "width", "height"):
            element.set(key, _rounded(value))
        if not element.get(key, "-"):
            del element.attrib[key]
    if element.tag == f"{_SVG}text" and element.get("transform") == "":
        del element.attrib["transform"]


def _style(text: str) -> str:
    parts = [part.strip() for part in text.split(";") if part.strip()]
    shown = [part for part in parts if part not in _DEFAULTS and not part.startswith("font-family")]
    return ";".join(re.sub(r":\s+", ":", _font(part)) for part in shown)


def _font(part: str) -> str:
    """Return `font: 8px 'DejaVu Sans'` as the size alone, and a bold one with its weight."""
    match = re.fullmatch(r"font: (?:(\w+) )?([\d.]+px) .*", part)
    if match is None:
        return part
    weight = f"font-weight:{match[1]};" if match[1] else ""
    return f"{weight}font-size:{match[2]}"


def _transform(text: str) -> str:
    text = re.sub(r"rotate\(-?0(?:\.0*)?(?: [^)]*)?\)", "", text)
    return _rounded(text).strip()


def _path(text: str) -> str:
    numbers = re.sub(r"\s*([A-Za-z])\s*", r"\1", _rounded(" ".join(text.split())))
    return numbers if re.search("[CQ]", numbers) else _straight(numbers)


def _straight(path: str) -> str:
    """Return a path of straight lines with H and V for those along an axis."""
    shortened = []
    at = ["", ""]
    for command, numbers in re.findall(r"([MLZz])([^MLZz]*)", path):
        place = numbers.split()
        if command == "L" and place[1] == at[1]:
            shortened.append(f"H{place[0]}")
        elif command == "L" and place[0] == at[0]:
            shortened.append(f"V{place[1]}")
        else:
            shortened.append(f"{command}{numbers}")
        at = place or at
    return "".join(shortened)


def _rounded(text: str) -> str:
    return _NUMBER.sub(lambda match: f"{float(match[0]):.1f}".removesuffix(".0"), text).replace(
        "-0 ", "0 "
    )


def _unwrap(parent: ElementTree.Element) -> None:
    """Put the children of each group without attributes into its place."""
    children: list[ElementTree.Element] = []
    waiting = list(parent)
    while waiting:
        child = waiting.pop(0)
        if child.tag == f"{_SVG}g" and not child.attrib:
            waiting = [*child, *waiting]
        else:
            children.append(child)
    parent[:] = children


def _join_marks(parent: ElementTree.Element) -> None:
    """Draw neighbours that show one mark in many places as one line with a marker at each of its
    corners: a tenth of the text."""
    marks = {one.get("id"): one for one in parent.iterfind(f"{_SVG}defs/{_SVG}path")}
    children: list[ElementTree.Element] = []
    number = 0
    for _, alike in groupby(parent, key=lambda one: (one.tag, one.get(_LINK), one.get("style"))):
        row = list(alike)
        mark = marks.get((row[0].get(_LINK) or "").removeprefix("#"))
        if row[0].tag != f"{_SVG}use" or len(row) < _FEWEST or mark is None:
            children += row
            continue
        number += 1
        children += _line_of_marks(row, mark, id=f"{mark.get('id')}-{number}")
    linked = {one.get(_LINK) for one in children}
    parent[:] = [
        one
        for one in children
        if one.tag != f"{_SVG}defs"
        or any(inner.tag != f"{_SVG}path" or f"#{inner.get('id')}" in linked for inner in one)
    ]


def _line_of_marks(
    row: list[ElementTree.Element], mark: ElementTree.Element, *, id: str
) -> list[ElementTree.Element]:
    styles = [one for one in (mark.get("style"), row[0].get("style")) if one]
    shape = ElementTree.Element(f"{_SVG}path", {"d": mark.get("d", ""), "style": ";".join(styles)})
    marker = ElementTree.Element(
        f"{_SVG}marker", {"id": id, "overflow": "visible", "markerUnits": "userSpaceOnUse"}
    )
    marker.append(shape)
    defs = ElementTree.Element(f"{_SVG}defs")
    defs.append(marker)
    places = "L".join(f"{one.get('x')} {one.get('y')}" for one in row)
    look = {"d": f"M{places}", "style": f"fill:none;marker:url(#{id})"}
    return [defs, ElementTree.Element(f"{_SVG}path", look)]


def _join_lines(parent: ElementTree.Element) -> None:
    """Draw neighbours that are lines of one style as one path."""
    children: list[ElementTree.Element] = []
    for (tag, style), alike in groupby(parent, key=lambda one: (one.tag, one.get("style") or "")):
        row = list(alike)
        if tag == f"{_SVG}path" and "fill:none" in style and "marker" not in style:
            row[0].set("d", "".join(one.get("d", "") for one in row))
            children.append(row[0])
        else:
            children += row
    parent[:] = children


def _share_style(parent: ElementTree.Element) -> None:
    """Put neighbours of one kind into a group that has what their styles have in common."""
    rows: list[tuple[list[ElementTree.Element], list[str]]] = []
    for child in parent:
        style = [part for part in (child.get("style") or "").split(";") if part]
        row, common = rows[-1] if rows else ([], [])
        both = [part for part in common if part in style]
        if row and both and row[0].tag == child.tag and not len(child):
            row.append(child)
            common[:] = both
        else:
            rows.append(([child], style))
    parent[:] = [one for row, common in rows for one in _grouped(row, common)]


def _grouped(row: list[ElementTree.Element], common: list[str]) -> list[ElementTree.Element]:
    if len(row) < _FEWEST:
        return row
    group = ElementTree.Element(f"{_SVG}g", {"style": ";".join(common)})
    for child in row:
        own = [part for part in (child.get("style") or "").split(";") if part not in common]
        child.set("style", ";".join(own))
        if not own:
            del child.attrib["style"]
        group.append(child)
    return [group]
