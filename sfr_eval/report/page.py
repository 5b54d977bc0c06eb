"""One self-contained HTML page from a template in reports/, its styles and its scripts.

The page loads nothing: its Content-Security-Policy allows the scripts that are in it, by their
hashes, and nothing else. Model text reaches it escaped (`autoescape`) or as JSON that a script
cannot leave (`script_json`).
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.report.figures import Panel, panel_svg
from sfr_eval.util.assets import report_file

if TYPE_CHECKING:
    from markupsafe import Markup

MODEL = "#0072b2"
"""Colour of the model in every plot; in the page it is the CSS variable --model."""
TRUTH = "#d55e00"
"""Colour of the truth, or of the second run; in the page --truth."""

# Colours of plots.mplstyle, so that a plot follows the page into the dark.
_PAPER = {"#222222": "var(--ink)", "#dcdcdc": "var(--grid)", "#ffffff": "var(--card)"}
_LINES = {MODEL: "var(--model)", TRUTH: "var(--truth)"}


def render(
    template: str, *, scripts: Sequence[str] = (), styles: Sequence[str] = (), **values: Any
) -> str:
    """The page of `template`, which extends page.html.j2, with page.css, page.js and its own.

    Scripts and styles are files of reports/. page.js runs in the head, the others at the end of
    the body.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    first, rest = _text("page.js"), [_text(name) for name in scripts]
    return environment.get_template(template).render(
        style=Markup("".join(map(_text, ("page.css", *styles)))),
        head_script=Markup(first),
        scripts=[Markup(script) for script in rest],
        script_hashes=Markup(" ".join(f"'{_csp_hash(script)}'" for script in (first, *rest))),
        **values,
    )


def _text(name: str) -> str:
    return report_file(name).read_text(encoding="utf-8")


def _csp_hash(script: str) -> str:
    """What a Content-Security-Policy calls this script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def script_json(value: Mapping[str, Any] | Sequence[Any]) -> "Markup":
    """JSON that is inert inside <script>: no <, >, & and, being ASCII, no U+2028 or U+2029."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def inline(panel: Panel, *, colours: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A panel for the macro `plot`: its <svg> takes size and colours from the page. `colours` maps
    those of its lines to CSS variables, in the place of MODEL and TRUTH."""
    from markupsafe import Markup

    svg = panel_svg(panel)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    box = re.search(r'viewBox="[^"]*"', svg)
    assert box is not None
    # Named by the caption: the drawing itself says nothing to a screen reader.
    svg = re.sub(r"^<svg[^>]*>", f'<svg {box[0]} aria-hidden="true">', svg)
    svg = _own_ids(svg)
    lines = _LINES if colours is None else colours
    for colour, variable in {**_PAPER, **lines}.items():
        svg = svg.replace(colour, variable)
    return {"title": panel.title, "description": panel.description, "svg": Markup(svg)}


def _own_ids(svg: str) -> str:
    """The drawing without ids that nothing in it uses, the others marked as its own: matplotlib
    names the parts of every figure alike, and an id may stand in a page once."""
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    mark = hashlib.sha256(svg.encode()).hexdigest()[:8]

    def rename(found: re.Match[str]) -> str:
        return f' id="{mark}-{found[1]}"' if found[1] in used else ""

    svg = re.sub(r' id="([^"]*)"', rename, svg)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{mark}-", svg)
