"""What the tests of commands share."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def undrawn(no_drawing: None) -> None:
    """Nothing here looks at a static drawing."""
