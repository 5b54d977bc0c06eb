"""Reports without their static drawings, which are nine tenths of the time of a report.

Drawings have tests of their own (tests/report/charts). A folder of tests that does not look at them
imports `no_drawing` in its conftest.py; all else of a report is made.
"""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from sfr_eval.report import figures


@pytest.fixture(scope="module", autouse=True)
def no_drawing() -> Iterator[None]:
    """Draws nothing while the tests of a file run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "_sheet", lambda *_, **__: nullcontext())
        patch.setattr(figures, "_saved", lambda *_: b'<svg viewBox="0 0 1 1"></svg>')
        yield
