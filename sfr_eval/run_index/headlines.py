"""The headline estimates of results.json, without reading the rest of it.

The file of one run may have megabytes, nearly all of them estimates of single personas and of
metrics that an index does not show. `Results.save` writes one field a line, so the rows that are
wanted are found by their text and only they are parsed; any other form of JSON is read whole.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sfr_eval.errors import UserError
from sfr_eval.metrics.table import metric_info
from sfr_eval.report.scoreboard import CUT, LENGTH
from sfr_eval.types import Estimate
from sfr_eval.util.reading import refuse_unstorable
from sfr_eval.util.untrusted import plain_bytes

MAX_BYTES = 512 * 2**20

# Line feeds inside a string are escaped, so these can only stand between fields.
_BEGIN, _END = b'\n "estimates": [\n', b"\n ]"
_ROW_BEGIN, _ROW_END = b"\n  {\n", b"\n  }"
_ALL_PERSONAS = b'\n   "persona": "",\n'
_METRIC = re.compile(rb'\n  \{\n   "metric": "([a-z0-9_]+)",\n')

_ESTIMATES = TypeAdapter(list[Estimate])


@dataclass(frozen=True, kw_only=True)
class Headlines:
    """Estimates over all personas that have a value, of the metrics that an index shows."""

    estimates: tuple[Estimate, ...]

    def of(self, suite: str) -> tuple[Estimate, ...]:
        """Return those of a suite."""
        return tuple(row for row in self.estimates if row.suite == suite)


def read_headlines(file: Path) -> Headlines:
    """Read results.json. Raises UserError if it is damaged, FileNotFoundError without one."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UserError(f"{file}: larger than {MAX_BYTES:,} bytes")
        raw = plain_bytes(file)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    try:
        text = b"[" + b",".join(_rows(raw)) + b"]"
        estimates = _ESTIMATES.validate_json(text)
        refuse_unstorable(text.decode(), where=str(file))
    except UserError:  # which is a ValueError
        raise
    except (ValidationError, ValueError, RecursionError):
        raise UserError(f"{file}: damaged; measure the run anew with sfr-eval score") from None
    return Headlines(estimates=tuple(row for row in estimates if row.value is not None))


def _rows(raw: bytes) -> Iterator[bytes]:
    """Yield the JSON of each wanted row."""
    begin = raw.find(_BEGIN)
    end = raw.find(_END, begin + len(_BEGIN)) if begin >= 0 else -1
    if end < 0 or not raw.rstrip().endswith(b"}"):
        yield from _rows_of_any(raw)
        return
    at = raw.find(_ALL_PERSONAS, begin, end)
    while at >= 0:
        start = raw.rfind(_ROW_BEGIN, begin, at)
        stop = raw.find(_ROW_END, at, end + 1)
        metric = _METRIC.match(raw, start)
        if start < 0 or stop < 0 or metric is None:
            raise ValueError("not as Results.save writes it")
        if is_shown(metric[1].decode()):
            yield raw[start : stop + len(_ROW_END)]
        at = raw.find(_ALL_PERSONAS, stop, end)


def _rows_of_any(raw: bytes) -> Iterator[bytes]:
    loaded = json.loads(raw)
    rows = loaded.get("estimates", []) if isinstance(loaded, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("no estimates")
    for row in rows:
        if row.get("persona") == "" and is_shown(str(row.get("metric"))):
            yield json.dumps(row).encode()


@cache
def is_shown(metric: str) -> bool:
    """Whether an index shows a metric: one from which the primary of a role is taken, length, or
    the share of cut replies."""
    if metric in (LENGTH, CUT):
        return True
    info = metric_info(metric)
    return info is not None and info.primary is not None
