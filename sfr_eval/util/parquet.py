"""Reads Parquet files that somebody else wrote, row by row."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_eval.errors import UserError, brief_error
from sfr_eval.util.untrusted import MAX_RATIO, MAX_UNPACKED_BYTES, open_plain

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_BATCH = 1024  # rows in memory at a time
_FEWEST_ROWS = 100_000  # never too many


def parquet_rows(file: Path, content: bytes | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (file: row N, row) of every row; `content` is that of a file that was packed. Raises
    UserError for a file that is damaged, unpacks to too much, or has a column twice."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with io.BytesIO(content) if content is not None else open_plain(file) as stream:
            table = pq.ParquetFile(stream)
            refuse_parquet_bomb(table, file)
            refuse_double(table.schema_arrow.names, where=str(file))
            for batch in table.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{file}: row {number}", row
    except UserError:  # which is a ValueError
        raise
    except (
        *(ArithmeticError, LookupError, MemoryError, OSError, TypeError, ValueError),
        pa.ArrowException,
    ) as error:
        raise UserError(f"{file}: a damaged Parquet file ({brief_error(error)})") from None


def refuse_parquet_bomb(table: "pq.ParquetFile", file: Path) -> None:
    """Raise UserError if a file says that it unpacks to more than MAX_RATIO bytes per byte, or to
    more rows than it has bytes."""
    facts = table.metadata
    packed = sum(
        max(0, facts.row_group(group).column(column).total_compressed_size)
        for group in range(facts.num_row_groups)
        for column in range(facts.num_columns)
    )
    size = sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
    whole = max(packed, file.stat().st_size)
    most = min(MAX_UNPACKED_BYTES, max(2**24, MAX_RATIO * whole))
    if size > most or facts.num_rows > max(_FEWEST_ROWS, 10 * whole):
        raise UserError(
            f"{file}: unpacks to {size:,} bytes in {facts.num_rows:,} rows, too much for a file of "
            "this size; unpack it yourself if you trust it"
        )


def refuse_double(columns: Sequence[str], *, where: str) -> None:
    """Raise UserError if two columns of a table have one name, since one would be lost."""
    if len(set(columns)) < len(columns):
        double = next(name for name in columns if columns.count(name) > 1)
        raise UserError(f"{where}: two columns are called `{double}`; rename one")
