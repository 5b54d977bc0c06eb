"""How many rows max_length cuts, and how many it leaves with nothing to learn."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sfr_eval.errors import UserError
from sfr_eval.util.progress import log
from sfr_train.targets.segments import IGNORED


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Counts of rows. `unfinished`: the end of the last reply is gone. `empty`: no token is left to
    learn, so that the row is dropped."""

    rows: int
    cut: int
    unfinished: int
    empty: int
    longest: int


def count_cut(labels: Iterable[Any], limit: int | None, *, keep_end: bool = False) -> Cut:
    """Count what `limit` tokens a row do to rows with these labels."""
    rows = cut = unfinished = empty = longest = 0
    for row in labels:
        rows += 1
        learned = np.flatnonzero(np.asarray(row) != IGNORED)
        size = len(row)
        longest = max(longest, size)
        if limit is not None and size > limit:
            cut += 1
            kept = learned[learned >= size - limit] if keep_end else learned[learned < limit]
            unfinished += bool(len(learned)) and not keep_end and learned[-1] >= limit
        else:
            kept = learned
        empty += not len(kept)
    return Cut(rows=rows, cut=cut, unfinished=unfinished, empty=empty, longest=longest)


def report_cut(cut: Cut, limit: int | None, *, what: str, quiet: bool = False) -> None:
    """Say on stderr what is lost. Raises UserError if nothing is left of the training rows."""
    if cut.empty == cut.rows and what == "train":
        if not cut.cut:
            raise UserError("data: no row has a token to train on (no assistant turn?)")
        raise UserError(
            f"training.max_length: {limit} tokens leave none of {cut.rows:,} rows with a token to "
            f"train on; raise it (the longest row has {cut.longest:,})"
        )
    if quiet:
        return
    rows = "rows" if what == "train" else "rows held out"
    if cut.cut:
        log(
            f"training.max_length: {cut.cut:,} of {cut.rows:,} {rows} are longer than {limit:,} "
            f"tokens and cut, {cut.unfinished:,} of them before the end of the reply; the longest "
            f"has {cut.longest:,}"
        )
    if cut.empty:
        log(f"data: {cut.empty:,} of {cut.rows:,} {rows} have no token left to learn: dropped")


def check_lengths(dataset: Any, arguments: Any, *, packing: bool, what: str) -> None:
    """Count and report the cut of a tokenized data set that has not been cut yet, on the first
    rank. Packing in the style `wrapped` cuts rows into parts and loses nothing."""
    if not hasattr(dataset, "__len__") or "labels" not in (dataset.column_names or ()):
        return
    limit = arguments.max_length
    if packing and arguments.packing_strategy != "bfd":
        limit = None
    keep_end = not packing and arguments.truncation_mode == "keep_end"
    rows = dataset.select_columns(["labels"]).with_format("numpy")
    cut = count_cut((row["labels"] for row in rows), limit, keep_end=keep_end)
    report_cut(cut, limit, what=what, quiet=arguments.process_index > 0)
