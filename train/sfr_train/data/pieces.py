"""Computes columns of a data set piece by piece into memory-mapped files.

A piece is kept as soon as it is whole: a restart computes what is missing, with any number of
processes. The name of a file holds a key of all that decides its content, so a file is never used
for anything else. A data set in memory has no folder for such files and is computed in memory.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets

from sfr_eval.errors import RunError
from sfr_eval.util.progress import Bar
from sfr_train.data.turns import one_at_a_time

PIECE = 10_000
"""Rows of a piece."""
_ROWS_IN_MEMORY = 64  # of each process; thousands of tokens each, as Python integers
_ROWS_PER_PROCESS = 2_000  # below this, starting a process takes longer than its rows


def key_of(*parts: Any) -> str:
    """Return a digest of texts and of all that `str` tells apart."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:24]


def folder_of(dataset: Any) -> Path | None:
    """Return the folder of the files that a data set is mapped from; None if it is in memory."""
    files = dataset.cache_files
    return Path(files[0]["filename"]).parent if files else None


def mapped(
    dataset: Any,
    function: Callable[..., Mapping[str, Any]],
    *,
    key: str,
    what: str,
    features: Any,
    arguments: Mapping[str, Any],
    processes: int | None = None,
) -> Any:
    """Return function(columns of some rows, numbers of these rows, **arguments) for all rows, as a
    data set of its own; `function` returns a column for each of `features`."""
    options: dict[str, Any] = {
        "batched": True,
        "batch_size": _ROWS_IN_MEMORY,
        "writer_batch_size": _ROWS_IN_MEMORY,
        "remove_columns": dataset.column_names,
        "features": features,
    }
    folder = folder_of(dataset)
    if folder is None:
        return dataset.map(
            _numbered,
            with_indices=True,
            fn_kwargs={"first": 0, "function": function, "arguments": arguments},
            new_fingerprint=key,
            keep_in_memory=True,
            **options,
        )
    place = folder / f"{what.split()[0]}-{key}"
    starts = range(0, len(dataset), PIECE)

    def done() -> str:
        pieces = {file.name[:5] for file in place.glob("[0-9]*.arrow")}
        return f": {min(len(pieces) * PIECE, len(dataset)):,} of {len(dataset):,} rows"

    pieces = []
    with (
        _ended_reported(what),
        one_at_a_time(place.with_suffix(".lock"), what=what, progress=done, scratch=place),
        Bar(what, len(dataset), unit="rows", brief=True) as bar,
    ):
        for number, start in enumerate(starts):
            rows = dataset.select(range(start, min(start + PIECE, len(dataset))))
            pieces.append(
                rows.map(
                    _numbered,
                    with_indices=True,
                    fn_kwargs={"first": start, "function": function, "arguments": arguments},
                    new_fingerprint=f"{key}-{number}",
                    cache_file_name=str(place / f"{number:05d}.arrow"),
                    num_proc=_processes(len(rows), processes),
                    **options,
                )
            )
            bar.advance(len(rows))
    whole = datasets.concatenate_datasets(pieces)
    return datasets.Dataset(whole.data, info=whole.info, fingerprint=key)


@contextmanager
def _ended_reported(what: str) -> Iterator[None]:
    """Turn the end of a process of a piece into an error of one line."""
    try:
        yield
    except RuntimeError as error:
        if "abruptly died" not in str(error):
            raise
        raise RunError(
            f"data: a process that was to {what} was killed, perhaps for want of memory; what is "
            "done is kept: lower training.dataset_num_proc, and repeat the same command"
        ) from None


def _numbered(
    rows: Mapping[str, Any],
    numbers: list[int],
    *,
    first: int,
    function: Callable[..., Mapping[str, Any]],
    arguments: Mapping[str, Any],
) -> Mapping[str, Any]:
    return function(rows, [first + number for number in numbers], **arguments)


def _processes(rows: int, wanted: int | None) -> int | None:
    """Return how many processes share a piece: those asked for, or one a core up to 16, since the
    other ranks of the node wait meanwhile. None stands for this process itself."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    most = wanted or min(cores or 1, 16, rows // _ROWS_PER_PROCESS)
    return most if most > 1 else None
