"""Where labels stand in a static drawing: beside their points, never on a line, a point or another
label. One without a free place is left out.

Places are in pixels of the canvas, so they are found after the layout.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from sfr_eval.temperature import OWN_TEMPERATURE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

Place = tuple[float, float]

_DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))
_DISTANCES = (3.0, 7.0, 12.0)  # points
_AIR = 1.0  # points between a label and anything else


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: "Box") -> bool:
        """Return whether the rectangles have a point in common."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def inside(self, other: "Box") -> bool:
        """Return whether the other rectangle holds this one."""
        return (
            other.left <= self.left
            and self.right <= other.right
            and other.bottom <= self.bottom
            and self.top <= other.top
        )

    def meets(self, start: Place, end: Place) -> bool:
        """Return whether a line goes through the rectangle (Liang and Barsky)."""
        first, last = 0.0, 1.0
        (x, y), (dx, dy) = start, (end[0] - start[0], end[1] - start[1])
        for step, room in (
            (-dx, x - self.left),
            (dx, self.right - x),
            (-dy, y - self.bottom),
            (dy, self.top - y),
        ):
            if step == 0:
                if room < 0:
                    return False
            elif step < 0:
                first = max(first, room / step)
            else:
                last = min(last, room / step)
        return first <= last

    def distance(self, place: Place) -> float:
        """Return how far a place lies outside the rectangle; 0 inside."""
        x, y = place
        aside = max(self.left - x, 0.0, x - self.right)
        return math.hypot(aside, max(self.bottom - y, 0.0, y - self.top))

    def grown(self, by: float) -> "Box":
        """Return the rectangle with a rim."""
        return Box(self.left - by, self.bottom - by, self.right + by, self.top + by)


@dataclass(frozen=True, kw_only=True)
class Label:
    """A text and the places that it may stand beside, in the units of the data."""

    text: str
    anchors: Sequence[Place]
    rim: float = 0.0  # points that nothing else may be within, so that it is clear whose it is
    others: Sequence[Place] = ()  # points that it must not be nearer to than to its own


@dataclass(frozen=True, kw_only=True)
class Obstacles:
    """What is drawn in a pair of axes."""

    segments: list[tuple[Place, Place]] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)

    def free(self, box: Box) -> bool:
        """Return whether nothing is drawn there."""
        return not any(box.overlaps(other) for other in self.boxes) and not any(
            box.meets(start, end) for start, end in self.segments
        )


def obstacles(ax: "Axes") -> Obstacles:
    """Return the lines and the markers of a pair of axes, in pixels."""
    found = Obstacles()
    for line in ax.lines:
        places = _pixels(line)
        if line.get_linestyle() not in ("None", "none", "", " "):
            found.segments.extend(pairwise(places))
        if line.get_marker() not in ("None", "none", "", " ", None):
            radius = 0.5 * (line.get_markersize() + 1.5) * _pixels_per_point(ax)
            found.boxes.extend(Box(x, y, x, y).grown(radius) for x, y in places)
    return found


def put(
    ax: "Axes", labels: Sequence[Label], taken: Obstacles, *, size: float
) -> list["Text | None"]:
    """Write the labels that have a free place, the first ones first, and return what was written:
    None for a label without a place."""
    point = _pixels_per_point(ax)
    canvas = ax.figure.canvas
    renderer = canvas.get_renderer()  # type: ignore[attr-defined]
    corner = ax.get_window_extent(renderer)
    inside = Box(corner.x0, corner.y0, corner.x1, corner.y1)
    written: list[Text | None] = []
    for label in labels:
        text = ax.text(0, 0, label.text, transform=None, fontsize=size, va="baseline", zorder=6)
        extent = text.get_window_extent(renderer)
        box = _first_free(label, (extent.width, extent.height), ax, taken, inside, point)
        if box is None:
            text.remove()
            written.append(None)
            continue
        place = (box.left - extent.x0, box.bottom - extent.y0)
        text.set_transform(ax.transAxes)
        text.set_position(tuple(ax.transAxes.inverted().transform(place)))
        taken.boxes.append(box)
        written.append(text)
    return written


def _first_free(
    label: Label, size: Place, ax: "Axes", taken: Obstacles, inside: Box, point: float
) -> Box | None:
    others = [_pixel(ax, other) for other in label.others]
    for anchor in label.anchors:
        place = _pixel(ax, anchor)
        for box in _boxes(place, size, point):
            away = box.distance(place)
            if (
                box.inside(inside)
                and taken.free(box.grown((_AIR + label.rim) * point))
                and all(box.distance(other) > away for other in others)
            ):
                return box
    return None


def _pixel(ax: "Axes", place: Place) -> Place:
    x, y = ax.transData.transform(place)
    return float(x), float(y)


def _boxes(place: Place, size: Place, point: float) -> Iterator[Box]:
    """Yield the rectangles of a text around a place, the nearest first."""
    (x, y), (width, height) = place, size
    for distance in _DISTANCES:
        gap = distance * point
        for right, up in _DIRECTIONS:
            away = gap / math.hypot(right, up)
            middle_x = x + right * (away + width / 2)
            middle_y = y + up * (away + height / 2)
            yield Box(
                middle_x - width / 2, middle_y - height / 2, middle_x + width / 2,
                middle_y + height / 2,
            )  # fmt: skip


def ends_first(labels: Sequence[str], *, every: bool) -> list[int]:
    """Return the order in which points get their labels: both ends, T = 1, then all others if
    there is room for `every` one of them."""
    if not labels:
        return []
    own = [place for place, label in enumerate(labels) if label == f"T={OWN_TEMPERATURE:g}"]
    others = (*own, *range(len(labels))) if every else ()
    return list(dict.fromkeys((0, len(labels) - 1, *others)))


def _pixels(line: "Line2D") -> list[Place]:
    places = line.get_transform().transform(line.get_xydata())
    return [(float(x), float(y)) for x, y in places]


def _pixels_per_point(ax: "Axes") -> float:
    return ax.figure.dpi / 72
