"""What the tests of commands share."""

from tests.support.drawing import no_drawing  # noqa: F401
