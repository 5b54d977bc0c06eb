"""A scored run in other tools' formats, one module a format."""
