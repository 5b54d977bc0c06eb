"""What axe-core finds wrong for people who use a screen reader, a keyboard or a strong contrast.

axe-core is Deque's checker of WCAG rules. The script comes with axe-playwright-python, of which
nothing else is used.
"""

import importlib.util
import json
from functools import cache
from pathlib import Path

from tests.support.chromium import Page

SERIOUS = ("serious", "critical")


@cache
def _script() -> str:
    package = importlib.util.find_spec("axe_playwright_python")
    assert package is not None, "pip install --no-deps -r requirements/dev.txt"
    assert package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0])
    return (folder / "axe.min.js").read_text(encoding="utf-8")


def violations(
    page: Page, *, within: str = "body", impacts: tuple[str, ...] = SERIOUS
) -> list[str]:
    """Return a line for each element that breaks a rule: impact, rule, what is wrong, where.

    Contrast is checked in the theme that the page now has; an element that is not shown is not
    checked, so open what a reader would open first.
    """
    if not page.run("typeof window.axe === 'object'"):
        page.run(_script() + "; 1")
    result = page.run(
        f"axe.run(document.querySelector({json.dumps(within)}), "
        "{ resultTypes: ['violations'] }).then(found => found.violations.flatMap("
        "rule => rule.nodes.map(node => [rule.impact, rule.id, rule.help, "
        "node.target.join(' '), node.failureSummary])))"
    )
    return [": ".join(line) for line in result if line[0] in impacts]
